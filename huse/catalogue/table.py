"""The table of products: one row a picture, in the row order of all arrays."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from huse.catalogue.checking import Product
from huse.catalogue.holding_out import choose_unseen
from huse.catalogue.splitting import SPLIT_BY, SPLITS, UNSEEN, group_products, keep_split, product_keys
from huse.errors import InputError


def make_table(
    products: Sequence[Product],
    shares: Mapping[str, float],
    seed: int,
    unseen: float | Sequence[str] = 0,
    by: str = "hash",
) -> pd.DataFrame:
    """Number the classes, group pictures into products and split them.

    Args:
        products: rows that passed all checks; their order is kept, and their split if given.
        shares: share of each split; they add up to 1.
        seed: of the split.
        unseen: classes to hold out, see `choose_unseen`.
        by: how to split, a name of `SPLIT_BY`.

    Returns:
        Columns `row` (from 0), `image`, `name`, `classes`, `class_index` (place in the sorted class paths), `split`,
        `group`, `line` (of the CSV); and `product`, where the catalogue has ids.

    Raises:
        InputError: there are fewer than two classes, or too few products to give every split one; or see
            `choose_unseen`.
    """
    table = grouped(products)
    classes = sorted(set(table["classes"]))
    if len(classes) < 2:
        raise InputError(
            f"catalogue.csv: expected at least 2 classes, found {len(classes)}: {', '.join(classes)}. "
            "There is nothing to tell apart."
        )
    table["row"] = range(len(table))
    table["class_index"] = table["classes"].map({path: index for index, path in enumerate(classes)})
    # Other rows of the same products are held out too: to learn from them is to learn names and pictures of an unseen
    # class.
    chosen = table["classes"].isin(choose_unseen(classes, unseen, seed))
    held_out = table["group"].isin(table.loc[chosen, "group"]).to_numpy()
    rest, split = table[~held_out], np.full(len(table), UNSEEN, dtype=object)
    given = rest["split"].notna().any()
    split[~held_out] = keep_split(rest, shares, seed, by) if given else SPLIT_BY[by](rest, shares, seed)
    table["split"] = split
    empty = [split for split in SPLITS if not (table["split"] == split).any()]
    if empty:
        reason = (
            f"{table['group'].nunique()} products in {len(classes)} classes are too few to split. Add products, or "
            "change catalogue.split (by: balance needs fewer) or catalogue.unseen_classes"
        )
        if given and "train" in empty:
            reason = (
                "the split that the table gives has none, or catalogue.unseen_classes holds them out. Change either"
            )
        raise InputError(f"catalogue.csv: no product is left for {' and '.join(empty)}: {reason}.")
    kept = ["row", "image", "name", "classes", "class_index", "split", "group", "line"]
    return table[[*kept, *(["product"] if table["product"].any() else [])]]


def grouped(products: Sequence[Product]) -> pd.DataFrame:
    """Return rows that passed all checks as a table, with `key` and `group`, the number of the product."""
    table = pd.DataFrame(map(vars, products))  # pandas would copy every field of every product deeply
    digests, ids = table["digest"].tolist(), table["product"].tolist()
    table["key"] = product_keys(table["name"].tolist(), digests, ids)
    table["group"] = group_products(table["key"].to_numpy(), digests, ids)
    return table


def product_ids(table: pd.DataFrame) -> list[str]:
    """Return for each row what its product is known by: the catalogue's id, else its name, else its picture's path.

    All rows of a group get that of the first one that has it. Of groups that would get the same, the later ones get a
    number behind it: the next one that makes it that of no other group.

    Args:
        table: with `group`, `name`, `image`, and `product` where the catalogue has ids.
    """
    given = [table["product"].fillna("")] if "product" in table else []
    known_by = pd.Series("", table.index)
    for column in (*given, table["name"], table["image"]):
        first = column[column != ""].groupby(table["group"]).first().to_dict()
        filled = pd.Series([first.get(group, "") for group in table["group"]], table.index)
        known_by = known_by.where(known_by != "", filled)
    of_group = known_by.groupby(table["group"], sort=False).first()
    taken, numbers = set(of_group), Counter[str]()
    unique = of_group.to_dict()
    for group, known in of_group[of_group.duplicated()].items():
        number = numbers[known] or 2
        while f"{known} ({number})" in taken:
            number += 1
        unique[group], numbers[known] = f"{known} ({number})", number + 1
        taken.add(unique[group])
    return table["group"].map(unique).tolist()


def class_counts(table: pd.DataFrame) -> dict[str, Any]:
    """Return the sorted class paths and, for each split, the number of pictures of each class."""
    classes = sorted(set(table["classes"]))
    splits = (*SPLITS, UNSEEN) if (table["split"] == UNSEEN).any() else SPLITS
    counts = {split: Counter(table.loc[table["split"] == split, "classes"]) for split in splits}
    return {"classes": classes, "counts": {split: [counts[split][path] for path in classes] for split in splits}}


def unseen_classes(table: pd.DataFrame) -> int:
    """Count the classes whose products are all held out."""
    return int(table["classes"].nunique() - table.loc[table["split"] != UNSEEN, "classes"].nunique())
