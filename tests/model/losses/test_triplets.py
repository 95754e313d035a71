import numpy as np
import pytest
import torch

from huse.model.losses.triplets import adamine_loss, triplet_loss


def naive_triplets(rows, classes, margin, variant):
    distances, losses = 1 - rows @ rows.T, []
    for a in range(len(rows)):
        for p in range(len(rows)):
            far = [distances[a, n] for n in range(len(rows)) if classes[n] != classes[a]]
            if a == p or classes[a] != classes[p] or not far:
                continue
            near = distances[a, p]
            if variant == "semi_hard":
                semi = [d for d in far if d > near]
                losses.append(torch.relu(margin + near - (min(semi) if semi else max(far))))
            else:
                losses += [margin + near - d for d in far if near < d <= near + margin]
    return torch.stack(losses).mean()


@pytest.mark.parametrize("variant", ["semi_hard", "all_semi_hard"])
@pytest.mark.parametrize("seed", range(4))
def test_triplets_and_their_gradient_equal_the_triple_loop(unit_rows, variant, seed):
    rows = torch.from_numpy(unit_rows(20, 4, seed))
    classes = torch.randint(5, (20,), generator=torch.Generator().manual_seed(seed))
    fast, slow = rows.clone().requires_grad_(), rows.double().requires_grad_()
    found, expected = triplet_loss(fast, classes, 0.3, variant), naive_triplets(slow, classes, 0.3, variant)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    found.backward()
    expected.backward()
    assert torch.allclose(fast.grad.double(), slow.grad, atol=1e-5)
    assert fast.grad.abs().sum() > 0


@pytest.mark.parametrize("variant", ["semi_hard", "all_semi_hard"])
@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 1, 2, 3], [0]])
def test_no_triplet_is_0_with_a_gradient(unit_rows, variant, classes):
    rows = torch.from_numpy(unit_rows(len(classes), 3)).requires_grad_()
    loss = triplet_loss(rows, torch.tensor(classes), 0.1, variant)
    loss.backward()
    assert float(loss.detach()) == 0
    assert rows.grad.abs().sum() == 0


def test_the_farthest_negative_where_none_is_farther_than_the_positive():
    # The positive lies opposite; both negatives are nearer, the farther one at distance 1.
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    loss = triplet_loss(rows, torch.tensor([0, 0, 1, 2]), 0.1)
    # From (1, 0): 0.1 + 2 - 1. From (-1, 0): negatives at 1 and 2, none beyond 2, the farthest is 2: 0.1.
    assert float(loss) == pytest.approx((1.1 + 0.1) / 2)


def naive_adamine(images, texts, classes, *, margin, semantic, partners):
    between = 1 - images @ texts.T
    total = 0.0
    for distances, partner in ((between, partners[0]), (between.T, partners[1])):
        own = [
            max(0.0, distances[m, m] - distances[m, n] + margin)
            for m in range(len(classes))
            for n in range(len(classes))
            if m != n
        ]
        of_class = [
            max(0.0, distances[m, p] - distances[m, n] + margin)
            for m, p in partner.items()
            for n in range(len(classes))
            if classes[n] != classes[m]
        ]
        for weight, losses in ((1, own), (semantic, of_class)):
            active = [loss for loss in losses if loss > 0]
            total += weight * (sum(active) / len(active) if active else 0.0)
    return total / 4


def test_adamine_equals_the_triple_loop_where_nothing_is_drawn(unit_rows):
    # Classes of two products: the partner is the other one. Class 3 has one product and no partner.
    classes = np.array([0, 1, 0, 1, 2, 2, 3])
    images, texts = unit_rows(7, 4), unit_rows(7, 4)[::-1].copy()
    partner = {0: 2, 2: 0, 1: 3, 3: 1, 4: 5, 5: 4}
    expected = naive_adamine(
        images.astype(float), texts.astype(float), classes, margin=0.3, semantic=0.1, partners=(partner, partner)
    )
    found = adamine_loss(torch.from_numpy(images), torch.from_numpy(texts), torch.from_numpy(classes), 0.3, 0.1)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_adamine_draws_partners_of_the_class_from_torchs_random_numbers(unit_rows):
    classes = torch.arange(30) % 3
    images, texts = torch.from_numpy(unit_rows(30, 4)), torch.from_numpy(unit_rows(30, 4)[::-1].copy())
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(float(adamine_loss(images, texts, classes, 0.3, 1.0)))
    assert found[0] == found[1] != found[2]


def test_adamine_without_an_active_triplet_is_0():
    rows = torch.eye(4)[[0, 0, 1, 1]].requires_grad_()
    loss = adamine_loss(rows, rows.detach()[[0, 1, 2, 3]], torch.tensor([0, 0, 1, 1]), 1e-9, 0.1)
    # Two products of one class at one place: their instance triplets act by the margin alone.
    assert float(loss.detach()) < 1e-6
    alone = torch.eye(2).requires_grad_()
    none = adamine_loss(alone, torch.eye(2), torch.tensor([0, 1]), 0.3, 0.1)
    none.backward()
    assert float(none.detach()) == 0
    assert alone.grad.isfinite().all()
