"""What the network is trained towards."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional


def class_targets(class_labels: Sequence[Sequence[int]], labels: int) -> Tensor:
    """Return each class's distribution over the labels: uniform over the labels of its path.

    Args:
        class_labels: C lists of label numbers: one in the scheme `leaf`, one a level in `levels`.
        labels: K.

    Returns:
        C × K float32; a label that comes twice in a path counts once.
    """
    targets = torch.zeros(len(class_labels), labels)
    for row, members in enumerate(class_labels):
        targets[row, list(members)] = 1
    return targets / targets.sum(dim=1, keepdim=True)


def margin(distances: Tensor, zeta: float | None, quantile: float) -> float:
    """Return the margin zeta of the graph loss.

    The scale of the distances depends on the label encoder, so a fixed value fits one encoder only. A quantile of the
    distances between different classes fits any.

    Args:
        distances: C × C float32.
        zeta: the value, or None.
        quantile: in [0, 1], used where `zeta` is None.
    """
    if zeta is not None:
        return zeta
    upper = distances.cpu().numpy()[np.triu_indices(len(distances), k=1)]
    return float(np.quantile(upper.astype(np.float64), quantile))


def fit_label_vectors(vectors: npt.NDArray[np.float32], dimension: int) -> tuple[Tensor, float]:
    """Fit label vectors to the dimension of the shared space, changing their cosines as little as possible.

    Shorter vectors are padded with zeros, longer ones rotated into their span. Neither changes a cosine unless there
    are more than D labels; then only the D directions of most variance are kept.

    Args:
        vectors: K × E, none zero.
        dimension: D.

    Returns:
        K × D float32, unit norm, and the largest change of a cosine.
    """
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    if unit.shape[1] > dimension:
        left, lengths, _ = np.linalg.svd(unit, full_matrices=False)
        fitted = (left * lengths)[:, :dimension]
        fitted /= np.maximum(np.linalg.norm(fitted, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    else:
        fitted = unit
    changed = float(np.abs(fitted @ fitted.T - unit @ unit.T).max())
    padded = np.zeros((len(unit), dimension), np.float32)
    padded[:, : fitted.shape[1]] = fitted
    return torch.from_numpy(padded), changed


def class_vectors(label_vectors: Tensor, targets: Tensor) -> Tensor:
    """Return C × D: the mean of each class's K × D label vectors, of unit norm; targets are from `class_targets`."""
    return functional.normalize(targets @ label_vectors, dim=1)
