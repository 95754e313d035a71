"""Metrics of a ranking, pure functions of NumPy arrays or torch tensors: training watches what evaluation reports.

Letters: Q queries, N candidates, R of them at the top.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy.typing as npt

if TYPE_CHECKING:  # what only evaluates does without torch
    from torch import Tensor

Array = TypeVar("Array", npt.NDArray[Any], "Tensor")

AHP_K = 250  # items under the area AHP@K, Barz & Denzler's


def precision_at_k(right: Array, k: int) -> Array:
    """Return the share of the first `k` candidates that are right; where there are fewer, the missing ones are wrong.

    Args:
        right: Q × N booleans, best candidate first.
        k: candidates that count.

    Returns:
        Q shares.
    """
    share: Array = right[:, :k].sum(1) / k
    return share


def average_precision(right: Array, places: Array) -> Array:
    """Return the mean, over the candidates that are right, of the share of right ones down to each.

    Args:
        right: Q × N booleans, best candidate first.
        places: 1 to N, integers.

    Returns:
        Q values in [0, 1]; not a number where no candidate is right.
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
    # The same numbers added in another order may come out higher in the last digit.
    precision: Array = (similarity.cumsum(1) / best).clip(max=1)
    return precision


def area_under_hierarchical_precision(similarity: Array, best: Array) -> Array:
    """Return AHP@R, the area under the graded HP@1, ..., HP@R, as their plain mean.

    Barz & Denzler's program takes trapezoids of width 1/R, of which there are R - 1: a perfect ranking then
    scores (R - 1)/R. The mean gives 1.

    Args:
        similarity: see `hierarchical_precision`.
        best: see there.

    Returns:
        Q values in [0, 1].
    """
    area: Array = hierarchical_precision(similarity, best).mean(1)
    return area
