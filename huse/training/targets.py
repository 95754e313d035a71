"""What the network is trained towards."""

from collections.abc import Sequence

import torch
from torch import Tensor


def class_targets(class_labels: Sequence[Sequence[int]], labels: int) -> Tensor:
    """Return each class's distribution over the labels: uniform over the labels of its path.

    Args:
        class_labels: C lists of label numbers: one in the scheme `leaf`, one a level in `levels`.
        labels: K.

    Returns:
        C × K float32; a label that stands twice in a path counts once.
    """
    targets = torch.zeros(len(class_labels), labels)
    for row, members in enumerate(class_labels):
        targets[row, list(members)] = 1
    return targets / targets.sum(dim=1, keepdim=True)


def margin(distances: Tensor, zeta: float | None, quantile: float) -> float:
    """Return the margin zeta of the graph loss.

    The scale of the distances depends on the encoder of the labels, so a value does not carry over from one
    to another; a quantile of the distances between different classes does.

    Args:
        distances: C × C float32.
        zeta: the value, or None.
        quantile: in [0, 1], used where `zeta` is None.
    """
    if zeta is not None:
        return zeta
    upper = torch.triu_indices(len(distances), len(distances), offset=1)
    return float(distances[upper[0], upper[1]].double().quantile(quantile))
