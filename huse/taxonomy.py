"""The tree of class paths: its levels, its nodes, and how near classes are in it.

A class path is the names of its levels, coarse to fine: ``beauty<makeup<lipstick``. A node is a whole prefix of a
path, so that ``boots<flat`` and ``sandals<flat`` end at different nodes. First levels hang on one root. Paths may
differ in depth, and a class may lie above another.

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
Hops = npt.NDArray[np.int16]  # a quarter of int64; paths would need 16,384 levels to overflow it
Node = tuple[str, ...]
Levels = list[str] | Node  # a bare string is a sequence of strings too, and never meant


def split_path(path: str) -> Node:
    """Split ``beauty<makeup<lipstick`` into its levels, coarse to fine."""
    return tuple(path.split(LEVEL_SEPARATOR))


class ClassTree:
    """The tree of C different class paths. Its tables are computed when they are first asked for, and kept.

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
        """The C class numbers as a walk through the tree meets the classes, a node before what hangs on it.

        Compares level by level. The paths as strings would not do: ``<`` sorts after the space, so that ``a b``
        would come between ``a`` and ``a<c``.
        """
        return sorted(range(len(self)), key=self.paths.__getitem__)

    @cached_property
    def depths(self) -> Hops:
        """Levels of each class, C int16."""
        return np.array([len(path) for path in self.paths], dtype=np.int16)

    def nodes(self, level: int) -> list[Node]:
        """Return the nodes of a level, from 1, in tree order; a class that ends above it stands there for itself."""
        return sorted({path[:level] for path in self.paths})

    @cached_property
    def levels(self) -> Integers:
        """For each level, coarse to fine, the number of each class's node, its place in `nodes`; L × C int64."""
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
        # A class agrees with itself below its end too.
        return np.maximum(hops, 0, out=hops)

    def correct_sets(self, k: int) -> Bools:
        """Return the classes that count as correct for each class: ``hCorrectSet(c, k)`` of DeViSE (Frome et al. 2013).

        The set grows from the class itself by whole rings, all classes one more edge away, until it has at least `k`
        classes. It may have many more: a ring is never cut. It has all classes where there are no more than `k`.

        Args:
            k: smallest size of a set, from 1.

        Returns:
            C × C, True where the class of the column is correct for the class of the row.
        """
        if k not in self._correct:
            place = min(k, len(self)) - 1
            # The k-th nearest class, itself the first, lies on the ring that makes the set large enough.
            radius = np.partition(self.hops, place, axis=1)[:, place, None] if len(self) else self.hops
            self._correct[k] = self.hops <= radius
        return self._correct[k]

    @cached_property
    def similarity(self) -> Doubles:
        """1 - height(lowest common ancestor) / height(root) for any two classes (Barz & Denzler 2019).

        The height of a node is the longest way down from it. The root is the lowest node with all classes at or below
        it, not one above the first levels: a level that all classes share must not make all of them similar.

        The same class has similarity 1, also where it lies above another one: the formula alone would give less, as
        its node is not a leaf. Where there is a single class, the height of the root is 0.

        C × C float64 in [0, 1], symmetric, diagonal 1.
        """
        deepest: dict[Node, int] = {}
        for path in self.paths:
            for depth in range(len(path) + 1):
                deepest[path[:depth]] = max(deepest.get(path[:depth], 0), len(path))
        # C × depth: the height of each node on the way to a class. Below the class there is nothing to look up.
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
        """C × C, True where two different classes hang on the same node."""
        parents = [path[:-1] for path in self.paths]
        number = {parent: index for index, parent in enumerate(dict.fromkeys(parents))}
        of_class = np.array([number[parent] for parent in parents], dtype=np.int64)
        together: Bools = (of_class[:, None] == of_class) & ~np.eye(len(self), dtype=bool)
        return together
