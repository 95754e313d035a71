"""Towers and heads: from an input vector to the shared space, and from there to class scores.

Letters: N items, F input features, D dimension of the shared space, K labels.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

Scale = float | Literal["learned"]
Scaling = Literal["each", "together"]

FIRST_SCALE, GREATEST_SCALE = 16.0, 100.0  # of a learned scale
LEAST_NORM = 1e-12  # a row with a smaller norm is divided by this


def drop(values: Tensor, probability: float) -> Tensor:
    """Dropout: set values to zero at random, and divide the others by the probability of keeping one.

    On a CPU it takes a quarter of the time of torch's own: drawing random numbers dominates there, and 16 bits a value
    are enough. The probability, below 1, is rounded to a multiple of 2^-16.
    """
    dropped = round(probability * 2**16)
    if dropped == 0:
        return values
    count = values.numel()
    random = torch.empty(-(-count // 4), dtype=torch.int64, device=values.device).random_(-(2**63), None)
    kept = random.view(torch.int16)[:count].view(values.shape).ge_(dropped - 2**15)  # as numbers: bool is slow
    return values * kept.to(values.dtype).mul_(2**16 / (2**16 - dropped))


class _UnitRows(torch.autograd.Function):
    """`functional.normalize` of rows; its gradient needs half as many passes over memory.

    With u = x / |x| and an upstream gradient g: (g - (g·u) u) / |x|.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        lengths = norms.clamp_min(LEAST_NORM)
        unit: Tensor = rows / lengths
        ctx.save_for_backward(unit, norms, lengths)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        unit, norms, lengths = ctx.saved_tensors
        along = (unit / lengths).mul_(upstream)
        share = along.sum(dim=1, keepdim=True).neg_().masked_fill_(norms < LEAST_NORM, 0)
        gradient: Tensor = (upstream / lengths).add_(torch.mul(unit, share, out=along))
        return gradient


def unit_rows(rows: Tensor) -> Tensor:
    """Give N × D float32 rows unit norm; norms below 1e-12 count as 1e-12. There is no second derivative."""
    unit: Tensor = _UnitRows.apply(rows)  # type: ignore[no-untyped-call]
    return unit


class Tower(nn.Module):
    """Fully connected layers with ReLU and dropout between them, L2-normalised output (HUSE 3.1, 4.2).

    Dropout of the standardised inputs is ours; the paper's vectors have far fewer values than ours of names.

    By default the last layer has no ReLU: with one, no two embeddings could be farther apart than a right angle,
    while the graph asks for distances above 1. Inputs are standardised with statistics that are part of the tower.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        features: int,
        layers: int,
        width: int,
        dimension: int,
        dropout: float,
        *,
        input_dropout: float = 0,
        relu_last: bool = False,
    ) -> None:
        """Build a tower from F `features` to D, of `layers` linear layers, the last one (to `dimension`) included."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        widths = [features, *[width] * (layers - 1), dimension]
        self.linears = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(widths))
        self.dropout, self.input_dropout = dropout, input_dropout
        self.relu_last = relu_last

    def fit_scaler(self, blocks: Iterable[Tensor], scaling: Scaling = "each") -> None:
        """Take mean and standard deviation of each feature from training vectors, in float64.

        A feature that hardly varies (deviation below 1e-4 of the mean one) is centred, but not scaled up.

        Args:
            blocks: the vectors, n × F float32 at a time, so they need not all be in memory.
            scaling: ``each`` feature by its own deviation; or ``together``, all by the root of their mean variance, so
                that those that vary little stay small.
        """
        count = 0
        mean, squares = (torch.zeros_like(self.mean, dtype=torch.float64) for _ in range(2))
        for block in blocks:
            # Chan et al. 1979: means and sums of squared deviations of two sets give those of both.
            values = block.double()
            own = values.mean(dim=0)
            both = count + len(values)
            squares += (values - own).square().sum(dim=0) + (own - mean).square() * count * len(values) / both
            mean += (own - mean) * len(values) / both
            count = both
        deviation = (squares / count).sqrt()
        if scaling == "together":
            deviation = deviation.square().mean().sqrt().expand_as(deviation)
        floor = 1e-4 * deviation.mean()
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > floor, deviation, torch.ones_like(deviation)))

    def forward(self, vectors: Tensor) -> Tensor:
        """Map N × F float32 to N × D float32 of unit norm."""
        hidden = (vectors - self.mean) / self.deviation
        if self.training:
            hidden = drop(hidden, self.input_dropout)
        for linear in self.linears[:-1]:
            hidden = functional.relu(linear(hidden))
            if self.training:
                hidden = drop(hidden, self.dropout)
        last = self.linears[-1](hidden)
        return unit_rows((functional.relu(last) if self.relu_last else last).float())


class CosineHead(nn.Module):
    """Scaled cosine classifier: logits s · cos(u, w_k), no bias (NormSoftmax, arXiv 1811.12649).

    Without the scale, a softmax over cosines cannot be confident, and its cross entropy gives the towers too little
    gradient.
    """

    def __init__(self, dimension: int, labels: int, scale: Scale) -> None:
        super().__init__()
        self.weight = nn.Parameter(functional.normalize(torch.randn(labels, dimension), dim=1))
        self._fixed = FIRST_SCALE if scale == "learned" else scale
        # As a logarithm, so that a step changes every scale by the same factor.
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE))) if scale == "learned" else None

    @property
    def scale(self) -> Tensor | float:
        """The factor s."""
        return self._fixed if self.log_scale is None else self.log_scale.exp().clamp(max=GREATEST_SCALE)

    @torch.no_grad()
    def fix(self, weight: Tensor) -> None:
        """Score labels by the directions of these K × D vectors; the head no longer learns."""
        self.requires_grad_(False)
        self.weight.copy_(weight)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map N × D float32 of unit norm to N × K logits."""
        return self.scale * functional.linear(embeddings, functional.normalize(self.weight, dim=1))
