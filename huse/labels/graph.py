"""The semantic graph: distances between labels, and from them the distances between classes.

C classes, K labels, E dimension of the label vectors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from huse.errors import InputError

# Labels nearer than this have the same vector up to rounding.
DUPLICATE_DISTANCE = 1e-6

# A graph whose largest distance is smaller says hardly anything.
FLAT_DISTANCE = 0.05


def adjacency(label_vectors: npt.NDArray[np.float32], labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Cosine distance of all pairs of labels, the edge weights of HUSE's semantic graph: A_kl = 1 - cos(ψ_k, ψ_l).

    Args:
        label_vectors: K × E float32.
        labels: K names, for the message.

    Returns:
        K × K float32 in [0, 2], exactly symmetric, diagonal exactly 0.

    Raises:
        InputError: a label vector is zero or not finite, so that it has no direction.
    """
    lengths = np.linalg.norm(label_vectors.astype(np.float64), axis=1, keepdims=True)
    without = [label for label, length in zip(labels, lengths[:, 0], strict=True) if not 0 < length < np.inf]
    if without:
        raise InputError(
            f"label vectors: expected a direction for every label, found zeros or numbers that are not finite "
            f"for {len(without)}, first {without[0]!r}. Use other word vectors or label_graph.encoder: tree."
        )
    unit = label_vectors / lengths
    distances: npt.NDArray[np.float64] = np.clip(1 - unit @ unit.T, 0, 2)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0)
    return distances.astype(np.float32)


def class_distances(
    adjacency: npt.NDArray[np.float32], class_labels: Sequence[Sequence[int]]
) -> npt.NDArray[np.float32]:
    """Distance that a pair of products should have, by their classes.

    The mean over levels of the distance of the two classes' labels at that level. Of two paths of unequal
    depth, the shorter one's last label stands for the levels that it lacks. With one label a class this is the
    adjacency itself.

    Args:
        adjacency: K × K float32.
        class_labels: for each of the C classes its labels, coarse to fine; see `huse.labels.taxonomy.Labels`.

    Returns:
        C × C float32, symmetric, diagonal 0.
    """
    depths = np.array([len(labels) for labels in class_labels])
    deeper = np.maximum(depths[:, None], depths)  # levels that a pair of classes has
    total = np.zeros(deeper.shape)
    for level in range(depths.max()):
        at_level = np.array([labels[min(level, len(labels) - 1)] for labels in class_labels])
        total += np.where(level < deeper, adjacency[at_level[:, None], at_level], 0)
    distances: npt.NDArray[np.float32] = (total / deeper).astype(np.float32)
    return distances


def duplicate_labels(adjacency: npt.NDArray[np.float32], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of different labels that lie at distance 0, up to rounding.

    Args:
        adjacency: K × K float32.
        labels: K names.
    """
    first, second = np.nonzero(np.triu(adjacency < DUPLICATE_DISTANCE, k=1))
    return [(labels[k], labels[other]) for k, other in zip(first.tolist(), second.tolist(), strict=True)]


def remarks(adjacency: npt.NDArray[np.float32], labels: Sequence[str], shown: int = 5) -> list[str]:
    """What a person should know of a graph: that it says hardly anything, or that labels coincide.

    Args:
        adjacency: K × K float32.
        labels: K names.
        shown: pairs of labels to name.
    """
    found = []
    if adjacency.max() < FLAT_DISTANCE:
        found.append(
            f"the labels hardly differ: no two are farther apart than {adjacency.max():.3f}. Word vectors from "
            "more text, or label_graph.encoder: tree, give a graph that says more"
        )
    duplicates = [" = ".join(pair) for pair in duplicate_labels(adjacency, labels)]
    if duplicates:
        more = ", …" if len(duplicates) > shown else ""
        found.append(f"pairs of labels at distance 0, {len(duplicates)} in all: {', '.join(duplicates[:shown])}{more}")
    return found


def correlation_with_tree(distances: npt.NDArray[np.float32], hops: npt.NDArray[np.int64]) -> float | None:
    """Spearman's rank correlation of class distances with the hops in the class tree, over pairs of classes.

    Args:
        distances: C × C float32.
        hops: C × C.

    Returns:
        -1 to 1; None where one side is the same for all pairs, or there is one pair.
    """
    above = np.triu_indices(len(hops), k=1)
    if len(np.unique(distances[above])) < 2 or len(np.unique(hops[above])) < 2:
        return None
    return float(spearmanr(distances[above], hops[above]).statistic)


def summarise_distances(
    adjacency: npt.NDArray[np.float32],
    class_distances: npt.NDArray[np.float32],
    hops: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Summarise a graph for the metrics.

    Args:
        adjacency: K × K float32, K ≥ 2.
        class_distances: C × C float32.
        hops: C × C.

    Returns:
        `adjacency`: mean, min and max over pairs of different labels; `tree_spearman`: see
        `correlation_with_tree`.
    """
    pairs = adjacency[np.triu_indices(len(adjacency), k=1)]
    return {
        "adjacency": {"mean": float(pairs.mean()), "min": float(pairs.min()), "max": float(pairs.max())},
        "tree_spearman": correlation_with_tree(class_distances, hops),
    }
