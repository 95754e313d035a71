"""Losses on a product's own picture and name, and on pictures and names of different products.

Letters: N products in a batch, D dimension of the shared space; s(u, v) = u·v, the cosine of unit vectors.
"""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.model.losses.present import mean_present
from huse.settings import Settings

MATCHING = 0.2  # share of the pairs that match, and their weight: CME's published code forces 80 % mismatches


class CmeSettings(Settings):
    """Settings of CME."""

    matching: float = Field(default=0.98, ge=0, description="weight of the cosine loss of matching and other pairs")
    classification: float = Field(default=0.01, ge=0, description="weight of each modality's classification loss")
    margin: float = Field(
        default=0.1, ge=-1, le=1, description="a pair that does not match has no loss below this cosine"
    )


def gap_loss(images: Tensor, texts: Tensor, present: Tensor | None = None) -> Tensor:
    """Cross-modal gap: mean distance between a product's picture and name (HUSE, arXiv 1911.05978, eq. 12).

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        present: N bool, the products with both; None: all.
    """
    return mean_present(1 - (images * texts).sum(dim=1), present)


def matching_loss(images: Tensor, texts: Tensor, margin: float, present: Tensor | None = None) -> Tensor:
    """Cosine embedding loss of CME (Salvador et al., CVPR 2017), over all pairs of a picture and a name.

    0.2 · mean over products of 1 - s(I_n, T_n) + 0.8 · mean over m ≠ n of max(0, s(I_m, T_n) - margin). HUSE
    describes CME as "maximizing the cosine similarity between positive pairs, and minimizing it between all
    non-matching pairs" (4.1.3); the weights are the rates at which CME's own code draws the two. As in the original,
    two products of one class do not match.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        margin: cosine below which a pair that does not match has no loss.
        present: 2 × N bool, the images and the texts that are there; None: all.
    """
    cosines = images @ texts.T
    matching = mean_present(1 - cosines.diagonal(), None if present is None else present.all(dim=0))
    counted = ~torch.eye(len(images), dtype=torch.bool, device=images.device)
    if present is not None:
        counted = counted & present[0, :, None] & present[1, None, :]
    pairs = max(1, len(images) * (len(images) - 1)) if present is None else counted.sum().clamp(min=1)
    mismatching = (functional.relu(cosines - margin) * counted).sum() / pairs
    return MATCHING * matching + (1 - MATCHING) * mismatching
