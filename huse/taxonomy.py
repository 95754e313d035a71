"""The tree of class paths: its levels, its nodes, and the distances of classes in it.

A class path lists the names of its levels, coarse to fine: ``beauty<makeup<lipstick``. A node is a whole prefix of a
path, so ``boots<flat`` and ``sandals<flat`` end at different nodes. All first levels are children of one root. Paths
may differ in depth, and a class may lie above another.

Letters: C classes, L levels of the deepest path, R classes of a block.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt

LEVEL_SEPARATOR = "<"

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Hops = npt.NDArray[np.int16]  # a quarter of int64; only paths of 16,384 levels would overflow it
Node = tuple[str, ...]
Levels = list[str] | Node  # not Sequence[str], which would accept a bare string


def split_path(path: str) -> Node:
    """Split ``beauty<makeup<lipstick`` into its levels, coarse to fine."""
    return tuple(path.split(LEVEL_SEPARATOR))


class ClassTree:
    """The tree of C different class paths. Its tables are computed on first use and kept.

    Attributes:
        paths: C class paths, in the order given.
    """

    def __init__(self, paths: Iterable[Levels]) -> None:
        """Make the tree of C different class paths, each the names of its levels."""
        self.paths: list[Node] = [tuple(path) for path in paths]
        self._correct: dict[int, Bools] = {}

    @classmethod
    def of(cls, classes: Iterable[str]) -> "ClassTree":
        """Make the tree of C different class paths as they are written: ``beauty<makeup<lipstick``."""
        return cls(map(split_path, classes))

    def __len__(self) -> int:
        """Return C."""
        return len(self.paths)

    @property
    def order(self) -> list[int]:
        """The C class numbers in tree order: a node before its children.

        Compares level by level, not as strings: ``<`` sorts after the space, so ``a b`` would come between ``a`` and
        ``a<c``.
        """
        return sorted(range(len(self)), key=self.paths.__getitem__)

    @cached_property
    def depths(self) -> Hops:
        """Levels of each class, C int16."""
        return np.array([len(path) for path in self.paths], dtype=np.int16)

    def nodes(self, level: int) -> list[Node]:
        """Return the nodes of a level, from 1, in tree order; a class that ends above it is its own node there."""
        return sorted({path[:level] for path in self.paths})

    @cached_property
    def levels(self) -> Integers:
        """For each level, coarse to fine, the place of each class's node in `nodes`; L × C int64."""
        numbers = np.zeros((max(map(len, self.paths), default=0), len(self)), dtype=np.int64)
        for level, row in enumerate(numbers, start=1):
            number = {node: index for index, node in enumerate(self.nodes(level))}
            row[:] = [number[path[:level]] for path in self.paths]
        return numbers

    @cached_property
    def hops(self) -> Hops:
        """Edges between any two classes: depth a + depth b - 2 · length of the common prefix.

        C × C int16, symmetric, diagonal 0.
        """
        return self.hops_of(slice(None))

    def hops_of(self, rows: slice) -> Hops:
        """Return R rows of `hops`, R × C int16."""
        hops: Hops = self.depths[rows, None] + self.depths
        for level in self.levels:
            np.subtract(hops, 2, out=hops, where=level[rows, None] == level)
        # Below its own end a class would still match itself, which gives negative hops.
        return np.maximum(hops, 0, out=hops)

    def correct_sets(self, k: int) -> Bools:
        """Return the classes that count as correct for each class: ``hCorrectSet(c, k)`` of DeViSE (Frome et al. 2013).

        The set grows from the class itself ring by ring, a ring being all classes one edge farther away, until it has
        at least `k` classes. It may have many more, since a ring is never split. If there are at most `k` classes, it
        has all.

        Args:
            k: smallest size of a set, from 1.

        Returns:
            C × C, True where the class of the column is correct for the class of the row.
        """
        if k not in self._correct:
            place = min(k, len(self)) - 1
            # The k-th nearest class, counting the class itself, lies on the last ring of the set.
            radius = np.partition(self.hops, place, axis=1)[:, place, None] if len(self) else self.hops
            self._correct[k] = self.hops <= radius
        return self._correct[k]

    @cached_property
    def similarity(self) -> Doubles:
        """1 - height(lowest common ancestor) / height(root) for any two classes (Barz & Denzler 2019).

        The height of a node is the length of the longest path down from it. The root is the lowest node with all
        classes at or below it, so a level that all classes share does not make them similar.

        A class has similarity 1 to itself even if it lies above another class, where the formula would give less. With
        a single class, the height of the root is 0.

        C × C float64 in [0, 1], symmetric, diagonal 1.
        """
        deepest: dict[Node, int] = {}
        for path in self.paths:
            for depth in range(len(path) + 1):
                deepest[path[:depth]] = max(deepest.get(path[:depth], 0), len(path))
        # C × depth: the height of each node on the path to a class; 0 below the class.
        heights = np.zeros((len(self), len(self.levels) + 1))
        for row, path in enumerate(self.paths):
            heights[row, : len(path) + 1] = [deepest[path[:depth]] - depth for depth in range(len(path) + 1)]
        common = (self.depths[:, None] + self.depths - self.hops) // 2  # levels of the lowest common ancestor
        root = heights[0, common.min()] if len(self) else 0
        if root == 0:
            return np.ones(common.shape)
        similarity: Doubles = 1 - np.take_along_axis(heights, common.astype(np.int64), axis=1) / root
        np.fill_diagonal(similarity, 1)
        return similarity

    @cached_property
    def siblings(self) -> Bools:
        """C × C, True where two different classes have the same parent."""
        parents = [path[:-1] for path in self.paths]
        number = {parent: index for index, parent in enumerate(dict.fromkeys(parents))}
        of_class = np.array([number[parent] for parent in parents], dtype=np.int64)
        together: Bools = (of_class[:, None] == of_class) & ~np.eye(len(self), dtype=bool)
        return together
