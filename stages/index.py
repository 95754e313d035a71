"""Puts the embeddings of all products into an index that grows with the shop: `huse search`, `huse add`.

Reads data/model, the products, data/embeddings/image.npy and text.npy (N × D float32), and the CSV for its other
columns, such as price. Writes data/index, a table of LanceDB, and metrics/index.json.

The table is no output of DVC, as `huse add` changes it. What was added stays: as it is where the model is the same,
else embedded again by the new one.
"""

import logging
from collections.abc import Iterator
from itertools import chain

import pandas as pd

import huse
from huse.catalogue.reading import read_further, typed
from huse.catalogue.table import product_ids
from huse.errors import InputError
from huse.model.network import WEIGHTS
from huse.run import paths
from huse.run.artifacts import Outputs, manifest_path, read_json, read_table, read_vectors
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import absolute
from huse.use.entries import Floats, entries, with_further
from huse.use.folder import read_model_config
from huse.use.growing import carried, in_batches
from huse.use.index import CATALOGUE, KINDS, OWN, Index, alone
from huse.wording import counted
from stages.runner import run

TOGETHER = 20_000  # rows of the catalogue that are in memory with their embeddings


def main(here: Run) -> str:
    """Run the stage."""
    params = here.section(CatalogueParams, "catalogue")
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "split", "group", "line"])
    images, texts = (
        read_vectors(here / path, products=products) for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS)
    )
    model = huse.load(here / paths.MODEL)
    used = read_model_config(here / paths.MODEL)["sha256"].get(WEIGHTS)
    for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS):
        towers = read_json(manifest_path(here / path), ["parameters"])["parameters"].get("towers")
        if towers != used:
            raise InputError(f"{here / path}: made by other towers than those of {paths.MODEL}. Run `dvc repro`.")
    table = products.assign(product=product_ids(products))[["product", "image", "name", "classes", "split"]]
    table = with_further(table, products["line"], _further(here, params))
    batches = in_batches(table, TOGETHER)
    parts: Iterator[tuple[pd.DataFrame, Floats]] = (
        entries(batch, images[batch.index], texts[batch.index], CATALOGUE) for batch in batches
    )
    pictures = absolute(here.place(params.images))
    about = {
        "fingerprint": model.fingerprint,
        "images": str(pictures),
        "columns": params.columns.of_products,
    }
    with alone(here / paths.INDEX):  # what is added in between would be lost
        added = carried(here / paths.INDEX, model, known=set(table["product"]), pictures=pictures)
        if added is not None:
            told = counted(added.products, "product")
            logging.info("index: %s added later %s kept", told, "is" if added.products == 1 else "are")
            parts = chain(parts, [(added.rows, added.embeddings)])
        index = Index.make(here / paths.INDEX, parts, about)
    content: dict[str, int] = {
        "embeddings": len(index),
        **{kind: index.count(kind) for kind in KINDS},
        "products_added": 0 if added is None else added.products,
        "further_columns": len(index.further),
    }
    with Outputs() as outputs:
        outputs.json(here / paths.INDEX_METRICS, content)
    return f"index: {counted(len(index), 'embedding')} of {counted(index.count('products'), 'product')}"


def _further(here: Run, params: CatalogueParams) -> pd.DataFrame:
    """Return the other columns of the CSV, by line; say which of them an index has of its own."""
    used = [name for name in params.columns.model_dump().values() if name]
    further = typed(read_further(here.place(params.csv), encoding=params.encoding, used=used))
    clash = [name for name in further if name in OWN]
    if clash:
        logging.info("index: the columns %s of the catalogue are left out, as the index has its own", ", ".join(clash))
    return further


if __name__ == "__main__":
    run(main)
