"""Distances of labels: blocks of matrix products, beside SciPy."""

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from benchmarks.harness import Work
from huse.labels.graph import adjacency

TIMED = 1_000  # rows of the slow side


def _label_vectors(labels: int, dimension: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(labels, dimension)).astype(np.float32)


def by_cdist(labels: int, dimension: int) -> Work:
    """Compute the first `TIMED` rows of the distances with SciPy."""
    vectors = _label_vectors(labels, dimension)
    return lambda: cdist(vectors[:TIMED], vectors, "cosine").astype(np.float32)


def by_blocks(labels: int, dimension: int) -> Work:
    """Compute all distances."""
    vectors, names = _label_vectors(labels, dimension), [str(index) for index in range(labels)]
    return lambda: adjacency(vectors, names)
