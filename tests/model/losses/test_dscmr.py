import math

import pytest
import torch

from huse.model.losses.dscmr import invariance_loss, label_space_loss, likelihood_loss


def test_label_space_by_hand():
    logits, targets = torch.tensor([[3.0, 5.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert float(label_space_loss(logits, targets)) == pytest.approx((5 + 0) / 2)


def test_likelihood_by_hand():
    images, texts = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    # One product: cosines 1, 0 and 1, all of one class.
    one, none = math.log(1 + math.exp(0.5)) - 0.5, math.log(2)
    assert float(likelihood_loss(images, texts, torch.tensor([0]))) == pytest.approx(2 * one + none)


def test_likelihood_equals_the_loop(unit_rows):
    images, texts, classes = unit_rows(5, 3), unit_rows(5, 3)[::-1].copy(), [0, 1, 1, 2, 0]
    expected = 0.0
    for one, other in ((images, images), (images, texts), (texts, texts)):
        for i in range(5):
            for j in range(5):
                half = float(one[i] @ other[j]) / 2
                expected += (math.log(1 + math.exp(half)) - half * (classes[i] == classes[j])) / 25
    found = likelihood_loss(torch.from_numpy(images), torch.from_numpy(texts), torch.tensor(classes))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_invariance_by_hand_and_its_gradient_at_0():
    images, texts = torch.tensor([[3.0, 4.0], [1.0, 1.0]], requires_grad=True), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    loss = invariance_loss(images, texts)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2.5, abs=1e-5)
    assert images.grad[1].tolist() == [0, 0]
