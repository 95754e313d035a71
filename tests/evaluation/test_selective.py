from itertools import pairwise, permutations

import numpy as np
import pytest

from huse.evaluation.selective import selective_metrics, selective_risks


def test_risks_by_hand():
    found = selective_risks(np.array([0.2, 0.9, 0.8, 0.4]), np.array([False, True, True, False]))
    assert found.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])


def test_equal_confidences_count_as_the_mean_of_all_orders():
    confidences, right = np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([True, False, True, True, False])
    expected = []
    for order in permutations(range(5)):
        if all(confidences[one] >= confidences[other] for one, other in pairwise(order)):
            expected.append(np.cumsum(~right[list(order)]) / np.arange(1, 6))
    assert selective_risks(confidences, right) == pytest.approx(np.mean(expected, axis=0))


def test_the_curve_has_twenty_points_and_ends_at_the_error():
    random = np.random.default_rng(0)
    for count in (1, 7, 20, 101):
        confidences, right = random.random(count), random.random(count) < 0.7
        found, risks = selective_metrics(confidences, right), selective_risks(confidences, right)
        assert list(found["risk"]) == [f"at_{percent}" for percent in range(5, 101, 5)]
        assert found["risk"]["at_100"] == pytest.approx(1 - right.mean())
        assert found["risk"]["at_5"] == risks[max(-(-count // 20) - 1, 0)]
        assert found["aurc"] == pytest.approx(risks.mean())


def test_sure_mistakes_cost_more():
    right = np.arange(10) < 8
    best, worst = selective_metrics(-np.arange(10.0), right), selective_metrics(np.arange(10.0), right)
    assert best["aurc"] == pytest.approx((1 / 9 + 2 / 10) / 10) and best["risk"]["at_80"] == 0
    assert worst["aurc"] == pytest.approx(sum(2 / k for k in range(2, 11)) / 10 + 0.1)
