"""Class paths as a tree, and the labels that a classifier learns.

C classes, K labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVEL_SEPARATOR = "<"

Scheme = Literal["leaf", "levels"]


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


def class_hops(classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Count the edges between any two classes in the tree of class paths.

    A node is a whole prefix of a path, so that ``boots<flat`` and ``sandals<flat`` are different nodes. Paths
    may differ in depth, and a class may lie above another. First levels hang on one root.

    Args:
        classes: C class paths.

    Returns:
        C × C, symmetric, diagonal 0.
    """
    paths = [split_path(path) for path in classes]
    depths = np.array([len(path) for path in paths])
    common = np.zeros((len(paths), len(paths)), np.int64)
    for depth in range(1, depths.max(initial=0) + 1):
        number: dict[tuple[str, ...], int] = {}
        nodes = np.array([number.setdefault(tuple(path[:depth]), len(number)) for path in paths])
        deep = depths >= depth
        common += (nodes[:, None] == nodes) & deep[:, None] & deep
    hops: npt.NDArray[np.int64] = depths[:, None] + depths - 2 * common
    return hops
