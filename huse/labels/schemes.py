"""The labels that a classifier learns: whole class paths, or the names of their levels.

C classes, K labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from huse.taxonomy import ClassTree, Hops, Node, split_path

Scheme = Literal["leaf", "levels"]


@dataclass(frozen=True)
class Labels:
    """The labels, and which of them each class has.

    Attributes:
        scheme: ``leaf``: a label is a whole class path, the paper's; ``levels``: every level name is a label.
        labels: K names.
        class_labels: for each of the C classes the indices of its labels, coarse to fine: one with ``leaf``,
            one a level with ``levels``.
    """

    scheme: Scheme
    labels: list[str]
    class_labels: list[list[int]]


def make_labels(classes: Sequence[str], scheme: Scheme) -> Labels:
    """Return the labels of C different class paths: the paths (``leaf``), or all level names, sorted (``levels``).

    A name at several places of the tree is one label.
    """
    if scheme == "leaf":
        return Labels("leaf", list(classes), [[index] for index in range(len(classes))])
    names = sorted({level for path in classes for level in split_path(path)})
    number = {name: index for index, name in enumerate(names)}
    return Labels("levels", names, [[number[level] for level in split_path(path)] for path in classes])


def label_nodes(labels: Labels) -> list[list[Node]]:
    """Find the nodes of each of the K labels in the tree.

    Returns:
        For each label its nodes in tree order: one with ``leaf``, the end of its path; one or more with
        ``levels``, all whose last name it is.
    """
    if labels.scheme == "leaf":
        return [[split_path(label)] for label in labels.labels]
    found: list[set[Node]] = [set() for _ in labels.labels]
    for numbers in labels.class_labels:
        path = tuple(labels.labels[number] for number in numbers)
        for depth, number in enumerate(numbers, start=1):
            found[number].add(path[:depth])
    return [sorted(nodes) for nodes in found]


def label_hops(labels: Labels, block: int = 1024) -> Hops:
    """Count the edges between any two labels in the tree of class paths.

    With ``leaf`` these are `ClassTree.hops`. With ``levels`` a name can have several nodes; the distance of two names
    is the smallest number of edges between any of their nodes. The triangle inequality need not hold: ``flat`` is one
    edge from ``boots`` and from ``sandals`` if both have it, however far apart these two are.

    Args:
        labels: K labels, K ≥ 1.
        block: labels at a time.

    Returns:
        K × K int16, symmetric, diagonal 0.
    """
    if labels.scheme == "leaf":
        return ClassTree.of(labels.labels).hops
    places = label_nodes(labels)
    tree = ClassTree(node for nodes in places for node in nodes)
    starts = np.cumsum([0, *(len(nodes) for nodes in places)])
    hops = np.empty((len(places), len(places)), np.int16)
    for first in range(0, len(places), block):
        bounds = starts[first : first + block + 1]  # one more than the block's labels
        of_nodes = np.minimum.reduceat(tree.hops_of(slice(bounds[0], bounds[-1])), starts[:-1], axis=1)
        hops[first : first + block] = np.minimum.reduceat(of_nodes, bounds[:-1] - bounds[0], axis=0)
    return hops
