import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huse.taxonomy import ClassTree, split_path
from tests.worked_example import EYESHADOW, LIPSTICK, MASCARA, PATHS, PERFUME, TREES

UNEQUAL = [["a"], ["a", "x"], ["a", "y"], ["a", "y", "z"], ["b", "x"], ["b", "y"], ["c"]]


def test_splits_a_path():
    assert split_path("beauty<makeup<lipstick") == ("beauty", "makeup", "lipstick")


def test_hops_are_small_integers():
    assert ClassTree.of(["a<b", "c"]).hops.dtype == np.int16


def test_tree_order_compares_levels_not_letters():
    classes = ["a<c", "a b", "b", "a", "a<b<x", "a<b"]
    assert sorted(classes) == ["a", "a b", "a<b", "a<b<x", "a<c", "b"]
    assert [classes[index] for index in ClassTree.of(classes).order] == ["a", "a<b", "a<b<x", "a<c", "a b", "b"]
    assert ClassTree([]).order == []


class Tree:
    """The nodes of class paths, walked one by one."""

    def __init__(self, paths):
        self.classes = [tuple(path) for path in paths]
        self.nodes = {path[:depth] for path in self.classes for depth in range(len(path) + 1)}

    def children(self, node):
        return [other for other in self.nodes if len(other) == len(node) + 1 and other[: len(node)] == node]

    def height(self, node):
        return max((1 + self.height(child) for child in self.children(node)), default=0)

    def root(self):
        node = ()
        while len(self.children(node)) == 1 and node not in self.classes:
            (node,) = self.children(node)
        return node

    def hops_from(self, start):
        """Edges from a node to every other, by going to all neighbours at once."""
        reached, frontier, distance = {start: 0}, [start], 0
        while frontier:
            distance += 1
            around = {near for node in frontier for near in [*self.children(node), *([node[:-1]] if node else [])]}
            frontier = [node for node in around if node not in reached]
            reached.update(dict.fromkeys(frontier, distance))
        return reached

    def correct_set(self, c, k):
        """The procedure of DeViSE, ring by ring."""
        distance = self.hops_from(self.classes[c])
        found, ring = set(), 0
        while len(found) < min(k, len(self.classes)):
            found |= {other for other, path in enumerate(self.classes) if distance[path] == ring}
            ring += 1
        return found

    def similarity(self, a, b):
        if a == b:
            return 1.0
        first, second = self.classes[a], self.classes[b]
        ancestor = max((n for n in self.nodes if n == first[: len(n)] == second[: len(n)]), key=len)
        return 1 - self.height(ancestor) / self.height(self.root())


def test_hops_and_sets_of_the_worked_example():
    assert ClassTree.of(["<".join(path) for path in PATHS]).hops[LIPSTICK].tolist() == [0, 2, 2, 4, 6, 6, 6, 6]
    makeup = {LIPSTICK, EYESHADOW, MASCARA}
    expected = {1: {LIPSTICK}, 2: makeup, 3: makeup, 4: {*makeup, PERFUME}, 5: set(range(8)), 6: set(range(8))}
    for k, members in expected.items():
        assert set(np.flatnonzero(ClassTree(PATHS).correct_sets(k)[LIPSTICK])) == members


def test_a_class_above_another_one():
    paths = [("a",), ("a", "b"), ("a", "b", "c"), ("d",)]
    assert ClassTree(paths).hops.dtype == np.int16
    assert ClassTree(paths).hops.tolist() == [[0, 1, 2, 2], [1, 0, 1, 3], [2, 1, 0, 4], [2, 3, 4, 0]]
    # Heights: a 2, a<b 1, root 3.
    assert ClassTree(paths).similarity == pytest.approx(
        np.array([[1, 1 / 3, 1 / 3, 0], [1 / 3, 1, 2 / 3, 0], [1 / 3, 2 / 3, 1, 0], [0, 0, 0, 1]])
    )
    assert ClassTree(paths).correct_sets(2)[0].tolist() == [True, True, False, False]
    assert ClassTree(paths).correct_sets(3)[0].all()  # the ring at two edges comes whole


def test_a_level_that_all_classes_share_changes_no_similarity():
    below = [["all", "things", *path] for path in PATHS]
    assert (ClassTree(below).similarity == ClassTree(PATHS).similarity).all()
    assert ClassTree([("a",), ("a", "b")]).similarity.tolist() == [[1, 0], [0, 1]]


def test_equal_names_under_different_parents_are_different_nodes():
    paths = [("boots", "flat"), ("sandals", "flat"), ("boots", "high")]
    assert ClassTree(paths).hops[0].tolist() == [0, 4, 2]
    assert ClassTree(paths).similarity[0].tolist() == [1, 0, 0.5]


def test_one_class_and_none():
    assert ClassTree([("a", "b")]).similarity.tolist() == [[1]]
    assert ClassTree([("a", "b")]).correct_sets(5).tolist() == [[True]]
    assert ClassTree([]).hops.shape == ClassTree([]).correct_sets(2).shape == ClassTree([]).similarity.shape == (0, 0)


@given(TREES, st.integers(1, 12))
def test_tables_equal_a_walk_through_the_tree(paths, k):
    tree, count = Tree(paths), len(paths)
    expected = [[tree.hops_from(tree.classes[a])[b] for b in tree.classes] for a in range(count)]
    assert ClassTree(paths).hops.tolist() == expected
    assert [set(np.flatnonzero(row)) for row in ClassTree(paths).correct_sets(k)] == [
        tree.correct_set(c, k) for c in range(count)
    ]
    assert ClassTree(paths).similarity == pytest.approx(
        np.array([[tree.similarity(a, b) for b in range(count)] for a in range(count)])
    )


def test_siblings_hang_on_one_node():
    expected = [{"c"}, {"a<y"}, {"a<x"}, set(), {"b<y"}, {"b<x"}, {"a"}]
    found = [{"<".join(UNEQUAL[n]) for n in np.flatnonzero(row)} for row in ClassTree(UNEQUAL).siblings]
    assert found == expected


def test_levels_by_hand():
    # Siblings, a cousin, one that ends early, and one under another root whose names repeat.
    paths = [["a", "b", "c"], ["a", "b", "d"], ["a", "e", "c"], ["a"], ["f", "b", "c"]]
    assert ClassTree(paths).levels.tolist() == [[0, 0, 0, 0, 1], [1, 1, 2, 0, 3], [1, 2, 3, 0, 4]]


def test_nodes_of_a_level_stand_in_the_order_of_their_numbers():
    tree = ClassTree(UNEQUAL[::-1])
    for level, numbers in enumerate(tree.levels, start=1):
        assert [tree.nodes(level)[number] for number in numbers] == [path[:level] for path in tree.paths]
        assert tree.nodes(level) == sorted(tree.nodes(level))
