import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huse.evaluation.hierarchy import (
    best_similarity_sums,
    class_hp_at_k,
    class_hp_best,
    correct_sets,
    graded_ahp,
    graded_hp,
    hops,
    item_hp_at_k,
    item_hp_best,
    item_hp_chance,
    similarities,
)
from huse.labels.taxonomy import class_hops
from tests.worked_example import ANKLE, EYESHADOW, LIPSTICK, MASCARA, PATHS, PERFUME

QUERY = np.array([LIPSTICK])
RETRIEVED = np.array([[LIPSTICK, LIPSTICK, EYESHADOW, PERFUME, ANKLE, MASCARA]])

# Few names and unequal depths: shared names under different parents, classes above others, one path alone.
TREES = st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=9, unique_by=tuple)


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
    assert hops(PATHS)[LIPSTICK].tolist() == [0, 2, 2, 4, 6, 6, 6, 6]
    makeup = {LIPSTICK, EYESHADOW, MASCARA}
    expected = {1: {LIPSTICK}, 2: makeup, 3: makeup, 4: {*makeup, PERFUME}, 5: set(range(8)), 6: set(range(8))}
    for k, members in expected.items():
        assert set(np.flatnonzero(correct_sets(PATHS, k)[LIPSTICK])) == members


def test_item_level_of_the_worked_example():
    for k in range(1, 6):
        assert item_hp_at_k(correct_sets(PATHS, k), QUERY, RETRIEVED, k).tolist() == [1]


def test_class_level_of_the_worked_example():
    figures = [class_hp_at_k(correct_sets(PATHS, k), QUERY, RETRIEVED, k)[0] for k in (2, 3, 4, 5)]
    assert figures == pytest.approx([2 / 2, 2 / 3, 3 / 4, 5 / 5])


def test_graded_precision_of_the_worked_example():
    similarity = similarities(PATHS)
    assert similarity[LIPSTICK, RETRIEVED[0]] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0, 2 / 3])
    best = best_similarity_sums(similarity, np.bincount(RETRIEVED[0], minlength=8), 6, own_excluded=False)
    assert best[LIPSTICK] == pytest.approx([1, 2, 2.667, 3.333, 3.667, 3.667], abs=5e-4)
    precision = graded_hp(similarity, QUERY, RETRIEVED, best)
    assert precision[0] == pytest.approx([1, 1, 1, 0.9, 0.8182, 1], abs=5e-5)
    assert graded_ahp(similarity, QUERY, RETRIEVED, best)[0] == pytest.approx(0.9530, abs=5e-5)
    trapezoids = np.trapezoid(precision[0], dx=1 / 6)
    assert trapezoids == pytest.approx(0.7864, abs=5e-5)  # what the plain mean stands in for


def test_chance_of_the_worked_example():
    every_class_once = np.arange(8)
    for k, expected in ((2, 0.328), (5, 1)):
        chance = item_hp_chance(correct_sets(PATHS, k), every_class_once, k, own_excluded=False)
        assert chance.mean() == pytest.approx(expected, abs=5e-4)
    assert correct_sets(PATHS, 10).mean() == 1


def test_missing_items_count_as_wrong():
    correct = correct_sets(PATHS, 10)
    assert correct.all()
    items = np.arange(8)
    assert item_hp_at_k(correct, QUERY, items[None], 10).tolist() == [0.8]
    assert class_hp_at_k(correct, QUERY, items[None], 10).tolist() == [0.8]
    assert item_hp_best(correct, items, 10, own_excluded=False).tolist() == [0.8] * 8
    assert class_hp_best(correct, items, 10).tolist() == [0.8] * 8
    assert item_hp_chance(correct, items, 10, own_excluded=False) == pytest.approx([0.8] * 8)
    assert item_hp_chance(correct, items, 10, own_excluded=True) == pytest.approx([0.7] * 8)


def test_chance_and_best_by_hand():
    # Two lipsticks, one eyeshadow, one ankle boot; makeup is correct for makeup, boots for boots.
    items = np.array([LIPSTICK, LIPSTICK, EYESHADOW, ANKLE])
    correct = correct_sets(PATHS, 2)
    assert item_hp_chance(correct, items, 2, own_excluded=False).tolist() == [3 / 4, 3 / 4, 3 / 4, 1 / 4]
    assert item_hp_chance(correct, items, 2, own_excluded=True) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0])
    assert item_hp_best(correct, items, 2, own_excluded=False).tolist() == [1, 1, 1, 0.5]
    assert item_hp_best(correct, items, 2, own_excluded=True).tolist() == [1, 1, 1, 0]
    assert class_hp_best(correct, items, 2).tolist() == [1, 1, 1, 0.5]
    assert item_hp_chance(correct, items[:1], 2, own_excluded=True).tolist() == [0]  # no candidate at all


def test_the_best_sums_leave_the_query_out_and_repeat_past_the_gallery():
    counts = np.array([2, 1, 0, 0, 1, 0, 0, 0])
    similarity = similarities(PATHS)
    sums = best_similarity_sums(similarity, counts, 5, own_excluded=True)
    assert sums[LIPSTICK] == pytest.approx([1, 5 / 3, 5 / 3, 5 / 3, 5 / 3])
    assert sums[EYESHADOW] == pytest.approx([2 / 3, 4 / 3, 4 / 3, 4 / 3, 4 / 3])
    assert sums[PERFUME].tolist() == [0] * 5  # no query has that class
    assert counts.tolist() == [2, 1, 0, 0, 1, 0, 0, 0]


def test_a_class_above_another_one():
    paths = [("a",), ("a", "b"), ("a", "b", "c"), ("d",)]
    assert hops(paths).tolist() == [[0, 1, 2, 2], [1, 0, 1, 3], [2, 1, 0, 4], [2, 3, 4, 0]]
    # Heights: a 2, a<b 1, root 3.
    assert similarities(paths) == pytest.approx(
        np.array([[1, 1 / 3, 1 / 3, 0], [1 / 3, 1, 2 / 3, 0], [1 / 3, 2 / 3, 1, 0], [0, 0, 0, 1]])
    )
    assert correct_sets(paths, 2)[0].tolist() == [True, True, False, False]
    assert correct_sets(paths, 3)[0].all()  # the ring at two edges comes whole


def test_a_level_that_all_classes_share_changes_no_similarity():
    below = [["all", "things", *path] for path in PATHS]
    assert (similarities(below) == similarities(PATHS)).all()
    assert similarities([("a",), ("a", "b")]).tolist() == [[1, 0], [0, 1]]


def test_equal_names_under_different_parents_are_different_nodes():
    paths = [("boots", "flat"), ("sandals", "flat"), ("boots", "high")]
    assert hops(paths)[0].tolist() == [0, 4, 2]
    assert similarities(paths)[0].tolist() == [1, 0, 0.5]


def test_one_class_and_none():
    assert similarities([("a", "b")]).tolist() == [[1]]
    assert correct_sets([("a", "b")], 5).tolist() == [[True]]
    assert hops([]).shape == correct_sets([], 2).shape == similarities([]).shape == (0, 0)


@given(TREES, st.integers(1, 12))
def test_tables_equal_a_walk_through_the_tree(paths, k):
    tree, count = Tree(paths), len(paths)
    expected = [[tree.hops_from(tree.classes[a])[b] for b in tree.classes] for a in range(count)]
    assert hops(paths).tolist() == expected
    assert [set(np.flatnonzero(row)) for row in correct_sets(paths, k)] == [
        tree.correct_set(c, k) for c in range(count)
    ]
    assert similarities(paths) == pytest.approx(
        np.array([[tree.similarity(a, b) for b in range(count)] for a in range(count)])
    )


@given(TREES)
def test_hops_are_those_of_the_label_graph(paths):
    assert (hops(paths) == class_hops(["<".join(path) for path in paths])).all()


@given(TREES, st.integers(1, 12), st.data())
def test_precision_equals_its_definition(paths, k, data):
    tree, count = Tree(paths), len(paths)
    ranked = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=15))
    own = data.draw(st.integers(0, count - 1))
    query, correct = np.array([own]), correct_sets(paths, k)
    members = tree.correct_set(own, k)
    different = list(dict.fromkeys(ranked))
    assert item_hp_at_k(correct, query, np.array([ranked]), k)[0] == sum(c in members for c in ranked[:k]) / k
    assert class_hp_at_k(correct, query, np.array([ranked]), k)[0] == sum(c in members for c in different[:k]) / k

    gallery = [own, *ranked]  # a query has a candidate of its class
    similarity = similarities(paths)
    counts = np.bincount(gallery, minlength=count)
    best = best_similarity_sums(similarity, counts, len(gallery), own_excluded=False)
    ideal = sorted((tree.similarity(own, c) for c in gallery), reverse=True)
    expected = [sum(tree.similarity(own, c) for c in gallery[:r]) / sum(ideal[:r]) for r in range(1, len(gallery) + 1)]
    assert graded_hp(similarity, query, np.array([gallery]), best)[0] == pytest.approx(expected)
    perfect = np.array([sorted(gallery, key=lambda c: -tree.similarity(own, c))])
    assert graded_ahp(similarity, query, perfect, best)[0] == 1


@given(TREES, st.integers(1, 12), st.booleans(), st.data())
def test_chance_and_best_equal_their_definitions(paths, k, own_excluded, data):
    tree = Tree(paths)
    classes = data.draw(st.lists(st.integers(0, len(paths) - 1), min_size=1, max_size=12))
    chance, best = [], []
    for query, own in enumerate(classes):
        others = [c for item, c in enumerate(classes) if not (own_excluded and item == query)]
        hits = [c in tree.correct_set(own, k) for c in others]
        # Every candidate is as likely as any other at each of the places that are filled.
        chance.append(min(k, len(others)) * np.mean(hits) / k if others else 0)
        best.append(sum(sorted(hits, reverse=True)[:k]) / k)
    correct, items = correct_sets(paths, k), np.array(classes)
    assert item_hp_chance(correct, items, k, own_excluded=own_excluded) == pytest.approx(chance)
    assert item_hp_best(correct, items, k, own_excluded=own_excluded) == pytest.approx(best)
    if not own_excluded:
        present = set(classes)
        by_class = [min(k, len(tree.correct_set(own, k) & present)) / k for own in classes]
        assert class_hp_best(correct, items, k) == pytest.approx(by_class)
