"""The table of products: one row a picture, in the row order of all arrays."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from huse.catalogue.checking import Product
from huse.catalogue.splitting import SPLITS, group_products, split_groups
from huse.errors import InputError


def make_table(products: Sequence[Product], shares: Mapping[str, float], seed: int) -> pd.DataFrame:
    """Number the classes, group pictures into products and split them.

    Args:
        products: rows that passed all checks; their order is kept.
        shares: share of each split; they add up to 1.
        seed: of the split.

    Returns:
        Columns `row` (from 0), `image`, `name`, `classes`, `class_index` (place of the class path among the
        sorted ones), `split`, `group`, `line` (of the CSV).

    Raises:
        InputError: there are fewer than two classes, or too few products to give every split one.
    """
    table = pd.DataFrame(products)
    classes = sorted(set(table["classes"]))
    if len(classes) < 2:
        raise InputError(
            f"catalogue.csv: expected at least 2 classes, found {len(classes)}: {', '.join(classes)}. "
            "There is nothing to tell apart."
        )
    table["row"] = range(len(table))
    table["class_index"] = table["classes"].map({path: index for index, path in enumerate(classes)})
    table["group"] = group_products(table["name"].tolist(), table["digest"].tolist())
    table["split"] = split_groups(table["group"].to_numpy(), table["classes"].tolist(), shares, seed)
    empty = [split for split in SPLITS if not (table["split"] == split).any()]
    if empty:
        raise InputError(
            f"catalogue.csv: no product is left for {' and '.join(empty)}: {table['group'].nunique()} products "
            f"in {len(classes)} classes are too few to split. Add products or change catalogue.split."
        )
    return table[["row", "image", "name", "classes", "class_index", "split", "group", "line"]]


def class_counts(table: pd.DataFrame) -> dict[str, Any]:
    """Return the sorted class paths and, for each split, the number of pictures of each class."""
    classes = sorted(set(table["classes"]))
    counts = {split: Counter(table.loc[table["split"] == split, "classes"]) for split in SPLITS}
    return {
        "classes": classes,
        "counts": {split: [counts[split][path] for path in classes] for split in SPLITS},
    }
