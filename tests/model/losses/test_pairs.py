import pytest
import torch

from huse.model.losses.pairs import gap_loss, matching_loss


def test_gap_by_hand_and_its_gradient_pulls_pairs_together():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    texts = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    loss = gap_loss(images, texts)
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    step = torch.nn.functional.normalize(images.detach() - 0.1 * images.grad, dim=1)
    assert float(gap_loss(step, texts)) < 0.5


def test_matching_is_0_for_equal_modalities_of_orthogonal_products():
    assert float(matching_loss(torch.eye(4), torch.eye(4), margin=0.1)) == 0


def test_matching_by_hand():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    texts = torch.tensor([[0.6, 0.8], [0.6, 0.8]])
    # Pairs that match: cosines 0.6 and 0.8. The others: 0.6 and 0.8, each 0.1 less.
    expected = 0.2 * (0.4 + 0.2) / 2 + 0.8 * (0.5 + 0.7) / 2
    assert float(matching_loss(images, texts, margin=0.1)) == pytest.approx(expected)


def test_matching_equals_the_double_loop(unit_rows):
    images, texts = unit_rows(7, 4), unit_rows(7, 4)[::-1].copy()
    others = [max(0.0, float(images[m] @ texts[n]) - 0.1) for m in range(7) for n in range(7) if m != n]
    matching = [1 - float(images[n] @ texts[n]) for n in range(7)]
    expected = 0.2 * sum(matching) / 7 + 0.8 * sum(others) / 42
    found = matching_loss(torch.from_numpy(images), torch.from_numpy(texts), margin=0.1)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_matching_of_one_product_has_no_other_pairs():
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert float(matching_loss(one, other, margin=0.1)) == pytest.approx(0.2)
