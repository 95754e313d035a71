"""The semantic graph: distances between labels, and from them the distances between classes.

Letters: C classes, K labels, E dimension of the label vectors. Ten thousand labels make a hundred million distances, so
matrices are processed in blocks of rows, and none is held in float64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.errors import InputError

Distances = npt.NDArray[np.float32]

# Labels nearer than this have equal vectors up to rounding.
DUPLICATE_DISTANCE = 1e-6

# Ranks and quantiles use all pairs of at most this many labels or classes; see `spread_out`.
MOST_RANKED = 2000


def adjacency(label_vectors: npt.NDArray[np.float32], labels: Sequence[str], block: int = 1024) -> Distances:
    """Cosine distance of all pairs of labels, the edge weights of HUSE's semantic graph: A_kl = 1 - cos(ψ_k, ψ_l).

    Computed in float64: rounding to float32 before the subtraction would hide which labels coincide.

    Args:
        label_vectors: K × E float32.
        labels: K names, for the message.
        block: rows of the result at a time; affects rounding only.

    Returns:
        K × K float32 in [0, 2], exactly symmetric, diagonal exactly 0.

    Raises:
        InputError: a label vector is zero or not finite.
    """
    unit = label_vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ke,ke->k", unit, unit))
    without = [label for label, length in zip(labels, lengths, strict=True) if not 0 < length < np.inf]
    if without:
        raise InputError(
            f"label vectors: expected a direction for every label, found zeros or numbers that are not finite "
            f"for {len(without)}, first {without[0]!r}. Use other word vectors or label_graph.encoder: tree."
        )
    unit /= lengths[:, None]
    distances = np.empty((len(unit), len(unit)), np.float32)
    for start in range(0, len(unit), block):
        stop = start + block
        # The upper triangle is computed, the lower one is its mirror.
        rows = 1 - unit[start:stop] @ unit[start:].T
        np.clip(rows, 0, 2, out=rows)
        corner = rows[:, : len(rows)]
        corner[:] = (corner + corner.T) / 2
        distances[start:stop, start:] = rows
        distances[stop:, start:stop] = distances[start:stop, stop:].T
    np.fill_diagonal(distances, 0)
    return distances


def class_distances(adjacency: Distances, class_labels: Sequence[Sequence[int]], block: int = 256) -> Distances:
    """Return the distances that two products should have, by class.

    This is the mean over levels of the distance between the two classes' labels. If depths differ, the last label of
    the shorter path stands in for its missing levels. With one label a class, it is the adjacency itself.

    Args:
        adjacency: K × K float32.
        class_labels: for each of the C classes its labels, coarse to fine; see `huse.labels.schemes.Labels`.
        block: rows of the result at a time; no effect on it.

    Returns:
        C × C float32, symmetric, diagonal 0.
    """
    depths = np.array([len(labels) for labels in class_labels])
    levels = [[labels[min(level, len(labels) - 1)] for labels in class_labels] for level in range(depths.max())]
    at_level = np.array(levels)
    distances = np.empty((len(depths), len(depths)), np.float32)
    for start in range(0, len(depths), block):
        rows = slice(start, start + block)
        deeper = np.maximum(depths[rows, None], depths)  # levels of a pair of classes
        total = np.zeros(deeper.shape)
        for level, at in enumerate(at_level):
            np.add(total, np.take(adjacency[at[rows]], at, axis=1), out=total, where=level < deeper)
        distances[rows] = total / deeper
    return distances


def off_diagonal(matrix: Distances) -> Distances:
    """View the entries off the diagonal of a K × K matrix, K ≥ 2, as (K - 1) × K; a view where it is contiguous."""
    # The diagonal is every (K + 1)th element.
    size = len(matrix)
    return matrix.reshape(-1)[1:].reshape(size - 1, size + 1)[:, :-1]


def spread_out(count: int, most: int = MOST_RANKED) -> npt.NDArray[np.int64]:
    """Choose at most `most` ≥ 2 of `count` rows, ascending, evenly spaced, the first and the last included."""
    if count <= most:
        return np.arange(count)
    return np.arange(most) * (count - 1) // (most - 1)


def pairs(matrix: npt.NDArray[Any], most: int = MOST_RANKED) -> npt.NDArray[Any]:
    """List the values of a symmetric K × K matrix for all pairs of at most `most` rows, by first, then second row."""
    chosen = spread_out(len(matrix), most)
    return matrix[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), k=1)]


def count_duplicates(adjacency: Distances) -> int:
    """Count the pairs of different labels at distance 0, up to rounding, in a K × K adjacency."""
    near = sum(int(np.count_nonzero(row < DUPLICATE_DISTANCE)) for row in adjacency)
    return (near - len(adjacency)) // 2


def duplicate_labels(adjacency: Distances, labels: Sequence[str], most: int | None = None) -> list[tuple[str, str]]:
    """List the pairs of different labels at distance 0, up to rounding.

    Args:
        adjacency: K × K float32.
        labels: K names.
        most: stop after so many pairs; there can be millions, see `count_duplicates`.

    Returns:
        By first, then by second label, in the order of the labels.
    """
    found: list[tuple[str, str]] = []
    for index, row in enumerate(adjacency):
        if most is not None and len(found) >= most:
            break
        others = np.flatnonzero(row[index + 1 :] < DUPLICATE_DISTANCE) + index + 1
        found += [(labels[index], labels[other]) for other in others.tolist()]
    return found[:most]
