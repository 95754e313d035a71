"""Lists which classes are near each other and which are far apart.

Letters: C classes. Equal distances are listed in tree order; see `huse.taxonomy.ClassTree.order`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.labels.graph import Distances
from huse.taxonomy import ClassTree, Hops

Pairs = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]  # a key for each pair, and the pair as first × C + second


def nearest_and_farthest(
    distances: Distances, classes: Sequence[str], hops: Hops, count: int = 20, block: int = 256
) -> pd.DataFrame:
    """List the nearest and the farthest pairs of classes.

    Args:
        distances: C × C float32, symmetric.
        classes: C class paths.
        hops: C × C int16; see `huse.taxonomy.ClassTree.hops`.
        count: pairs at each end, if there are as many. With fewer than twice as many pairs in all, some are listed at
            both ends.
        block: rows of the distances at a time; no effect on the result.

    Returns:
        Columns `end` (``nearest``, from the nearest on, then ``farthest``, from the farthest on), `distance`
        (4 decimals), `hops`, `first` and `second`, the one that comes first in the tree being `first`. Pairs
        at the same distance (before rounding) are in tree order of `first`, then of `second`.
    """
    order = np.array(ClassTree.of(classes).order, np.int64)
    rows = []
    for end, sign in (("nearest", np.float32(1)), ("farthest", np.float32(-1))):
        for pair in _smallest(distances, order, sign, count, block).tolist():
            first, second = (int(order[place]) for place in divmod(pair, len(order)))
            distance = round(float(distances[first, second]), 4)
            rows.append((end, distance, int(hops[first, second]), classes[first], classes[second]))
    return pd.DataFrame(rows, columns=["end", "distance", "hops", "first", "second"])


def _smallest(
    distances: Distances, order: npt.NDArray[np.int64], sign: np.float32, count: int, block: int
) -> npt.NDArray[np.int64]:
    """Return the `count` pairs with the smallest sign × distance, each as first × C + second place in the order."""
    best: Pairs = (np.empty(0, np.float32), np.empty(0, np.int64))
    for start in range(0, len(order), block):
        keys = distances[order[start : start + block]][:, order] * sign
        keys[np.arange(len(order)) <= np.arange(start, start + len(keys))[:, None]] = np.inf  # count each pair once
        # Blocks come in tree order, so ties keep the earlier block's pairs.
        worst = best[0][-1] if len(best[0]) == count and count else np.float32(np.inf)
        places = np.flatnonzero(keys.reshape(-1) < worst)
        found = np.concatenate([best[0], keys.reshape(-1)[places]])
        pairs = np.concatenate([best[1], places + start * len(order)])
        kept = np.argsort(found, kind="stable")[:count]
        best = found[kept], pairs[kept]
    return best[1]


def nearest_classes(
    distances: Distances, classes: Sequence[str], count: int = 3, block: int = 256
) -> dict[str, list[tuple[str, float]]]:
    """Find the classes nearest to each class.

    Args:
        distances: C × C float32.
        classes: C class paths.
        count: neighbours of each, if there are as many.
        block: rows of the distances at a time; no effect on the result.

    Returns:
        For each class, in tree order, its nearest others and their distances, the nearest first.
    """
    order = np.array(ClassTree.of(classes).order, np.int64)
    found: dict[str, list[tuple[str, float]]] = {}
    for start in range(0, len(order), block):
        keys = distances[order[start : start + block]][:, order]
        rows = np.arange(len(keys))
        keys[rows, start + rows] = np.inf
        names = [classes[index] for index in order[start : start + block].tolist()]
        found |= {name: [] for name in names}
        for _ in range(min(count, len(order) - 1)):
            nearest = keys.argmin(axis=1)  # ties: the first
            for name, place, distance in zip(names, nearest.tolist(), keys[rows, nearest].tolist(), strict=True):
                found[name].append((classes[int(order[place])], distance))
            keys[rows, nearest] = np.inf
    return found
