"""Groups pictures into products and splits products into train, validation and test."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SPLITS = ("train", "validation", "test")
UNSEEN = "unseen"  # products of classes that are held out; no stage learns from them


def group_products(
    names: Sequence[str], digests: Sequence[str], products: Sequence[str | None]
) -> npt.NDArray[np.int64]:
    """Number the products: rows of one name, or of one picture file, belong to the same product.

    Names are compared without case. Rows that share a picture are joined too: else training could see a test picture.
    Rows with an id of their product belong to that one alone. A missing name or picture joins nothing.

    Args:
        names: N names, empty where there is none.
        digests: N hashes of the pictures' bytes, empty where there is none.
        products: N ids, None or empty where there is none.

    Returns:
        N group numbers, counted from 0 in the order of first appearance.
    """
    rows = list(zip(names, digests, products, strict=True))
    names_or_ids = [
        f"id {own}" if own else f"name {name.casefold()}" if name else f"row {row}"
        for row, (name, _, own) in enumerate(rows)
    ]
    pictures_or_ids = [f"id {own}" if own else digest or f"row {row}" for row, (_, digest, own) in enumerate(rows)]
    # Objects: an array of strings gives every row the width of the longest name.
    keys, known = pd.factorize(np.array(names_or_ids, dtype=object))
    pictures = len(known) + pd.factorize(np.array(pictures_or_ids, dtype=object))[0]
    size = int(pictures.max()) + 1
    graph = coo_array((np.ones(len(keys)), (keys, pictures)), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    return pd.factorize(component[keys])[0]


def keep_split(
    given: npt.NDArray[Any],
    groups: npt.NDArray[np.int64],
    classes: Sequence[str],
    shares: Mapping[str, float],
    seed: int,
) -> npt.NDArray[Any]:
    """Return the given split; if it has no validation part, draw one from its training part.

    Published splits often have only training and test. Whole products are drawn, so none is in both training and
    validation. A product that the given split divides between training and test stays divided: metrics are of the split
    as published.

    Args:
        given: N names of `SPLITS`.
        groups: N group numbers.
        classes: N class paths.
        shares: of `split_groups`; validation takes validation / (train + validation) of the training part.
        seed: of the draw.
    """
    if "validation" in given:
        return given
    split, training = given.copy(), np.flatnonzero(given == "train")
    total = shares["train"] + shares["validation"]
    within = {"train": shares["train"] / total, "validation": shares["validation"] / total, "test": 0.0}
    split[training] = split_groups(groups[training], [classes[row] for row in training.tolist()], within, seed)
    return split


def torn_groups(groups: npt.NDArray[np.int64], split: npt.NDArray[Any]) -> int:
    """Count the groups whose rows stand in more than one split."""
    return int((pd.Series(split).groupby(groups).nunique() > 1).sum())


def split_groups(
    groups: npt.NDArray[np.int64], classes: Sequence[str], shares: Mapping[str, float], seed: int
) -> npt.NDArray[Any]:
    """Split rows by group, stratified by class.

    Within a class, groups in random order go one by one to the split that is farthest below its share. The first always
    goes to train, so that every class is learned. Ties go to the split farthest below its share over all classes, so
    that small classes do not all favour one split.

    Args:
        groups: N group numbers; a group is never divided. Its class is its most frequent one.
        classes: N class paths.
        shares: share of each of `SPLITS`; they add up to 1.
        seed: of the order.

    Returns:
        N split names.
    """
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    by_class: dict[str, list[list[int]]] = {}
    for rows in members.values():
        names, counts = np.unique([classes[row] for row in rows], return_counts=True)
        by_class.setdefault(str(names[counts.argmax()]), []).append(rows)
    share = np.array([shares[name] for name in SPLITS])
    lacking_overall = share * len(groups)
    assigned = np.empty(len(groups), dtype=object)
    for name in sorted(by_class):
        candidates = by_class[name]
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(len(candidates))
        lacking = share * sum(map(len, candidates))
        for position, index in enumerate(order):
            rows = candidates[index]
            chosen = 0 if position == 0 else int(np.lexsort((lacking_overall, lacking.round(9)))[-1])
            lacking[chosen] -= len(rows)
            lacking_overall[chosen] -= len(rows)
            assigned[rows] = SPLITS[chosen]
    return assigned
