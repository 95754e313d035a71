"""Contrastive losses over the embeddings of both modalities.

Letters: M rows, D dimension of the shared space, L levels of the class tree.
"""

import torch
from torch import Tensor
from torch.nn import functional


def supervised_contrastive_loss(embeddings: Tensor, classes: Tensor, temperature: float) -> Tensor:
    """SupCon (Khosla et al. 2020, arXiv 2004.11362): rows of a class attract each other, all others are repelled.

    - mean over anchors i of the mean over p ≠ i of i's class of log(exp(u_i·u_p / t) / Σ over a ≠ i of
    exp(u_i·u_a / t)). An anchor without another row of its class is left out. With both modalities pooled, a
    product's picture and name are a pair of one class.

    Args:
        embeddings: M × D, unit norm.
        classes: M int64.
        temperature: t.

    Returns:
        A scalar; 0, with a gradient of 0, where there is no pair.
    """
    itself = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    logits = ((embeddings @ embeddings.T).float() / temperature).masked_fill(itself, -torch.inf)
    log_shares = functional.log_softmax(logits, dim=1)
    positives = (classes[:, None] == classes[None, :]) & ~itself
    counts = positives.sum(dim=1)
    kept = counts > 0
    if not kept.any():
        return embeddings.sum() * 0
    means = torch.where(positives, log_shares, 0).sum(dim=1) / counts.clamp(min=1)
    return -means[kept].mean()


def hierarchical_contrastive_loss(embeddings: Tensor, nodes: Tensor, temperature: float, decay: float) -> Tensor:
    """SupCon on every level of the class tree, coarser levels weighing less (Zhang et al. 2022, arXiv 2204.13207).

    The mean of `supervised_contrastive_loss` with the nodes of each level as classes, weighted by `decay` to the
    power of the level's height above the leaves.

    Args:
        embeddings: M × D, unit norm.
        nodes: L × M int64, for each level, coarse to fine, the number of the node on each row's path.
        temperature: of SupCon.
        decay: weight of a level, as a share of the next finer one's.
    """
    weights = [decay**height for height in range(len(nodes))][::-1]
    losses = [
        weight * supervised_contrastive_loss(embeddings, level, temperature)
        for weight, level in zip(weights, nodes, strict=True)
    ]
    return torch.stack(losses).sum() / sum(weights)
