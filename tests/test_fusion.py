import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

from huse.fusion import _log_sum, mean_direction, mean_scores
from tests.evaluation.made import circle

NAN = [np.nan, np.nan]


def test_the_mean_direction_is_that_of_the_sum():
    found = mean_direction(circle(0, 200, 60, 90), np.array([1, 0, 1, 1]))
    expected = np.array([1 + np.cos(np.pi / 3), np.sin(np.pi / 3) + 1])
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([circle(200)[0], expected / np.linalg.norm(expected)]), abs=1e-6)


def test_no_other_direction_is_nearer_to_all(unit_rows):
    rows, others = unit_rows(5, 4, seed=1), unit_rows(2000, 4, seed=2)
    best = mean_direction(rows, np.zeros(5, np.int64))
    assert (rows @ others.T).sum(axis=0).max() < (rows @ best.T).sum()


def test_of_opposite_embeddings_the_first_stands_for_all():
    opposite = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]], np.float32)
    assert mean_direction(opposite, np.array([0, 1, 0, 1])).tolist() == [[0, 1], [1, 0]]


def test_rows_of_nan_do_not_count():
    scores = np.array([[0.25, 0.75], NAN, [0.75, 0.25], NAN], np.float32)
    found = mean_scores(scores, np.array([0, 0, 0, 1]))
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([[0.5, 0.5], NAN]), nan_ok=True)
    embeddings = np.array([NAN, [0.6, 0.8], NAN], np.float32)
    assert mean_direction(embeddings, np.array([0, 0, 1])) == pytest.approx(np.array([[0.6, 0.8], NAN]), nan_ok=True)


@pytest.mark.parametrize("several", [False, True])
def test_means_are_those_of_pandas_to_the_bit(several):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 6)).astype(np.float32).round(1)
    rows[[3, 17]], rows[5, :3] = np.nan, -0.0
    products = rng.permutation(40) // (2 if several else 1)
    frame = pd.DataFrame(rows).groupby(products)
    mean, first = frame.mean().to_numpy(), frame.first().to_numpy()
    assert mean_scores(rows, products).tobytes() == mean.tobytes()
    norm = np.linalg.norm(mean, axis=1, keepdims=True)
    expected = np.where(norm > 0, mean / np.where(norm > 0, norm, 1), first)
    assert mean_direction(rows, products).tobytes() == expected.tobytes()
    kept = ~np.isnan(rows).any(axis=1)
    numbers = np.unique(products[kept], return_inverse=True)[1]
    there = np.where(norm > 0, mean / np.where(norm > 0, norm, 1), first)[np.unique(products[kept])]
    np.testing.assert_array_equal(mean_direction(rows[kept], numbers), there)


def test_nothing_gives_nothing():
    assert mean_direction(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)).shape == (0, 3)


@pytest.mark.parametrize("spread", [0.0, 1.0, 300.0])
@pytest.mark.parametrize("labels", [1, 2, 32, 300])
def test_the_sum_of_logarithms_is_that_of_scipy_to_the_bit(labels, spread):
    logs = spread * np.random.default_rng(labels).normal(size=(100, labels)).round(1)
    logs[7] = np.nan
    np.testing.assert_array_equal(_log_sum(logs), logsumexp(logs, axis=1, keepdims=True))
