import numpy as np
import pytest
import torch

from huse.model.losses.graph import REGIONS, correlation_loss, counted_pairs, graph_loss, region_shares

SIGMAS = ("literal", "or", "hinge", "full")
TABLE = torch.tensor([[0, 0.4, 1.1], [0.4, 0, 0.9], [1.1, 0.9, 0]])


def of_distance(distance):
    """Picture and name of one product, at a cosine distance."""
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
    # The distance of a class from itself is 0 in real graphs; nothing asks for it.
    for (wanted, distance), loss in zip([(0.2, 0.3), (0.2, 0.9), (0.8, 0.3), (0.8, 0.9)], expected, strict=True):
        found = graph_loss(
            of_distance(distance), torch.tensor([0]), torch.tensor([[wanted]]), sigma=sigma, zeta=0.5, pairs="cross"
        )
        assert float(found) == pytest.approx(loss, abs=1e-6)


SOME = torch.tensor([1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1], dtype=torch.bool)


def naive_graph_loss(embeddings, wanted, *, sigma, zeta, pairs, normaliser, present=None):
    """The definition, as a double loop over ordered pairs of float64 tensors."""
    count, total, counted, active = len(embeddings), torch.zeros((), dtype=torch.float64), 0, 0
    for i in range(count):
        for j in range(count):
            same = (i < count // 2) == (j < count // 2)
            if i == j or (pairs == "intra" and not same) or (pairs == "cross" and same):
                continue
            if present is not None and not (present[i] and present[j]):
                continue
            counted += 1
            d, a = 1 - embeddings[i] @ embeddings[j], float(wanted[i, j])
            near, close = a < zeta, float(d.detach()) < zeta
            acts = {"literal": near and close, "or": near or close, "hinge": near or close, "full": True}[sigma]
            active += acts
            if acts:
                total = total + (d - (zeta if sigma == "hinge" and not near else a)) ** 2
    return total / max(1, active if normaliser == "active" else counted)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("pairs", ["all", "intra", "cross"])
@pytest.mark.parametrize("normaliser", ["all", "active"])
@pytest.mark.parametrize("tile", [1, 14, 40, 10**6])  # squares of 1, 3 and 6 rows, and all in one
@pytest.mark.parametrize("present", [None, SOME], ids=["all", "some"])
def test_value_and_gradient_equal_the_double_loop(unit_rows, sigma, pairs, normaliser, tile, present):  # noqa: PLR0917
    classes = torch.tensor([0, 2, 2, 0, 1, 1, 2])
    rows = torch.from_numpy(unit_rows(14, 5))
    fast, slow = rows.clone().requires_grad_(), rows.double().requires_grad_()
    settings = {"sigma": sigma, "zeta": 0.8, "pairs": pairs, "normaliser": normaliser, "present": present}
    both = classes.repeat(2)
    expected = naive_graph_loss(slow, TABLE[both][:, both], **settings)
    found = graph_loss(fast, classes, TABLE, **settings, tile=tile)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    (3 * found).backward()
    (3 * expected).backward()
    assert torch.allclose(fast.grad.double(), slow.grad, atol=1e-6)
    assert fast.grad.abs().sum() > 0


def test_counted_pairs_by_hand():
    assert [counted_pairs(2, pairs) for pairs in ("all", "intra", "cross")] == [6, 2, 4]
    assert [counted_pairs(1, pairs) for pairs in ("all", "intra", "cross")] == [1, 0, 1]


def test_no_pair_no_loss():
    rows = of_distance(0.5).requires_grad_()
    loss = graph_loss(rows, torch.tensor([0]), torch.zeros(1, 1), sigma="full", zeta=1, pairs="intra")
    loss.backward()
    assert float(loss.detach()) == 0
    assert rows.grad.tolist() == [[0, 0], [0, 0]]


def test_under_bfloat16_only_the_products_are_rounded(unit_rows):
    rows, classes = torch.from_numpy(unit_rows(200, 64)), torch.arange(100) % 3
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        own = rows.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = graph_loss(own, classes, TABLE, sigma="or", zeta=0.5)
        loss.backward()
        assert own.grad.dtype == loss.dtype == torch.float32
        results.append((float(loss.detach()), own.grad.flatten()))
    (exact, gradient), (rounded, other) = results
    assert rounded == pytest.approx(exact, rel=1e-3)
    assert torch.nn.functional.cosine_similarity(gradient, other, dim=0) > 0.999


def test_regions_by_hand_show_a_dead_literal_loss():
    # Two products of one class: pictures at the same place, names orthogonal to them.
    rows = torch.tensor([[1.0, 0], [1.0, 0], [0, 1.0], [0, 1.0]])
    shares = region_shares(rows, torch.tensor([0, 0]), torch.zeros(1, 1), zeta=0.5)
    assert shares["image_image"] == dict(zip(REGIONS, (1, 0, 0, 0), strict=True))
    assert shares["image_text"] == dict(zip(REGIONS, (0, 1, 0, 0), strict=True))


@pytest.mark.parametrize("present", [None, SOME[:12]], ids=["all", "some"])
def test_regions_equal_the_double_loop(unit_rows, present):
    rows, classes, zeta = unit_rows(12, 3), np.array([0, 1, 2, 0, 1, 1]), 0.8
    shares = region_shares(torch.from_numpy(rows), torch.from_numpy(classes), TABLE, zeta, present=present, tile=1)
    there = np.ones(12, bool) if present is None else present.numpy()
    for name, (left, right) in {"image_image": (0, 0), "text_text": (6, 6), "image_text": (0, 6)}.items():
        counts = np.zeros(4)
        for i in range(6):
            for j in range(6):
                if (left == right and i == j) or not (there[left + i] and there[right + j]):
                    continue
                near = float(TABLE[classes[i], classes[j]]) < zeta
                close = 1 - rows[left + i] @ rows[right + j] < zeta
                counts[2 * (not near) + (not close)] += 1
        assert list(shares[name].values()) == pytest.approx(list(counts / counts.sum()))


def test_the_correlation_is_of_the_embeddings_that_are_there(unit_rows):
    """A product without a text weighs in its class's mean by its image alone: as numpy has it."""
    rows, classes = unit_rows(14, 5), np.array([0, 2, 2, 0, 1, 1, 2])
    found = correlation_loss(torch.from_numpy(rows), torch.from_numpy(classes), TABLE, present=SOME)
    both, there = np.tile(classes, 2), SOME.numpy()
    means = np.stack([rows[(both == number) & there].sum(axis=0) for number in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    pairs = np.triu_indices(3, 1)
    assert float(found) == pytest.approx(
        1 - np.corrcoef((1 - means @ means.T)[pairs], TABLE.numpy()[pairs])[0, 1], abs=1e-5
    )


def test_classes_that_are_not_in_the_batch_change_nothing(unit_rows):
    """Neither where the classes are fewer than the products, nor where they are more."""
    classes, numbers = torch.tensor([0, 2, 2, 0, 1, 1, 2]), torch.tensor([5, 17, 3])
    table = torch.rand(20, 20, generator=torch.Generator().manual_seed(0))
    table[numbers[:, None], numbers[None, :]] = TABLE
    for loss in (correlation_loss, lambda *of: graph_loss(*of, sigma="or", zeta=0.5)):
        results = []
        for own, distances in ((classes, TABLE), (numbers[classes], table)):
            rows = torch.from_numpy(unit_rows(14, 5)).requires_grad_()
            value = loss(rows, own, distances)
            value.backward()
            results.append((value.detach(), rows.grad))
        torch.testing.assert_close(*results)
    shares = [
        region_shares(torch.from_numpy(unit_rows(14, 5)), own, distances, 0.5)
        for own, distances in ((classes, TABLE), (numbers[classes], table))
    ]
    assert shares[0] == shares[1]


def test_correlation_by_hand():
    # Three classes on a circle, at angles of 0, 60 and 180 degrees: distances 0.5, 2, 1.5.
    points = torch.tensor([[1.0, 0], [0.5, 0.75**0.5], [-1.0, 0]])
    rows, classes = torch.cat([points, points]), torch.tensor([0, 1, 2])
    wanted = torch.tensor([[0, 0.1, 0.9], [0.1, 0, 0.4], [0.9, 0.4, 0]])
    expected = 1 - np.corrcoef([0.5, 2, 1.5], [0.1, 0.9, 0.4])[0, 1]
    assert float(correlation_loss(rows, classes, wanted)) == pytest.approx(expected, abs=1e-6)
    stretched = 0.3 + 0.5 * wanted
    assert float(correlation_loss(rows, classes, stretched)) == pytest.approx(expected, abs=1e-6)


def test_correlation_takes_means_of_both_modalities(unit_rows):
    rows, classes = unit_rows(20, 6), np.arange(10) % 3
    means = np.stack([rows[np.tile(classes, 2) == c].mean(axis=0) for c in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    between = 1 - means @ means.T
    first, second = np.triu_indices(3, 1)
    expected = 1 - np.corrcoef(between[first, second], TABLE.numpy()[first, second])[0, 1]
    found = correlation_loss(torch.from_numpy(rows), torch.from_numpy(classes), TABLE)
    assert float(found) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("classes", [[0, 0, 0], [0, 1, 1], [0, 1, 2]])
def test_correlation_is_0_where_there_is_none(unit_rows, classes):
    rows = torch.from_numpy(unit_rows(6, 4)).requires_grad_()
    equal = torch.full((3, 3), 0.5)
    loss = correlation_loss(rows, torch.tensor(classes), equal)
    loss.backward()
    assert float(loss.detach()) == 0
    assert rows.grad.abs().sum() == 0
