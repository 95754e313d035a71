"""Makes the rows of a catalogue agree with each other: one spelling of a class, one class of a product.

What is changed or left out is said row by row; what only looks wrong is a remark.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import pandas as pd

from huse.catalogue.checking import Product
from huse.catalogue.mending import says_nothing
from huse.catalogue.reading import Rejected
from huse.catalogue.splitting import UNSEEN, torn_groups
from huse.taxonomy import LEVEL_SEPARATOR, split_path
from huse.wording import counted

OTHER_SEPARATORS = (">", "/", "|", "»")
WEAK = "/"  # without spaces around it, it may stand in the name of a class: T-Shirts/Tops
MOST_ROWS, MOST_NAMES = 50, 9  # of one product, before that is worth a remark

SeveralClasses = Literal["keep", "first", "drop"]


def join_spellings(products: Sequence[Product], known: Mapping[str, int] | None = None) -> list[Product]:
    """Give levels that differ only by case, compatibility forms or white space one spelling.

    It is the most frequent of each node of the class tree, and of equally frequent ones the first. A row whose class
    path changes says so in its repair.

    Args:
        products: rows that passed all checks.
        known: class paths of an index, with their products; of a node that is there, its own spelling counts alone.
    """
    counts = Counter(product.classes for product in products)
    keys = {path: _keys(split_path(path)) for path in counts}
    chosen = _chosen(counts) | _chosen(known or {})
    joined = []
    for product in products:
        path = LEVEL_SEPARATOR.join(chosen[key] for key in keys[product.classes])
        if path != product.classes:
            repair = "; ".join(filter(None, (f"class path spelled as most are: {path}", product.repair)))
            joined.append(replace(product, classes=path, repair=repair))
        else:
            joined.append(product)
    return joined


def _chosen(counts: Mapping[str, int]) -> dict[tuple[str, ...], str]:
    """Return the most frequent spelling of each node of class paths that are counted."""
    spellings: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for path, count in counts.items():
        levels = split_path(path)
        for key, level in zip(_keys(levels), levels, strict=True):
            spellings[key][level] += count
    return {key: of_node.most_common(1)[0][0] for key, of_node in spellings.items()}


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
        f"{counted(len(several), 'time')} the same picture and name stand under several classes "
        f"(first {first[0].name or first[0].image!r}, {found}); "
        f"catalogue.several_classes is {which}"
    )
    dropped = {}
    for those in several if which != "keep" else []:
        for product in those:
            if which == "drop" or product.classes != those[0].classes:
                other = next(one for one in those if one.classes != product.classes)
                dropped[product.line] = f"the same picture and name under another class: line {other.line}"
    left_out = [
        Rejected(product.line, product.image, product.name, product.classes, dropped[product.line], "chosen")
        for product in products
        if product.line in dropped
    ]
    return [product for product in products if product.line not in dropped], left_out, remark


def table_remarks(products: Sequence[Product], table: pd.DataFrame) -> list[str]:
    """Return what looks wrong in a table of products that is split, of `huse.catalogue.table.make_table`."""
    torn = torn_groups(table["group"].to_numpy(), table["split"].to_numpy())
    stand = counted(torn, "product stands", "products stand")
    divided = f"{stand} in several splits, as the given split has it" if torn else None
    joined = joined_remark(products, table["group"].tolist())
    found = separator_remark(table["classes"]), empty_remark(table["classes"]), joined, divided
    return [remark for remark in (*found, untrained_remark(table)) if remark]


def empty_remark(classes: Iterable[str]) -> str | None:
    """Return a remark if levels of class paths are what programs write into an empty cell."""
    odd = [path for path in sorted(set(classes)) if any(map(says_nothing, split_path(path)))]
    if not odd:
        return None
    return (
        f"{counted(len(odd), 'class has', 'classes have')} a level that looks like an empty cell, first {odd[0]!r}. "
        "If it is one, leave the level out, or the cell empty: then the row is rejected."
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
        f"{counted(len(untrained), 'class has', 'classes have')} no product in training, first {untrained[0]!r}: what "
        "training lacks cannot be learned, and each product of it counts as wrong. Move some to training, or hold the "
        "classes out by catalogue.unseen_classes."
    )


def separator_remark(
    classes: Iterable[str], remedy: str = "`huse import table --separator '{mark}'` writes such a catalogue"
) -> str | None:
    """Return a remark if classes of one level contain the separator of another convention.

    A slash without spaces around it counts only if more than half of the classes of one level contain such a mark.

    Args:
        classes: class paths.
        remedy: what to do; ``{mark}`` in it is the most frequent mark.
    """
    distinct = sorted(set(classes))
    of_one_level = [path for path in distinct if LEVEL_SEPARATOR not in path]
    marks = {path: _marks(path) for path in of_one_level if _marks(path)}
    sure = [path for path, found in marks.items() if set(found) - {WEAK} or f" {WEAK} " in path]
    if not sure and 2 * len(marks) <= len(of_one_level):
        return None
    verbs = "has one level and contains" if len(marks) == 1 else "have one level and contain"
    counts = Counter(mark for found in marks.values() for mark in found)
    told = ", ".join(f"{count:,} × {mark}" for mark, count in counts.most_common())
    return (
        f"{len(marks):,} of {counted(len(distinct), 'class', 'classes')} {verbs} a mark that may separate "
        f"levels ({told}), first {[*sure, *marks][0]!r}. Levels are joined by {LEVEL_SEPARATOR}: "
        f"{remedy.format(mark=counts.most_common(1)[0][0])}."
    )


def _marks(path: str) -> list[str]:
    """Return the separators of other conventions that stand between two parts of a class path."""
    return [mark for mark in OTHER_SEPARATORS if mark in path.strip(f"{mark} ")]


def joined_remark(
    products: Sequence[Product],
    groups: Sequence[int],
    column: str = "catalogue.columns.product",
    so: str = "All rows of a product are in one split",
) -> str | None:
    """Return a remark if rows that shared a name or a picture make up a suspicious product.

    That is one of over `MOST_ROWS` rows or `MOST_NAMES` different names, or one of several classes.

    Args:
        products: N rows.
        groups: N numbers of products.
        column: what names a column of ids.
        so: what follows from their being one product.
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
    classes = len({row.classes for row in largest})
    names, pictures = (
        Counter(key for key in keys if key).most_common(1) or [("", 0)]
        for keys in ([row.name.casefold() for row in largest], [row.digest for row in largest])
    )
    (folded, by_name), (digest, by_picture) = names[0], pictures[0]
    name = next(row.name for row in largest if row.name.casefold() == folded)
    shared = f"the name {name!r}, which {counted(by_name, 'row has', 'rows have')}"
    remedy = f"name a column of product ids: {column}"
    if largest[0].product:
        shared, remedy = f"the id {largest[0].product!r}", "give each an id of its own"
    elif by_picture > by_name:
        image = next(row.image for row in largest if row.digest == digest)
        shared = f"the picture {image}, which {counted(by_picture, 'row has', 'rows have')}"
    return (
        f"{counted(len(odd), 'product has', 'products have')} over {MOST_ROWS} rows, over {MOST_NAMES} names or "
        f"several classes. The largest has {len(largest):,} rows in {counted(classes, 'class', 'classes')}, joined for "
        f"instance by {shared}. {so}. If these are different products, {remedy}."
    )
