"""Confusion of nodes of the class tree, and distances of classes.

Letters: N items, C classes, D dimension of the shared space, S nodes that are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huse.taxonomy import ClassTree, Integers, Node

Floats = npt.NDArray[np.float32]

MOST_SHOWN = 60  # nodes of a matrix; more cells would be too small
MOST_LEVELS = 5


@dataclass(frozen=True)
class Confusion:
    """Actual and predicted nodes of items at one level of the class tree.

    Attributes:
        level: from 1, coarse to fine.
        nodes: the S shown nodes, in tree order.
        counts: S × S int64, row: actual node, column: predicted one.
        items: of each shown node, S int64; includes those predicted as a node that is not shown.
        left_out: number of nodes not shown.
        agreement: share of all items whose predicted class agrees with theirs down to this level.
    """

    level: int
    nodes: list[Node]
    counts: Integers
    items: Integers
    left_out: int
    agreement: float


def confusions(tree: ClassTree, actual: Integers, predicted: Integers, most: int = MOST_SHOWN) -> list[Confusion]:
    """Count actual by predicted nodes at every level of the tree, the finest first.

    A class that ends above a level is its own node there. A level that parts the classes as a finer one does is left
    out; of more levels than `MOST_LEVELS`, the finest ones and the coarsest remain.

    Args:
        tree: of C classes.
        actual: N class numbers.
        predicted: N class numbers.
        most: nodes to show: those with the most items, ties in tree order.
    """
    depth = len(tree.levels)
    # Nodes are numbered in tree order, so the same parts have the same numbers.
    finer = (level for level in range(depth - 1, 0, -1) if (tree.levels[level - 1] != tree.levels[level]).any())
    levels = [depth, *finer]
    if len(levels) > MOST_LEVELS:
        levels = [*levels[: MOST_LEVELS - 1], levels[-1]]
    return [_confusion(tree, actual, predicted, level, most) for level in levels]


def _confusion(tree: ClassTree, actual: Integers, predicted: Integers, level: int, most: int) -> Confusion:
    nodes, of_class = tree.nodes(level), tree.levels[level - 1]
    rows, columns = of_class[actual], of_class[predicted]
    counts = np.zeros((len(nodes), len(nodes)), np.int64)
    np.add.at(counts, (rows, columns), 1)
    items = counts.sum(axis=1)
    present = np.flatnonzero(items + counts.sum(axis=0))
    shown = np.sort(present[np.argsort(-items[present], kind="stable")[:most]])
    agreement, kept = float((rows == columns).mean()), [nodes[index] for index in shown]
    return Confusion(level, kept, counts[np.ix_(shown, shown)], items[shown], len(present) - len(shown), agreement)


def class_mean_distances(embeddings: Sequence[Floats], classes: Integers, count: int) -> Floats:
    """Return the cosine distances between the means of the classes, over both modalities.

    Args:
        embeddings: for each modality N × D float32, unit norm.
        classes: N class numbers.
        count: C.

    Returns:
        C × C float32 in [0, 2], symmetric, diagonal 0; NaN for classes without items, or whose mean is 0.
    """
    sums = np.zeros((count, embeddings[0].shape[1]))
    for rows in embeddings:
        np.add.at(sums, classes, rows)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    units = np.divide(sums, norms, out=np.full_like(sums, np.nan), where=norms > 0)
    distances = np.clip(1 - units @ units.T, 0, 2)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, np.where(norms[:, 0] > 0, 0, np.nan))
    learned: Floats = distances.astype(np.float32)
    return learned


def shown_classes(tree: ClassTree, classes: Integers, most: int = MOST_SHOWN) -> list[int]:
    """Choose the classes of a matrix: those with items, or the largest if too many; in tree order."""
    items = np.bincount(classes, minlength=len(tree))
    order = [index for index in tree.order if items[index]]
    kept = set(sorted(order, key=lambda index: -items[index])[:most])
    return [index for index in order if index in kept]
