"""Selective classification: how many of the surest predictions are wrong (Geifman & El-Yaniv 2017, arXiv 1705.08500).

Letters: N items.
"""

from typing import Any

import numpy as np

from huse.evaluation.classification import Doubles
from huse.taxonomy import Bools

STEPS = 20  # of the curve


def selective_risks(confidences: Doubles, right: Bools) -> Doubles:
    """Return the error among the k surest items, for k = 1 to N; N float64.

    Items of equal confidence stand in no order: the error is the expectation over their orders.

    Args:
        confidences: N, any numbers.
        right: N, whether the prediction is.
    """
    order = np.argsort(-confidences, kind="stable")
    _, places, counts = np.unique(-confidences[order], return_inverse=True, return_counts=True)
    wrong = np.bincount(places, weights=~right[order]) / counts
    risks: Doubles = np.cumsum(wrong[places]) / np.arange(1, len(order) + 1)
    return risks


def selective_metrics(confidences: Doubles, right: Bools) -> dict[str, Any]:
    """Return the risk-coverage curve and the area under it.

    Args:
        confidences: N, at least one.
        right: N, whether the prediction is.

    Returns:
        `aurc`: the mean of `selective_risks`, 0 at best (Geifman et al. 2019, arXiv 1805.08206); and `risk`: the error
        among the surest 5 % (`at_5`), 10 %, ..., 100 % of the items, their number rounded up.
    """
    risks = selective_risks(confidences, right)
    # In integers: 0.15 * 20 is more than 3.
    counts = {100 * step // STEPS: -(-step * len(risks) // STEPS) for step in range(1, STEPS + 1)}
    return {
        "aurc": float(risks.mean()),
        "risk": {f"at_{percent}": float(risks[count - 1]) for percent, count in counts.items()},
    }
