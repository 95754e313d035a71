import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huse.evaluation.hierarchy import best_similarity_sums, class_hp_best, item_hp_best, item_hp_chance
from huse.metrics import area_under_hierarchical_precision, hierarchical_precision
from huse.taxonomy import ClassTree
from tests.test_taxonomy import Tree
from tests.worked_example import ANKLE, EYESHADOW, LIPSTICK, MASCARA, PATHS, PERFUME, TREES

RETRIEVED = np.array([[LIPSTICK, LIPSTICK, EYESHADOW, PERFUME, ANKLE, MASCARA]])


def test_graded_precision_of_the_worked_example():
    similarity = ClassTree(PATHS).similarity
    assert similarity[LIPSTICK, RETRIEVED[0]] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0, 2 / 3])
    best = best_similarity_sums(similarity, np.bincount(RETRIEVED[0], minlength=8), 6, own_excluded=False)
    assert best[LIPSTICK] == pytest.approx([1, 2, 2.667, 3.333, 3.667, 3.667], abs=5e-4)
    precision = hierarchical_precision(similarity[LIPSTICK, RETRIEVED], best[LIPSTICK])
    assert precision[0] == pytest.approx([1, 1, 1, 0.9, 0.8182, 1], abs=5e-5)
    area = area_under_hierarchical_precision(similarity[LIPSTICK, RETRIEVED], best[LIPSTICK])
    assert area[0] == pytest.approx(0.9530, abs=5e-5)
    trapezoids = np.trapezoid(precision[0], dx=1 / 6)
    assert trapezoids == pytest.approx(0.7864, abs=5e-5)  # what the plain mean stands in for


def test_chance_of_the_worked_example():
    every_class_once = np.arange(8)
    for k, expected in ((2, 0.328), (5, 1)):
        chance = item_hp_chance(ClassTree(PATHS).correct_sets(k), every_class_once, k, own_excluded=False)
        assert chance.mean() == pytest.approx(expected, abs=5e-4)


def test_missing_items_count_as_wrong():
    correct, items = ClassTree(PATHS).correct_sets(10), np.arange(8)
    assert correct.all()
    assert item_hp_best(correct, items, 10, own_excluded=False).tolist() == [0.8] * 8
    assert class_hp_best(correct, items, 10).tolist() == [0.8] * 8
    assert item_hp_chance(correct, items, 10, own_excluded=False) == pytest.approx([0.8] * 8)
    assert item_hp_chance(correct, items, 10, own_excluded=True) == pytest.approx([0.7] * 8)


def test_chance_and_best_by_hand():
    # Two lipsticks, one eyeshadow, one ankle boot; makeup is correct for makeup, boots for boots.
    items = np.array([LIPSTICK, LIPSTICK, EYESHADOW, ANKLE])
    correct = ClassTree(PATHS).correct_sets(2)
    assert item_hp_chance(correct, items, 2, own_excluded=False).tolist() == [3 / 4, 3 / 4, 3 / 4, 1 / 4]
    assert item_hp_chance(correct, items, 2, own_excluded=True) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0])
    assert item_hp_best(correct, items, 2, own_excluded=False).tolist() == [1, 1, 1, 0.5]
    assert item_hp_best(correct, items, 2, own_excluded=True).tolist() == [1, 1, 1, 0]
    assert class_hp_best(correct, items, 2).tolist() == [1, 1, 1, 0.5]
    assert item_hp_chance(correct, items[:1], 2, own_excluded=True).tolist() == [0]  # no candidate at all


def test_the_best_sums_leave_the_query_out_and_repeat_past_the_gallery():
    counts = np.array([2, 1, 0, 0, 1, 0, 0, 0])
    similarity = ClassTree(PATHS).similarity
    sums = best_similarity_sums(similarity, counts, 5, own_excluded=True)
    assert sums[LIPSTICK] == pytest.approx([1, 5 / 3, 5 / 3, 5 / 3, 5 / 3])
    assert sums[EYESHADOW] == pytest.approx([2 / 3, 4 / 3, 4 / 3, 4 / 3, 4 / 3])
    assert sums[PERFUME].tolist() == [0] * 5  # no query has that class
    assert counts.tolist() == [2, 1, 0, 0, 1, 0, 0, 0]


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
    correct, items = ClassTree(paths).correct_sets(k), np.array(classes)
    assert item_hp_chance(correct, items, k, own_excluded=own_excluded) == pytest.approx(chance)
    assert item_hp_best(correct, items, k, own_excluded=own_excluded) == pytest.approx(best)
    if not own_excluded:
        present = set(classes)
        by_class = [min(k, len(tree.correct_set(own, k) & present)) / k for own in classes]
        assert class_hp_best(correct, items, k) == pytest.approx(by_class)
