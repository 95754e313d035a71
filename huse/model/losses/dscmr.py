"""The loss of DSCMR, deep supervised cross-modal retrieval (Zhen et al., CVPR 2019).

Letters: N products in a batch, D dimension of the shared space, K labels.
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.settings import Settings


class DscmrSettings(Settings):
    """Of DSCMR."""

    likelihood: float = Field(
        default=0.001, ge=0, description="weight of the binary graph of same and different classes"
    )
    invariance: float = Field(default=0.1, ge=0, description="weight of the gap between a picture and its name")


def label_space_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean Euclidean distance of a row's predictions and its targets, as DSCMR's linear classifier is trained.

    Args:
        logits: n × K.
        targets: n × K float32.
    """
    distances: Tensor = (logits.float() - targets).norm(dim=1)
    return distances.mean()


def likelihood_loss(images: Tensor, texts: Tensor, classes: Tensor) -> Tensor:
    """Negative log-likelihood that the right pairs are of one class, sum of the means over the three blocks of pairs.

    log(1 + exp(t)) - S·t for image-image, image-text and text-text pairs, with t half their cosine, S = 1 for pairs
    of one class and else 0; pairs of an embedding with itself included, as published.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        classes: N int64.
    """
    same = (classes[:, None] == classes[None, :]).float()
    blocks = ((images, images), (images, texts), (texts, texts))
    halves = [(one @ other.T).float() / 2 for one, other in blocks]
    return torch.stack([(functional.softplus(half) - same * half).mean() for half in halves]).sum()


def invariance_loss(images: Tensor, texts: Tensor) -> Tensor:
    """Mean Euclidean distance of a product's picture and name.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
    """
    # The norm of a zero vector has no gradient; equal rows are to have one of 0.
    return (images - texts).square().sum(dim=1).clamp(min=1e-12).sqrt().mean()
