"""Metrics of a ranking: pure functions of NumPy arrays or torch tensors, shared by training and evaluation.

Letters: Q queries, N candidates, R of them at the top.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy.typing as npt

if TYPE_CHECKING:  # evaluation alone does not import torch
    from torch import Tensor

Array = TypeVar("Array", npt.NDArray[Any], "Tensor")

AHP_K = 250  # items under the area AHP@K, Barz & Denzler's


def precision_at_k(right: Array, k: int) -> Array:
    """Return the share of right ones among the first `k` candidates; missing candidates count as wrong.

    Args:
        right: Q × N booleans, best candidate first.
        k: candidates that count.

    Returns:
        Q shares.
    """
    share: Array = right[:, :k].sum(1) / k
    return share


def average_precision(right: Array, places: Array) -> Array:
    """Return the average precision: the mean, over the right candidates, of the precision at their place.

    Args:
        right: Q × N booleans, best candidate first.
        places: 1 to N, integers.

    Returns:
        Q values in [0, 1]; NaN where no candidate is right.
    """
    precision = right.cumsum(1) / places
    mean: Array = (precision * right).sum(1) / right.sum(1)
    return mean


def hierarchical_precision(similarity: Array, best: Array) -> Array:
    """Return the graded HP@1, ..., HP@R (Deng et al. 2011; Barz & Denzler 2019, arXiv 1809.09924).

    HP@K is the sum of the similarities of the first K candidates over the highest sum that the candidates allow.

    Args:
        similarity: Q × R, of each candidate's class to the query's, best candidate first.
        best: Q × R or R, the highest possible sums over the first 1, 2, ..., R places, above 0.

    Returns:
        Q × R in [0, 1].
    """
    # Sums in another order may differ in the last digit, and exceed the best.
    precision: Array = (similarity.cumsum(1) / best).clip(max=1)
    return precision


def area_under_hierarchical_precision(similarity: Array, best: Array) -> Array:
    """Return AHP@R, the area under the graded HP@1, ..., HP@R, as their plain mean.

    Barz & Denzler's program adds R - 1 trapezoids of width 1/R, so a perfect ranking scores (R - 1)/R; the mean gives
    1.

    Args:
        similarity: see `hierarchical_precision`.
        best: see there.

    Returns:
        Q values in [0, 1].
    """
    area: Array = hierarchical_precision(similarity, best).mean(1)
    return area
