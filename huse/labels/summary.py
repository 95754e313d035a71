"""A graph of labels in a few numbers, for the metrics. Letters: K labels, C classes."""

from typing import Any

import numpy as np
from scipy.stats import spearmanr

from huse.labels.graph import MOST_RANKED, Distances, count_duplicates, off_diagonal, pairs
from huse.taxonomy import Hops


def correlation_with_tree(distances: Distances, hops: Hops, most: int = MOST_RANKED) -> float | None:
    """Spearman's rank correlation of class distances with the hops in the class tree, over pairs of classes.

    Args:
        distances: C × C float32.
        hops: C × C int16.
        most: classes used at most, evenly spaced.

    Returns:
        -1 to 1; None if one side is constant, or there is only one pair.
    """
    far, steps = pairs(distances, most), pairs(hops, most)
    if len(far) < 2 or far.min() == far.max() or steps.min() == steps.max():
        return None
    return float(spearmanr(far, steps).statistic)


def summarise_distances(adjacency: Distances, class_distances: Distances, hops: Hops) -> dict[str, Any]:
    """Summarise a graph for the metrics.

    Args:
        adjacency: K × K float32, K ≥ 2.
        class_distances: C × C float32.
        hops: C × C int16.

    Returns:
        `classes`: C; `adjacency`: mean, min and max over pairs of different labels; `duplicates`: see
        `huse.labels.graph.count_duplicates`; `tree_spearman`: see `correlation_with_tree`.
    """
    others = off_diagonal(adjacency)
    return {
        "classes": len(hops),
        "adjacency": {
            "mean": float(others.mean(dtype=np.float64)),
            "min": float(others.min()),
            "max": float(others.max()),
        },
        "duplicates": count_duplicates(adjacency),
        "tree_spearman": correlation_with_tree(class_distances, hops),
    }
