"""From products to the rows of an index: their pictures, their names, and each product as a whole.

Letters: R rows of a catalogue, N embeddings, M products, D dimension of the shared space.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.fusion import mean_direction
from huse.use.index import COLUMNS, KINDS, OWN

Floats = npt.NDArray[np.float32]


def entries(products: pd.DataFrame, images: Floats, texts: Floats, origin: str) -> tuple[pd.DataFrame, Floats]:
    """Return the rows of an index, and their embeddings; rows of a product are adjacent.

    A product is what the evaluation takes for it: the mean of its pictures' and of its names' mean embeddings, each
    scaled to unit norm.

    Args:
        products: R rows with `product`, `image`, `name`, `classes`, `split`, and further columns of text or numbers; an
            empty image or name is none. A product has at least one of both.
        images: R × D float32, unit norm; a row of no picture does not count.
        texts: R × D float32, the same of names.
        origin: of all of them.

    Returns:
        N rows as `Index.make` takes them, and N × D float32.
    """
    numbers, ids = pd.factorize(products["product"])
    first = products.iloc[np.unique(numbers, return_index=True)[1]]
    parts: dict[str, tuple[pd.DataFrame, Floats]] = {}
    halves = []
    for kind, column, embeddings in (("pictures", "image", images), ("names", "name", texts)):
        there = (products[column] != "").to_numpy()
        halves.append(mean_direction(np.where(there[:, None], embeddings, np.float32(np.nan)), numbers))
        once = there & ~products.duplicated(["product", column]).to_numpy()
        parts[kind] = products[once], embeddings[once]
    whole = mean_direction(np.concatenate(halves), np.tile(np.arange(len(ids)), 2))
    parts["products"] = _first_of_each(products, first), whole
    rows = pd.concat([those.assign(kind=kind, origin=origin) for kind, (those, _) in parts.items()], ignore_index=True)
    order = np.lexsort([rows["kind"].map(KINDS.index), pd.Index(ids).get_indexer(rows["product"])])
    further = [name for name in products.columns if name not in COLUMNS]
    kept = ["kind", "product", "image", "name", "classes", "split", "origin", *further]
    return rows.iloc[order].reset_index(drop=True)[kept], np.concatenate([each for _, each in parts.values()])[order]


def with_further(rows: pd.DataFrame, lines: "pd.Series[int]", further: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the other columns of their CSV beside, without those that an index has of its own.

    Args:
        rows: R rows.
        lines: R lines of the CSV, with the same index.
        further: the other columns, by line.
    """
    kept = further.drop(columns=[name for name in further if name in OWN])
    return rows.join(kept.reindex(lines).set_index(rows.index))


def _first_of_each(products: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """Return a row a product: its first picture and its first name, which may stand in different rows."""
    shown = {
        column: products[products[column] != ""].groupby("product", sort=False)[column].first().to_dict()
        for column in ("image", "name")
    }
    return first.assign(
        **{column: [those.get(product, "") for product in first["product"]] for column, those in shown.items()}
    )
