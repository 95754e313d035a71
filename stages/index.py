"""Puts the embeddings of all products into an index that grows with the shop: `huse search`, `huse add`.

Reads data/model, the products, data/embeddings/image.npy and text.npy (N × D float32), and the CSV for its other
columns, such as price. Writes data/index, a table of LanceDB, and metrics/index.json.

The table is no output of DVC, as `huse add` changes it. What was added stays: as it is where the model is the same,
else embedded again by the new one.
"""

import logging

import pandas as pd

import huse
from huse.catalogue.reading import read_further
from huse.catalogue.table import product_ids
from huse.run import paths
from huse.run.artifacts import Outputs, read_table, read_vectors
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.use.entries import entries
from huse.use.growing import carried
from huse.use.index import CATALOGUE, COLUMNS, KINDS, Index
from huse.wording import counted
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params = here.section(CatalogueParams, "catalogue")
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "split", "group", "line"])
    images, texts = (
        read_vectors(here / path, products=products) for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS)
    )
    model = huse.load(here / paths.MODEL)
    further = _further(here, params, products)
    table = products.assign(product=product_ids(products))[["product", "image", "name", "classes", "split"]].join(
        further
    )
    rows, embeddings = entries(table, images, texts, CATALOGUE)
    folder = here / params.images
    about = {
        "fingerprint": model.fingerprint,
        "images": str(folder.resolve()),
        "columns": {kind: name for kind, name in params.columns.model_dump().items() if name and kind != "split"},
    }
    added = carried(here / paths.INDEX, model, known=set(table["product"]))
    if added is not None:
        rows, embeddings = added.behind(rows, embeddings)
        logging.info(
            "index: %s added later %s kept", counted(added.products, "product"), "is" if added.products == 1 else "are"
        )
    index = Index.make(here / paths.INDEX, rows, embeddings, about)
    content: dict[str, int] = {
        "embeddings": len(index),
        **{kind: index.count(kind) for kind in KINDS},
        "products_added": 0 if added is None else added.products,
        "further_columns": len(index.further),
    }
    with Outputs() as outputs:
        outputs.json(here / paths.INDEX_METRICS, content)
    return f"index: {counted(len(index), 'embedding')} of {counted(index.count('products'), 'product')}"


def _further(here: Run, params: CatalogueParams, products: pd.DataFrame) -> pd.DataFrame:
    """Return the other columns of the CSV, row by row of the products."""
    used = [name for name in params.columns.model_dump().values() if name]
    further = read_further(here / params.csv, encoding=params.encoding, used=used)
    clash = [name for name in further if name in (*COLUMNS, "embedding")]
    if clash:
        logging.info("index: the columns %s of the catalogue are left out, as the index has its own", ", ".join(clash))
    return further.drop(columns=clash).reindex(products["line"]).set_index(products.index)


if __name__ == "__main__":
    run(main)
