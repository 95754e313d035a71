"""Makes the rows of a catalogue agree with each other: one spelling of a class, one class of a product.

What is changed or left out is said row by row; what only looks wrong is a remark.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import pandas as pd

from huse.catalogue.checking import Product
from huse.catalogue.mending import says_nothing
from huse.catalogue.reading import Rejected
from huse.catalogue.splitting import UNSEEN, torn_groups
from huse.taxonomy import LEVEL_SEPARATOR, split_path

OTHER_SEPARATORS = (">", "/", "|", "»")
MOST_ROWS, MOST_NAMES = 50, 9  # of one product, before that is worth a remark

SeveralClasses = Literal["keep", "first", "drop"]


def join_spellings(products: Sequence[Product]) -> list[Product]:
    """Give levels that differ only by case, compatibility forms or white space one spelling.

    It is the most frequent of each node of the class tree, and of equally frequent ones the first. A row whose class
    path changes says so in its repair.
    """
    spellings: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    counts = Counter(product.classes for product in products)
    keys = {path: _keys(split_path(path)) for path in counts}
    for path, count in counts.items():
        for key, level in zip(keys[path], split_path(path), strict=True):
            spellings[key][level] += count
    chosen = {key: of_node.most_common(1)[0][0] for key, of_node in spellings.items()}
    joined = []
    for product in products:
        path = LEVEL_SEPARATOR.join(chosen[key] for key in keys[product.classes])
        if path != product.classes:
            repair = "; ".join(filter(None, (f"class path spelled as most are: {path}", product.repair)))
            joined.append(replace(product, classes=path, repair=repair))
        else:
            joined.append(product)
    return joined


def _keys(levels: Sequence[str]) -> list[tuple[str, ...]]:
    """Return for each level of a class path what its node is known by, whatever its spelling."""
    parts = [" ".join(unicodedata.normalize("NFKC", level).casefold().split()) for level in levels]
    return [tuple(parts[: depth + 1]) for depth in range(len(parts))]


def one_class(products: Sequence[Product], which: SeveralClasses) -> tuple[list[Product], list[Rejected], str | None]:
    """Find rows of the same picture and name that stand under several classes.

    Args:
        products: rows that passed all checks.
        which: ``keep`` all of these rows; of each picture and name those of the ``first`` class; or ``drop`` all.

    Returns:
        The rows kept, those left out, and a remark if there are such rows.
    """
    rows: defaultdict[tuple[str, str], list[Product]] = defaultdict(list)
    for product in products:
        rows[product.digest, product.name.casefold()].append(product)
    several = [those for those in rows.values() if len({product.classes for product in those}) > 1]
    if not several:
        return list(products), [], None
    first = several[0]
    found = ", ".join(f"line {product.line}: {product.classes}" for product in first[:3])
    remark = (
        f"{len(several):,} times the same picture and name stand under several classes "
        f"(first {first[0].name or first[0].image!r}, {found}); "
        f"catalogue.several_classes is {which}"
    )
    dropped = {}
    for those in several if which != "keep" else []:
        for product in those:
            if which == "drop" or product.classes != those[0].classes:
                dropped[product.line] = f"the same picture and name under another class: line {those[0].line}"
    left_out = [
        Rejected(product.line, product.image, product.name, product.classes, dropped[product.line], "chosen")
        for product in products
        if product.line in dropped
    ]
    return [product for product in products if product.line not in dropped], left_out, remark


def table_remarks(products: Sequence[Product], table: pd.DataFrame) -> list[str]:
    """Return what looks wrong in a table of products that is split, of `huse.catalogue.table.make_table`."""
    torn = torn_groups(table["group"].to_numpy(), table["split"].to_numpy())
    divided = f"{torn} products stand in several splits, as the given split has them" if torn else None
    joined = joined_remark(products, table["group"].tolist())
    found = separator_remark(table["classes"]), empty_remark(table["classes"]), joined, divided
    return [remark for remark in (*found, untrained_remark(table)) if remark]


def empty_remark(classes: Iterable[str]) -> str | None:
    """Return a remark if levels of class paths are what programs write into an empty cell."""
    odd = [path for path in sorted(set(classes)) if any(map(says_nothing, split_path(path)))]
    if not odd:
        return None
    return (
        f"{len(odd):,} classes have a level that looks like an empty cell, first {odd[0]!r}. If it is one, leave the "
        "level out, or the cell empty: then the row is rejected."
    )


def untrained_remark(table: pd.DataFrame) -> str | None:
    """Return a remark if classes that are not held out have products, but none in training.

    The given split may have it so. Or all products of a class are of another class too, and count as that one.
    """
    seen = table[table["split"] != UNSEEN]
    untrained = sorted(set(seen["classes"]) - set(seen.loc[seen["split"] == "train", "classes"]))
    if not untrained:
        return None
    return (
        f"{len(untrained):,} classes have no product in training, first {untrained[0]!r}: they cannot be learned, and "
        "each of their products counts as wrong. Give them products there, or catalogue.unseen_classes their names."
    )


def separator_remark(classes: Iterable[str]) -> str | None:
    """Return a remark if most class paths have one level and contain the separator of another convention."""
    distinct = sorted(set(classes))
    if any(LEVEL_SEPARATOR in path for path in distinct):
        return None
    for separator in OTHER_SEPARATORS:
        holding = [path for path in distinct if separator in path.strip(f"{separator} ")]
        if 2 * len(holding) > len(distinct):
            return (
                f"{len(holding):,} of {len(distinct):,} classes have one level and contain {separator}, first "
                f"{holding[0]!r}. Levels are joined by {LEVEL_SEPARATOR}: `huse import table --separator "
                f"'{separator}'` writes such a catalogue."
            )
    return None


def joined_remark(products: Sequence[Product], groups: Sequence[int]) -> str | None:
    """Return a remark if rows that shared a name or a picture make up a suspicious product.

    That is one of over `MOST_ROWS` rows or `MOST_NAMES` different names, or one of several classes.

    Args:
        products: N rows.
        groups: N numbers of products.
    """
    rows: defaultdict[int, list[Product]] = defaultdict(list)
    for product, group in zip(products, groups, strict=True):
        rows[group].append(product)
    odd = [
        those
        for those in rows.values()
        if len(those) > MOST_ROWS
        or len({product.name.casefold() for product in those}) > MOST_NAMES
        or len({product.classes for product in those}) > 1
    ]
    if not odd:
        return None
    largest = max(odd, key=len)
    names, pictures = (
        Counter(key for key in keys if key).most_common(1) or [("", 0)]
        for keys in ([row.name.casefold() for row in largest], [row.digest for row in largest])
    )
    (folded, by_name), (digest, by_picture) = names[0], pictures[0]
    name = next(row.name for row in largest if row.name.casefold() == folded)
    shared = f"the name {name!r}, which {by_name:,} rows have"
    remedy = "name a column of product ids: catalogue.columns.product"
    if largest[0].product:
        shared, remedy = f"the id {largest[0].product!r}", "give each an id of its own"
    elif by_picture > by_name:
        image = next(row.image for row in largest if row.digest == digest)
        shared = f"the picture {image}, which {by_picture:,} rows have"
    return (
        f"{len(odd):,} products have over {MOST_ROWS} rows, over {MOST_NAMES} names or several classes. The largest "
        f"has {len(largest):,} rows in {len({row.classes for row in largest}):,} classes, joined for instance by "
        f"{shared}. All rows of a product are in one split. If these are different products, {remedy}."
    )
