"""Loss terms beside pytorch-metric-learning, values and gradients."""

import pytest
import torch
from torch.nn import functional

from benchmarks.sides.peers import adamine, contrast, triplets

CLASSES = torch.tensor([0, 1, 2, 0, 1, 3])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [*map(triplets, (0.05, 0.2, 0.7)), adamine(0.3), *map(contrast, (0.07, 0.5))],
)
def test_values_and_gradients_are_the_same(ours, theirs):
    found = []
    for loss in (ours, theirs):
        raw = torch.randn(12, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
        value = loss(functional.normalize(raw, dim=1), CLASSES)
        value.backward()
        found.append((value.detach(), raw.grad))
    (one, gradient), (other, expected) = found
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    assert gradient.abs().sum() > 0
