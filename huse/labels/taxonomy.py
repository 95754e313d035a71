"""Class paths as a tree, and the labels that a classifier learns.

C classes, K labels, P nodes of the tree. A node is a whole prefix of a path, so that ``boots<flat`` and
``sandals<flat`` end at different nodes. Paths may differ in depth, and a class may lie above another. First
levels hang on one root.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVEL_SEPARATOR = "<"

Scheme = Literal["leaf", "levels"]
Hops = npt.NDArray[np.int16]  # a quarter of int64; paths would need 16,384 levels to overflow it
Node = tuple[str, ...]


@dataclass(frozen=True)
class Labels:
    """The labels and which of them each class has.

    Attributes:
        scheme: ``leaf``: a label is a whole class path, the paper's; ``levels``: every level name is a label.
        labels: K names.
        class_labels: for each of the C classes the indices of its labels, coarse to fine: one with ``leaf``,
            one a level with ``levels``.
    """

    scheme: Scheme
    labels: list[str]
    class_labels: list[list[int]]


def split_path(path: str) -> list[str]:
    """Split ``beauty<makeup<lipstick`` into its levels, coarse to fine."""
    return path.split(LEVEL_SEPARATOR)


def make_labels(classes: Sequence[str], scheme: Scheme) -> Labels:
    """Make the labels of a scheme.

    Args:
        classes: C different class paths.
        scheme: ``leaf`` keeps the classes as they are; ``levels`` takes all level names, sorted. A name that
            occurs in several places of the tree is one label.
    """
    if scheme == "leaf":
        return Labels("leaf", list(classes), [[index] for index in range(len(classes))])
    names = sorted({level for path in classes for level in split_path(path)})
    number = {name: index for index, name in enumerate(names)}
    return Labels("levels", names, [[number[level] for level in split_path(path)] for path in classes])


def label_nodes(labels: Labels) -> list[list[Node]]:
    """Find the nodes of the tree at which each label stands.

    Args:
        labels: K labels.

    Returns:
        For each label its nodes in tree order: one with ``leaf``, the end of its path; one or more with
        ``levels``, all whose last name it is.
    """
    if labels.scheme == "leaf":
        return [[tuple(split_path(label))] for label in labels.labels]
    found: list[set[Node]] = [set() for _ in labels.labels]
    for numbers in labels.class_labels:
        path = tuple(labels.labels[number] for number in numbers)
        for depth, number in enumerate(numbers, start=1):
            found[number].add(path[:depth])
    return [sorted(nodes) for nodes in found]


def tree_order(classes: Sequence[str]) -> list[int]:
    """Order class paths as a walk through the tree meets them, a node before what hangs on it.

    Compares level by level. The paths as strings would not do: ``<`` sorts after the space, so that ``a b``
    would come between ``a`` and ``a<c``.

    Args:
        classes: C class paths.

    Returns:
        C indices, the first class of the tree first.
    """
    return sorted(range(len(classes)), key=lambda index: split_path(classes[index]))


def label_order(labels: Labels) -> list[int]:
    """Order labels as a walk through the tree first meets them; see `tree_order`.

    Args:
        labels: K labels; one that stands at several nodes counts at its first.

    Returns:
        K indices.
    """
    first = [nodes[0] for nodes in label_nodes(labels)]
    return sorted(range(len(first)), key=first.__getitem__)


def class_hops(classes: Sequence[str]) -> Hops:
    """Count the edges between any two classes in the tree of class paths.

    Args:
        classes: C class paths.

    Returns:
        C × C int16, symmetric, diagonal 0.
    """
    numbers = _number_nodes([tuple(split_path(path)) for path in classes])
    return _hops(numbers, numbers)


def label_hops(labels: Labels, block: int = 1024) -> Hops:
    """Count the edges between any two labels in the tree of class paths.

    With ``leaf`` those are `class_hops`. With ``levels`` a name can stand at several nodes, and its distance to
    another name is the smallest number of edges between any node of the one and any node of the other: two names
    are as near as where they meet most closely. For names that stand at one node each these are the plain hops.
    The triangle inequality need not hold: ``flat`` is one edge from ``boots`` and one from ``sandals`` where both
    have it, however far apart these two are.

    Args:
        labels: K labels, K ≥ 1.
        block: labels whose nodes are compared with all nodes at a time.

    Returns:
        K × K int16, symmetric, diagonal 0.
    """
    if labels.scheme == "leaf":
        return class_hops(labels.labels)
    places = label_nodes(labels)
    numbers = _number_nodes([node for nodes in places for node in nodes])
    starts = np.cumsum([0, *(len(nodes) for nodes in places)])
    hops = np.empty((len(places), len(places)), np.int16)
    for first in range(0, len(places), block):
        bounds = starts[first : first + block + 1]  # one more than the labels of the block
        of_nodes = _hops(numbers[:, bounds[0] : bounds[-1]], numbers)
        of_nodes = np.minimum.reduceat(of_nodes, starts[:-1], axis=1)
        hops[first : first + block] = np.minimum.reduceat(of_nodes, bounds[:-1] - bounds[0], axis=0)
    return hops


def _number_nodes(nodes: Sequence[Node]) -> npt.NDArray[np.int32]:
    """Number the prefixes of every node: depth × P int32, a number for each different prefix, -1 below its end."""
    deepest = max((len(node) for node in nodes), default=0)
    numbers = np.full((deepest, len(nodes)), -1, np.int32)
    for depth in range(1, deepest + 1):
        seen: dict[Node, int] = {}
        for index, node in enumerate(nodes):
            if len(node) >= depth:
                numbers[depth - 1, index] = seen.setdefault(node[:depth], len(seen))
    return numbers


def _hops(rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]) -> Hops:
    """Count the edges between nodes numbered by `_number_nodes`: depth × R and depth × P to R × P int16."""
    row_depths, column_depths = ((side >= 0).sum(axis=0, dtype=np.int16) for side in (rows, columns))
    hops: Hops = row_depths[:, None] + column_depths
    for row, column in zip(rows, columns, strict=True):
        # What is missing on both sides is not shared.
        shared = row[:, None] == np.where(column < 0, -2, column)
        np.subtract(hops, 2, out=hops, where=shared)
    return hops
