"""The loss of DSCMR, deep supervised cross-modal retrieval (Zhen et al., CVPR 2019).

Letters: N products in a batch, D dimension of the shared space, K labels.
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.model.losses.present import mean_present
from huse.settings import Settings


class DscmrSettings(Settings):
    """Settings of DSCMR."""

    likelihood: float = Field(
        default=0.001, ge=0, description="weight of the binary graph of same and different classes"
    )
    invariance: float = Field(default=0.1, ge=0, description="weight of the gap between a picture and its name")


def label_space_loss(logits: Tensor, targets: Tensor, present: Tensor | None = None) -> Tensor:
    """Mean Euclidean distance between predictions and targets, the loss of DSCMR's linear classifier.

    Args:
        logits: n × K.
        targets: n × K float32.
        present: n bool, the rows that count; None: all.
    """
    return mean_present((logits.float() - targets).norm(dim=1), present)


def likelihood_loss(images: Tensor, texts: Tensor, classes: Tensor, present: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of which pairs share a class: the means over three blocks of pairs, summed.

    log(1 + exp(t)) - S·t for image-image, image-text and text-text pairs, where t is half the cosine, and S is 1 for
    pairs of one class, else 0. As published, an embedding also pairs with itself.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        classes: N int64.
        present: 2 × N bool, the images and the texts that are there; None: all.
    """
    same = (classes[:, None] == classes[None, :]).float()
    blocks = ((images, images), (images, texts), (texts, texts))
    halves = [(one @ other.T).float() / 2 for one, other in blocks]
    counted: list[Tensor | None] = [None] * 3
    if present is not None:
        counted = [present[one, :, None] & present[other, None, :] for one, other in ((0, 0), (0, 1), (1, 1))]
    return torch.stack(
        [
            mean_present(functional.softplus(half) - same * half, those)
            for half, those in zip(halves, counted, strict=True)
        ]
    ).sum()


def invariance_loss(images: Tensor, texts: Tensor, present: Tensor | None = None) -> Tensor:
    """Mean Euclidean distance between a product's picture and name.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        present: N bool, the products with both; None: all.
    """
    # The norm of a zero vector has no gradient; the clamp gives equal rows a gradient of 0.
    return mean_present((images - texts).square().sum(dim=1).clamp(min=1e-12).sqrt(), present)
