"""The directions in which the TF-IDF of names varies most: a truncated SVD.

Letters: N names, F n-grams, D directions.
"""

import numpy as np
import numpy.typing as npt
import scipy.linalg
from threadpoolctl import threadpool_limits

from huse.text.ngrams import Weighted

Floats = npt.NDArray[np.float32]

PASSES = 3  # over the rows; more change no metric
ADDED = 10  # directions sought beside those wanted, which makes these more exact
LEAST = 1e-4  # share of the greatest singular value below which a direction is rounding


def find_directions(rows: Weighted, dimension: int, seed: int) -> Floats:
    """Find the right singular vectors of the D greatest singular values, by subspace iteration from a random start.

    That is algorithm 4.4 of Halko et al. 2011 (arXiv 0909.4061). Only the side of the names is made orthonormal, as
    there are fewer of them than n-grams, and the products use the factors of the rows. So it takes a third of the time
    of scikit-learn's `randomized_svd`, which gives the same.

    Args:
        rows: N × F.
        dimension: D; there are fewer directions where the rank is lower.
        seed: of the start.

    Returns:
        F × D float32, orthonormal columns.
    """
    names, ngrams = rows.shape
    across = np.empty((ngrams, min(dimension + ADDED, names)), np.float32)  # the greatest array here, so there is one
    np.random.default_rng(seed).standard_normal(dtype=np.float32, out=across)
    with threadpool_limits(1):  # sums must not depend on the number of threads
        product = rows.times(across)
        for _ in range(PASSES + 1):
            basis, _ = scipy.linalg.qr(product, mode="economic", overwrite_a=True, check_finite=False)
            rows.transposed_times(basis, out=across)
            product = rows.times(across)
        # With A the rows and Q the basis, Qᵀ A Aᵀ Q has the squares of the singular values as its eigenvalues.
        squares, vectors = np.linalg.eigh(basis.T.astype(np.float64) @ product)
        squares, vectors = squares[::-1][:dimension], vectors[:, ::-1][:, :dimension]
        kept = squares > LEAST**2 * squares[0]
        directions: Floats = across @ (vectors[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return directions
