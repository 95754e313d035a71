"""Loss terms beside pytorch-metric-learning, values and gradients."""

import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer
from torch.nn import functional

from huse.model.losses.contrastive import supervised_contrastive_loss
from huse.model.losses.triplets import adamine_loss, triplet_loss

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 3, 3, 0, 0, 1, 2])


def both(ours, theirs):
    """Values and gradients of two losses of the same raw rows."""
    found = []
    for loss in (ours, theirs):
        raw = torch.randn(12, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
        value = loss(functional.normalize(raw, dim=1))
        value.backward()
        found.append((value.detach(), raw.grad))
    return found


def same(ours, theirs):
    (one, gradient), (other, expected) = both(ours, theirs)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.7])
def test_all_semi_hard_triplets(margin):
    cosine = CosineSimilarity()
    miner = TripletMarginMiner(margin=margin, distance=cosine, type_of_triplets="semihard")
    loss = TripletMarginLoss(margin=margin, distance=cosine, reducer=AvgNonZeroReducer())
    same(
        lambda unit: triplet_loss(unit, CLASSES, margin, "all_semi_hard"),
        lambda unit: loss(unit, CLASSES, miner(unit, CLASSES)),
    )


def test_adamines_triplets_of_products():
    """Those of classes draw a partner at random and have no peer."""
    loss, own = TripletMarginLoss(margin=0.3, distance=CosineSimilarity(), reducer=AvgNonZeroReducer()), torch.arange(6)

    def theirs(unit):
        ways = (unit[:6], unit[6:]), (unit[6:], unit[:6])
        # Another tensor: of its own one it would take each row for a pair with itself, and leave it out.
        return sum(loss(one, own, ref_emb=other, ref_labels=own.clone()) for one, other in ways) / 4

    same(lambda unit: adamine_loss(unit[:6], unit[6:], CLASSES[:6], 0.3, semantic=0.0), theirs)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_supervised_contrast(temperature):
    loss = SupConLoss(temperature=temperature, distance=CosineSimilarity())
    same(
        lambda unit: supervised_contrastive_loss(unit, CLASSES, temperature),
        lambda unit: loss(unit, CLASSES),
    )
