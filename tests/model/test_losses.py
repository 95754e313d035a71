import numpy as np
import pytest
import torch

from huse.errors import InputError
from huse.model.losses import (
    REGIONS,
    classification_loss,
    counted_pairs,
    gap_loss,
    graph_loss,
    region_shares,
)
from huse.model.methods import Batch, Weights, find_method, huse_terms


def two_units(distance):
    """Two unit vectors at a cosine distance."""
    cosine = 1 - distance
    return torch.tensor([[1.0, 0.0], [cosine, (1 - cosine**2) ** 0.5]])


# The table of sigma: pairs (A, d), margin 0.5, loss of the one pair.
@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        ("literal", (0.01, 0, 0, 0)),
        ("or", (0.01, 0.49, 0.25, 0)),
        ("hinge", (0.01, 0.49, 0.04, 0)),
        ("full", (0.01, 0.49, 0.25, 0.01)),
    ],
)
def test_sigma_table(sigma, expected):
    for (wanted, distance), loss in zip([(0.2, 0.3), (0.2, 0.9), (0.8, 0.3), (0.8, 0.9)], expected, strict=True):
        a = torch.tensor([[0, wanted], [wanted, 0]])
        assert float(graph_loss(two_units(distance), a, sigma=sigma, zeta=0.5)) == pytest.approx(loss, abs=1e-6)


def naive_graph_loss(embeddings, wanted, sigma, zeta, pairs):
    count, total, counted = len(embeddings), 0.0, 0
    for i in range(count):
        for j in range(count):
            same = (i < count // 2) == (j < count // 2)
            if i == j or (pairs == "intra" and not same) or (pairs == "cross" and same):
                continue
            counted += 1
            d, a = 1 - float(np.dot(embeddings[i], embeddings[j])), float(wanted[i, j])
            near, close = a < zeta, d < zeta
            if sigma == "hinge" and not near:
                total += max(0.0, zeta - d) ** 2
            elif {"literal": near and close, "or": near or close, "hinge": near, "full": True}[sigma]:
                total += (d - a) ** 2
    return total / counted


@pytest.mark.parametrize("sigma", ["literal", "or", "hinge", "full"])
@pytest.mark.parametrize("pairs", ["all", "intra", "cross"])
def test_graph_loss_equals_the_double_loop(unit_rows, sigma, pairs):
    embeddings = unit_rows(12, 5)
    classes = np.array([0, 1, 2, 0, 1, 1] * 2)
    table = np.array([[0, 0.4, 1.1], [0.4, 0, 0.9], [1.1, 0.9, 0]], dtype=np.float32)
    wanted = table[classes][:, classes]
    loss = graph_loss(torch.from_numpy(embeddings), torch.from_numpy(wanted), sigma=sigma, zeta=0.8, pairs=pairs)
    assert float(loss) == pytest.approx(naive_graph_loss(embeddings, wanted, sigma, 0.8, pairs), rel=1e-5)


def test_counted_pairs_by_hand():
    device = torch.device("cpu")
    assert counted_pairs(4, "all", device).sum() == 12
    assert counted_pairs(4, "intra", device).nonzero().tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert counted_pairs(4, "cross", device).sum() == 8


def test_margin_above_everything_makes_all_sigmas_equal(unit_rows):
    embeddings, wanted = torch.from_numpy(unit_rows(10, 4)), torch.full((10, 10), 0.5)
    losses = [float(graph_loss(embeddings, wanted, sigma=s, zeta=2.1)) for s in ("literal", "or", "hinge", "full")]
    assert losses == pytest.approx([losses[-1]] * 4)


def test_regions_by_hand_show_a_dead_literal_loss():
    # Two products of one class: pictures at the same place, names orthogonal to them.
    embeddings = torch.tensor([[1.0, 0], [1.0, 0], [0, 1.0], [0, 1.0]])
    shares = region_shares(embeddings, torch.zeros(4, 4), zeta=0.5)
    assert shares["image_image"] == dict(zip(REGIONS, (1, 0, 0, 0), strict=True))
    assert shares["image_text"] == dict(zip(REGIONS, (0, 1, 0, 0), strict=True))


def test_gap_loss_by_hand_and_its_gradient_pulls_pairs_together():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    texts = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    loss = gap_loss(images, texts)
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    step = torch.nn.functional.normalize(images.detach() - 0.1 * images.grad, dim=1)
    assert float(gap_loss(step, texts)) < 0.5


def test_classification_loss_by_hand():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    assert float(classification_loss(logits, torch.tensor([[0.0, 1.0, 0.0]]))) == pytest.approx(-np.log(0.2), rel=1e-6)
    uniform = classification_loss(logits, torch.tensor([[0.5, 0.5, 0.0]]))
    assert float(uniform) == pytest.approx(-(np.log(0.7) + np.log(0.2)) / 2, rel=1e-6)


def test_huse_has_three_weighted_terms(unit_rows):
    embeddings = torch.from_numpy(unit_rows(8, 4))
    batch = Batch(embeddings, torch.zeros(8, 3), torch.eye(3)[[0, 1, 2, 0] * 2], torch.zeros(8, 8))
    weights = Weights(alpha=2, beta=3, gamma=5, sigma="or", zeta=0.5, pairs="all")
    terms = huse_terms(batch, weights)
    assert {name: weight for name, (weight, _) in terms.items()} == {"classification": 2, "graph": 3, "gap": 5}
    assert float(terms["classification"][1]) == pytest.approx(np.log(3))


def test_unknown_method_names_those_there_are():
    with pytest.raises(InputError, match=r"train.method: expected one of huse; found 'nope'"):
        find_method("nope")
