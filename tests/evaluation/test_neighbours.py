import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.evaluation.neighbours import nearest_neighbours
from tests.evaluation.made import circle


def naive_neighbours(query, candidates, k, excluded=None):
    """Rows of the candidates, by falling cosine, of equal ones the lower row first."""
    rows = [row for row in range(len(candidates)) if row != excluded]
    return sorted(rows, key=lambda row: (-float(query @ candidates[row]), row))[:k]


@settings(deadline=None, max_examples=300)
@given(
    count=st.integers(1, 40),
    k=st.integers(1, 12),
    seed=st.integers(0, 10_000),
    own=st.booleans(),
    block=st.sampled_from([1, 3, 1024]),
    tile=st.sampled_from([1, 2, 5, 4096]),
)
def test_equals_a_sort_of_all_candidates(*, count, k, seed, own, block, tile):
    # Whole numbers: products are exact, and most are equal to others, zero and minus zero among them.
    random = np.random.default_rng(seed)
    queries, candidates = random.integers(-1, 2, size=(2, count, 3)).astype(np.float32)
    candidates[::2] *= np.float32(-1)
    excluded = random.permutation(count) if own else None
    found = nearest_neighbours(queries, candidates, k, excluded=excluded, block=block, tile=tile)
    expected = [
        naive_neighbours(query, candidates, k, excluded[row] if own else None) for row, query in enumerate(queries)
    ]
    assert found.rows.tolist() == expected
    cosines = (queries @ candidates.T)[np.arange(count)[:, None], found.rows]
    assert (found.similarities == cosines).all()
    assert found.rows.dtype == np.int64
    assert found.similarities.dtype == np.float32


@pytest.mark.parametrize("count", [10, 257, 3000])
def test_equals_faiss(unit_rows, count):
    queries, candidates = unit_rows(200, 48, seed=1), unit_rows(count, 48, seed=2)
    index = faiss.IndexFlatIP(48)
    index.add(candidates)
    cosines, rows = index.search(queries, 10)
    found = nearest_neighbours(queries, candidates, 10, tile=700)
    assert found.rows.tolist() == rows.tolist()
    np.testing.assert_allclose(found.similarities, cosines, rtol=0, atol=1e-6)


def test_by_hand():
    points = circle(0, 50, 10, 32, 10)  # the third and the last are the same point
    found = nearest_neighbours(points, points, 3, excluded=np.arange(5))
    assert found.rows.tolist() == [[2, 4, 3], [3, 2, 4], [4, 0, 3], [1, 2, 4], [2, 0, 3]]
    assert found.similarities[0] == pytest.approx(np.cos(np.deg2rad([10, 10, 32])))
    assert nearest_neighbours(points, points, 2).rows.tolist() == [[0, 2], [1, 3], [2, 4], [3, 1], [2, 4]]


@pytest.mark.parametrize("dimension", [2, 37, 512])
@pytest.mark.parametrize("own", [True, False])
def test_equal_points_stand_in_the_order_of_their_rows(unit_rows, dimension, own):
    # A matrix product of such a point with itself differs between columns in the last digit on some CPUs.
    points = np.tile(unit_rows(1, dimension, seed=4), (601, 1))
    points[:, 0] = 0.0 * np.random.default_rng(0).choice([-1, 1], size=601)  # minus zero: another float, the same point
    excluded = np.arange(601) if own else None
    found = nearest_neighbours(points, points, 10, excluded=excluded, block=100, tile=100)
    for row in range(601):
        assert found.rows[row].tolist() == [other for other in range(11) if not (own and other == row)][:10]


def test_candidates_that_get_better_and_better():
    # The worst order for a running threshold: every tile has only candidates above all before it.
    candidates = circle(*np.linspace(90, 0, 2000))
    query = np.array([[1, 0]], dtype=np.float32)
    found = nearest_neighbours(query, candidates, 10, tile=128)
    assert found.rows[0].tolist() == naive_neighbours(query[0], candidates, 10)
    assert found.rows[0].tolist()[:3] == [1999, 1998, 1997]


def test_no_candidates_and_no_queries(unit_rows):
    rows = unit_rows(3, 4)
    assert nearest_neighbours(rows, rows[:0], 10).rows.shape == (3, 0)
    assert nearest_neighbours(rows[:0], rows, 10).rows.shape == (0, 3)
