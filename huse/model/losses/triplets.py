"""Triplet losses: FaceNet's with semi-hard negatives, and AdaMine's.

Letters: N products in a batch, M rows (2N where both modalities are pooled), D dimension of the shared space; d(u, v)
= 1 - u·v, the cosine distance of unit vectors. It is half the squared Euclidean distance, so FaceNet's margin of 0.2 is
0.1 here.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.settings import Settings

Variant = Literal["semi_hard", "all_semi_hard"]


class TripletSettings(Settings):
    """Settings of FaceNet's triplets."""

    margin: float = Field(
        default=0.1,
        gt=0,
        le=2,
        description="cosine distance; FaceNet's 0.2 is of the squared Euclidean one, twice that",
    )
    variant: Variant = Field(
        default="semi_hard", description="one negative a pair; all_semi_hard: all of them within the margin"
    )


class AdaMineSettings(Settings):
    """Settings of AdaMine."""

    margin: float = Field(default=0.3, gt=0, le=2, description="cosine distance")
    semantic: float = Field(default=0.1, ge=0, description="weight of the triplets of classes")


def triplet_loss(
    embeddings: Tensor,
    classes: Tensor,
    margin: float,
    variant: Variant = "semi_hard",
    present: Tensor | None = None,
) -> Tensor:
    """Triplet loss with online semi-hard negatives (FaceNet: Schroff et al., CVPR 2015).

    For every ordered pair of an anchor a and another row p of its class, max(0, margin + d(a, p) - d(a, n)).
    ``semi_hard`` takes one negative n: the nearest that is farther than p, or the farthest of all if there is none; the
    mean is over all pairs. ``all_semi_hard`` takes every negative with d(a, p) < d(a, n) ≤ d(a, p) + margin and no
    other; the mean is over the triplets whose loss is not 0. An anchor without negatives is left out.

    Args:
        embeddings: M × D, unit norm; anchors, positives and negatives are of any modality.
        classes: M int64.
        margin: a cosine distance.
        variant: which negatives, see above.
        present: M bool, the rows that take part; None: all.

    Returns:
        A scalar; where there is no triplet, 0 with a gradient of 0.
    """
    if present is not None:
        embeddings, classes = embeddings[present], classes[present]
    distances = (1 - embeddings @ embeddings.T).float()
    same = classes[:, None] == classes[None, :]
    negatives = (~same).sum(dim=1, keepdim=True)
    pairs = same & (negatives > 0)
    pairs.fill_diagonal_(False)
    anchors, positives = pairs.nonzero(as_tuple=True)
    if len(anchors) == 0:
        return embeddings.sum() * 0
    near = distances[anchors, positives]
    with torch.no_grad():
        ranked, order = distances.masked_fill(same, torch.inf).sort(dim=1)
        beyond = torch.searchsorted(ranked, distances, right=True)
    if variant == "semi_hard":
        chosen = order.gather(1, torch.minimum(beyond, negatives - 1))[anchors, positives]
        return functional.relu(margin + near - distances[anchors, chosen]).mean()
    with torch.no_grad():
        within = torch.searchsorted(ranked, distances + margin, right=True)
    # The sum over a range of ranked negatives is a difference of two cumulative sums; float64, since these grow large.
    running = functional.pad(distances.gather(1, order).masked_fill(~ranked.isfinite(), 0).double().cumsum(1), (1, 0))
    counts = (within - beyond)[anchors, positives]
    far = (running.gather(1, within) - running.gather(1, beyond))[anchors, positives]
    total = (counts * (margin + near.double()) - far).sum()
    # At exactly the margin a triplet's loss is 0; only rounding can count it.
    loss: Tensor = (total / counts.sum().clamp(min=1)).float()
    return loss


def adamine_loss(
    images: Tensor, texts: Tensor, classes: Tensor, margin: float, semantic: float, *, present: Tensor | None = None
) -> Tensor:
    """AdaMine's loss: triplets of products and of classes, averaged over those that act (Carvalho et al., SIGIR 2018).

    (v(c_I) + v(c_T) + semantic · (v(s_I) + v(s_T))) / 4. c: max(0, d(m, m') - d(m, n') + margin), for every product m
    of one modality, its own m' of the other, and every n' ≠ m'. s: the same with another product of m's class, drawn
    at random, in place of m', and n' of another class; an anchor without such a product is left out. v is the sum
    divided by the number of triplets that are not 0, and 0 where there is none.

    Args:
        images: N × D, unit norm.
        texts: N × D, unit norm, the same products in the same order.
        classes: N int64.
        margin: a cosine distance.
        semantic: weight of the triplets of classes.
        present: N bool, the products with both, which alone take part; None: all.
    """
    if present is not None:
        images, texts, classes = images[present], texts[present], classes[present]
    between = (1 - images @ texts.T).float()
    same = classes[:, None] == classes[None, :]
    others = same.clone()
    others.fill_diagonal_(False)
    anchors = others.any(dim=1).nonzero().squeeze(1)
    terms = []
    for distances in (between, between.T):
        own = functional.relu(distances.diagonal()[:, None] - distances + margin)
        terms.append(_mean_of_active(own.masked_fill(torch.eye(len(own), dtype=torch.bool, device=own.device), 0)))
        if len(anchors):
            partners = torch.multinomial(others[anchors].float(), 1)
            of_class = functional.relu(distances[anchors].gather(1, partners) - distances[anchors] + margin)
            terms.append(semantic * _mean_of_active(of_class.masked_fill(same[anchors], 0)))
    return torch.stack(terms).sum() / 4


def _mean_of_active(losses: Tensor) -> Tensor:
    return losses.sum() / (losses > 0).sum().clamp(min=1)
