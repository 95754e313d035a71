"""The shared metrics of a ranking against loops, as NumPy arrays and as torch tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from huse.metrics import area_under_hierarchical_precision, average_precision, hierarchical_precision, precision_at_k

RANKINGS = st.tuples(st.integers(1, 4), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))
KINDS = pytest.mark.parametrize("kind", [np.asarray, torch.tensor])


@KINDS
@given(right=RANKINGS, k=st.integers(1, 12))
def test_precision_is_the_share_of_right_ones_and_missing_ones_are_wrong(kind, right, k):
    assert precision_at_k(kind(right), k).tolist() == pytest.approx([sum(row[:k].tolist()) / k for row in right])


@KINDS
@given(right=RANKINGS)
def test_average_precision_equals_its_definition(kind, right):
    with np.errstate(invalid="ignore"):
        found = average_precision(kind(right), kind(np.arange(1, right.shape[1] + 1))).tolist()
    for value, row in zip(found, right, strict=True):
        hits = np.flatnonzero(row) + 1
        shares = [number / place for number, place in enumerate(hits, start=1)]
        assert value == pytest.approx(np.mean(shares) if shares else np.nan, nan_ok=True)


@KINDS
@given(similarity=st.permutations([1, 1, 2 / 3, 2 / 3, 1 / 3, 0]))
def test_hierarchical_precision_equals_its_definition(kind, similarity):
    best = np.cumsum(sorted(similarity, reverse=True))
    expected = [min(sum(similarity[:k]) / best[k - 1], 1) for k in range(1, 7)]
    rows, sums = kind(np.array([similarity])), kind(best)
    assert hierarchical_precision(rows, sums)[0].tolist() == pytest.approx(expected)
    assert area_under_hierarchical_precision(rows, sums).tolist() == pytest.approx([np.mean(expected)])


def test_a_perfect_ranking_scores_1_however_it_is_added_up():
    similarity = np.array([[0.1, 0.2, 0.3]])
    assert similarity.sum() > (0.3 + 0.2) + 0.1  # in the last digit
    assert hierarchical_precision(similarity, np.cumsum([0.3, 0.2, 0.1]))[0, -1] == 1
