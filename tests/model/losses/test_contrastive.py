import math

import pytest
import torch

from huse.model.losses.contrastive import hierarchical_contrastive_loss


def supervised_contrastive_loss(rows, classes, temperature):
    return hierarchical_contrastive_loss(rows, torch.tensor(classes)[None], temperature, decay=1)


def naive(rows, classes, temperature):
    losses = []
    for i in range(len(rows)):
        positives = [p for p in range(len(rows)) if p != i and classes[p] == classes[i]]
        if positives:
            below = sum(math.exp(rows[i] @ rows[a] / temperature) for a in range(len(rows)) if a != i)
            shares = [math.log(math.exp(rows[i] @ rows[p] / temperature) / below) for p in positives]
            losses.append(-sum(shares) / len(shares))
    return sum(losses) / len(losses) if losses else 0.0


def test_contrastive_equals_the_definition(unit_rows):
    rows, classes = unit_rows(12, 5), [0, 0, 1, 2, 1, 0, 3, 2, 2, 1, 0, 4]  # 3 and 4 are alone
    tensor = torch.from_numpy(rows).requires_grad_()
    found = supervised_contrastive_loss(tensor, classes, 0.2)
    assert found.item() == pytest.approx(naive(rows.astype(float), classes, 0.2), rel=1e-5)
    found.backward()
    assert tensor.grad.isfinite().all()
    assert tensor.grad.abs().sum() > 0


def test_contrastive_by_hand():
    # Two classes at right angles, two rows each: log(e¹ + 2 e⁰) - 1.
    rows = torch.eye(2)[[0, 0, 1, 1]]
    found = supervised_contrastive_loss(rows, [0, 0, 1, 1], 1.0)
    assert float(found) == pytest.approx(math.log(math.e + 2) - 1, rel=1e-6)


@pytest.mark.parametrize("classes", [[0, 1, 2], [0]])
def test_no_pair_is_0_with_a_gradient(unit_rows, classes):
    rows = torch.from_numpy(unit_rows(len(classes), 3)).requires_grad_()
    loss = supervised_contrastive_loss(rows, classes, 0.1)
    loss.backward()
    assert float(loss.detach()) == 0
    assert rows.grad.abs().sum() == 0


def test_hierarchy_is_the_weighted_mean_over_levels(unit_rows):
    rows = torch.from_numpy(unit_rows(6, 4))
    levels = [[0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 2, 2]]
    one, other = (float(supervised_contrastive_loss(rows, level, 0.1)) for level in levels)
    found = hierarchical_contrastive_loss(rows, torch.tensor(levels), 0.1, decay=0.25)
    assert float(found) == pytest.approx((0.25 * one + other) / 1.25, rel=1e-6)
    leaves = hierarchical_contrastive_loss(rows, torch.tensor(levels), 0.1, decay=0.0)
    assert float(leaves) == pytest.approx(other, rel=1e-6)
