import pytest
import torch

from huse.model.losses.label_vectors import projection_loss, ranking_loss

VECTORS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


def test_projection_by_hand():
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    assert float(projection_loss(rows, torch.tensor([0, 1]), VECTORS)) == pytest.approx((0 + 0.2) / 2)


def test_ranking_by_hand():
    rows = torch.tensor([[1.0, 0.0]])
    # Of class 0: 0.1 - 1 + 0 and 0.1 - 1 + 0.6 are below 0. Of class 1: 0.1 - 0 + 1 and 0.1 - 0 + 0.6.
    assert float(ranking_loss(rows, torch.tensor([0]), VECTORS, 0.1)) == pytest.approx(0, abs=1e-6)
    assert float(ranking_loss(rows, torch.tensor([1]), VECTORS, 0.1)) == pytest.approx(1.1 + 0.7)


def test_ranking_equals_the_loop(unit_rows):
    rows, vectors, classes = unit_rows(8, 5), unit_rows(4, 5), [0, 1, 2, 3, 3, 2, 1, 0]
    expected = sum(
        max(0.0, 0.1 - float(vectors[y] @ row) + float(vectors[k] @ row))
        for row, y in zip(rows, classes, strict=True)
        for k in range(4)
        if k != y
    )
    found = ranking_loss(torch.from_numpy(rows), torch.tensor(classes), torch.from_numpy(vectors), 0.1)
    assert float(found) == pytest.approx(expected / 8, rel=1e-5)
