"""Contrastive losses over the embeddings of both modalities.

Letters: M rows, D dimension of the shared space, L levels of the class tree.
"""

import torch
from pydantic import Field
from torch import Tensor

from huse.settings import Settings

ABSENT = -1e30  # a logit whose exponential is 0; finite, so that a row of nothing else has a gradient of 0, not NaN


class ContrastSettings(Settings):
    """Settings of the contrastive term of `huse_plus`."""

    weight: float = Field(default=0.5, ge=0, description="0: then it is huse")
    temperature: float = Field(
        default=0.1, gt=0, description="of its softmax over cosines; a lower one weights near rows more"
    )
    decay: float = Field(
        default=0.5, ge=0, le=1, description="weight of a level of the tree, as a share of the next finer one's"
    )


def hierarchical_contrastive_loss(
    embeddings: Tensor, nodes: Tensor, temperature: float, decay: float, present: Tensor | None = None
) -> Tensor:
    """SupCon on every level of the class tree; coarser levels weigh less (Zhang et al. 2022, arXiv 2204.13207).

    SupCon (Khosla et al. 2020, arXiv 2004.11362), here of a level: - mean over anchors i of the mean over p ≠ i of i's
    node of log(exp(u_i·u_p / t) / Σ over a ≠ i of exp(u_i·u_a / t)). An anchor without another row of its node is left
    out. With both modalities pooled, a product's picture and name are a pair too. The levels' mean is weighted by
    `decay` to the power of the level's height above the leaves.

    Args:
        embeddings: M × D, unit norm.
        nodes: L × M int64, the number of each row's node on every level, coarse to fine.
        temperature: t.
        decay: weight of a level, as a share of the next finer one's.
        present: M bool, the rows that take part; None: all.

    Returns:
        A scalar; a level without a pair counts as 0, with a gradient of 0.
    """
    if len(embeddings) < 2:
        return embeddings.sum() * 0
    logits = ((embeddings / temperature) @ embeddings.T).float()
    if present is not None:
        logits = logits.masked_fill(~present, ABSENT)
        nodes = nodes.masked_fill(~present, -1)  # of no class that is there
    logits.diagonal().fill_(-torch.inf)
    log_totals = logits.logsumexp(dim=1)  # log Σ over a ≠ i of exp(u_i·u_a / t), the same on every level
    weights = [decay**height for height in range(len(nodes))][::-1]
    losses = [
        weight * _level_loss(embeddings, level, log_totals, temperature, present)
        for weight, level in zip(weights, nodes, strict=True)
    ]
    total: Tensor = torch.stack(losses).sum() / sum(weights)
    return total


def _level_loss(
    embeddings: Tensor, classes: Tensor, log_totals: Tensor, temperature: float, present: Tensor | None
) -> Tensor:
    """SupCon of one level; u_i times the sum of a class's other rows is the sum of u_i·u_p, without an M × M matrix."""
    ordered = classes.sort().values
    first = torch.searchsorted(ordered, classes)  # the class's first place in the sorted rows serves as its number
    others = torch.searchsorted(ordered, classes, right=True) - first - 1
    kept = others > 0 if present is None else (others > 0) & present
    sums = torch.zeros_like(embeddings).index_add(0, first, embeddings)
    similarity = ((sums[first] - embeddings) * embeddings).sum(dim=1) / others.clamp(min=1)
    loss: Tensor = ((log_totals - similarity / temperature) * kept).sum() / kept.sum().clamp(min=1)
    return loss
