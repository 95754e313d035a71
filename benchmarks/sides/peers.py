"""Loss terms of the package, and the same by pytorch-metric-learning."""

from collections.abc import Callable

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer
from torch import Tensor

from huse.model.losses.contrastive import hierarchical_contrastive_loss
from huse.model.losses.triplets import adamine_loss, triplet_loss

Loss = Callable[[Tensor, Tensor], Tensor]  # of 2N × D rows of unit norm, pictures first, and N class numbers


def triplets(margin: float) -> tuple[Loss, Loss]:
    """Return all semi-hard triplets, ours and the peer's."""
    cosine = CosineSimilarity()
    miner = TripletMarginMiner(margin=margin, distance=cosine, type_of_triplets="semihard")
    loss = TripletMarginLoss(margin=margin, distance=cosine, reducer=AvgNonZeroReducer())
    return (
        lambda unit, classes: triplet_loss(unit, classes.repeat(2), margin, "all_semi_hard"),
        lambda unit, classes: loss(unit, classes.repeat(2), miner(unit, classes.repeat(2))),
    )


def adamine(margin: float) -> tuple[Loss, Loss]:
    """Return AdaMine's triplets of products; those of classes draw random partners, so no peer computes them."""
    loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity(), reducer=AvgNonZeroReducer())

    def theirs(unit: Tensor, classes: Tensor) -> Tensor:
        (images, texts), own = unit.chunk(2), torch.arange(len(classes))
        ways = ((images, texts), (texts, images))
        # A copy of the labels: of the same tensor it would take each row for a pair with itself, and leave it out.
        terms = [loss(one, own, ref_emb=other, ref_labels=own.clone()) for one, other in ways]
        return torch.stack(terms).sum() / 4

    def ours(unit: Tensor, classes: Tensor) -> Tensor:
        images, texts = unit.chunk(2)
        return adamine_loss(images, texts, classes, margin, semantic=0.0)

    return ours, theirs


def contrast(temperature: float) -> tuple[Loss, Loss]:
    """Return SupCon."""
    loss = SupConLoss(temperature=temperature, distance=CosineSimilarity())
    return (
        lambda unit, classes: hierarchical_contrastive_loss(unit, classes.repeat(2)[None], temperature, decay=1),
        lambda unit, classes: loss(unit, classes.repeat(2)),
    )
