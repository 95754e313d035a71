from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.evaluation.chance import (
    ahp_chance,
    average_precision_chance,
    chance_at_k,
    class_hp_chance,
    median_rank_chance,
    references,
)
from huse.evaluation.hierarchy import best_similarity_sums
from huse.metrics import area_under_hierarchical_precision, precision_at_k
from huse.taxonomy import ClassTree

PATHS = [["a", "x"], ["a", "y"], ["a", "z"], ["b", "x"], ["b"]]


def test_recall_by_hand():
    # 4 candidates, 1 relevant: 1/4, 1/2; all of them found when k is beyond the number of candidates
    assert chance_at_k(np.array([1]), 4, 1) == pytest.approx(0.25)
    assert chance_at_k(np.array([1]), 4, 2) == pytest.approx(0.5)
    assert chance_at_k(np.array([1]), 4, 10) == pytest.approx(1)
    assert chance_at_k(np.array([2, 1]), 4, 2) == pytest.approx((1 - (2 * 1) / (4 * 3) + 0.5) / 2)


@pytest.mark.parametrize("candidates", range(1, 7))
def test_average_precision_equals_the_mean_over_all_orders(candidates):
    for relevant in range(1, candidates + 1):
        values = []
        for order in permutations(range(candidates)):
            hits = [place for place, candidate in enumerate(order, 1) if candidate < relevant]
            values.append(sum(number / place for number, place in enumerate(hits, 1)) / relevant)
        assert average_precision_chance(np.array([relevant]), candidates)[0] == pytest.approx(np.mean(values))


def test_median_rank_by_hand():
    assert median_rank_chance(np.array([1]), 9) == 5  # any place is as likely as any other
    assert median_rank_chance(np.array([1]), 10) == 5
    assert median_rank_chance(np.array([9]), 9) == 1
    # One query finds at once, the other's place is even over 10: at rank 1 there are 0.5 · (1 + 0.1) of them.
    assert median_rank_chance(np.array([10, 1]), 10) == 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.booleans())
def test_ahp_equals_the_mean_over_all_orders(classes, own_excluded):
    items, similarity = np.array(classes), ClassTree(PATHS).similarity
    counts = np.bincount(items, minlength=5)
    expected = ahp_chance(similarity, items, own_excluded=own_excluded)
    for query, own in enumerate(items):
        others = [c for n, c in enumerate(classes) if not (own_excluded and n == query)]
        if own not in others:
            continue
        best = best_similarity_sums(similarity, counts, len(others), own_excluded=own_excluded)
        orders = np.array(list(permutations(others)))
        values = area_under_hierarchical_precision(similarity[own, orders], best[own])
        assert expected[query] == pytest.approx(values.mean())


@pytest.mark.parametrize("own_excluded", [True, False])
def test_class_hp_is_near_the_mean_over_all_orders(own_excluded):
    classes = np.array([0, 0, 0, 1, 2, 3, 3])
    tables = {k: ClassTree(PATHS).correct_sets(k) for k in (1, 2, 3)}
    drawn = class_hp_chance(tables, np.bincount(classes, minlength=5), own_excluded=own_excluded)
    for own in (0, 3):
        others = classes.tolist()
        if own_excluded:
            others.remove(own)
        orders = np.array([list(dict.fromkeys(order)) for order in permutations(others)])  # different classes
        for k, table in tables.items():
            exact = precision_at_k(table[own, orders], k).mean()
            # four standard errors of 2,000 draws
            assert drawn[k][own] == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(2000))
    if own_excluded:
        assert drawn[2][1] == 0  # the only item of its class has no candidate
    assert (drawn[1] <= 1).all()


def test_class_hp_of_few_classes_counts_missing_ones_as_wrong():
    tables = {10: ClassTree(PATHS).correct_sets(10)}
    assert class_hp_chance(tables, np.array([2, 1, 0, 0, 0]), own_excluded=False)[10].tolist() == [0.2, 0.2, 0, 0, 0]
    assert class_hp_chance({2: ClassTree([["a"]]).correct_sets(2)}, np.array([3]), own_excluded=True)[2].tolist() == [
        0.5
    ]


def test_macro_recall_is_by_class():
    chance = references(np.array([0, 0, 0, 1, 1]), ClassTree([["a"], ["b"]]), own_excluded=True)["chance"]
    assert chance["macro_recall_at_1"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert chance["recall_at_1"] == pytest.approx((3 * 2 / 4 + 2 * 1 / 4) / 5)


def test_queries_can_be_others_than_the_candidates():
    """Two queries, of two classes, among five candidates; a query of a class without one does not count."""
    tree = ClassTree([["a"], ["b"], ["c"]])
    found = references(np.array([0, 0, 0, 1, 1]), tree, own_excluded=False, queries=np.array([1, 0, 2]))["chance"]
    assert found["recall_at_1"] == pytest.approx((2 / 5 + 3 / 5) / 2)
    assert found["macro_recall_at_1"] == pytest.approx((2 / 5 + 3 / 5) / 2)
    assert found["hp_at_2"] == pytest.approx(1)  # any two of three classes without a common level are as near
    only = references(np.array([0, 0, 0, 1, 1]), tree, own_excluded=False, queries=np.array([1]))["chance"]
    assert (only["recall_at_1"], only["macro_recall_at_1"]) == pytest.approx((2 / 5, 2 / 5))
