"""The truncated SVD of names' TF-IDF: beside SciPy's, and where the rank is low."""

import numpy as np
import pytest
from scipy.sparse.linalg import svds

from huse.text.directions import find_directions
from huse.text.ngrams import Ngrams, NgramSettings, Weighted

WORDS = [f"{first}{second}" for first in ("lip", "dre", "snea", "кро", "hat") for second in ("stick", "ss", "ker", "a")]


@pytest.fixture(scope="module")
def rows() -> Weighted:
    """Names of four random words each."""
    drawn = np.random.default_rng(1).choice(WORDS, (200, 4))
    names = [" ".join(words) for words in drawn]
    return Ngrams.fit(names, NgramSettings()).weigh(names)


def test_directions_are_the_first_singular_vectors(rows: Weighted) -> None:
    found, few = find_directions(rows, 12, seed=3), 8
    assert (found.shape, found.dtype) == ((rows.shape[1], 12), np.float32)
    np.testing.assert_allclose(found.T @ found, np.eye(12), atol=1e-5)
    _, values, vectors = svds(rows.rows().astype(np.float64), 12, random_state=1)
    values, vectors = values[::-1], vectors[::-1]
    np.testing.assert_allclose(np.linalg.norm(rows.times(found), axis=0), values, rtol=2e-3)
    np.testing.assert_allclose(np.abs(np.diag(vectors @ found))[:few], 1, atol=0.02)


def test_a_low_rank_has_few_directions() -> None:
    names = ["red lipstick", "blue dress"] * 20
    rows = Ngrams.fit(names, NgramSettings()).weigh(names)
    found = find_directions(rows, 30, seed=1)
    assert found.shape[1] == 2
    np.testing.assert_allclose(rows.times(found) @ found.T, rows.rows().toarray(), atol=1e-4)


def test_the_seed_decides_the_start(rows: Weighted) -> None:
    np.testing.assert_array_equal(find_directions(rows, 12, seed=3), find_directions(rows, 12, seed=3))
    assert (find_directions(rows, 12, seed=3) != find_directions(rows, 12, seed=4)).any()
