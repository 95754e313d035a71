"""The semantic graph loss of HUSE (arXiv 1911.05978, section 3.2), as published and as a correlation.

Letters: N products in a batch, M = 2N embeddings U = [I; T], D dimension of the shared space, C classes; d(u, v) =
1 - u·v, the cosine distance of unit vectors, in [0, 2]; A, the distance that two classes should have; z, the margin.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.settings import Settings

Form = Literal["stress", "correlation"]
Sigma = Literal["or", "literal", "hinge", "full"]
Pairs = Literal["all", "intra", "cross"]
Normaliser = Literal["all", "active"]
Block = Literal["all", "image_image", "text_text", "image_text"]

REGIONS = ("both_near", "embedded_far", "embedded_near", "both_far")
MODALITIES: tuple[Block, ...] = ("image_image", "text_text", "image_text")
BLOCKS: dict[Pairs, tuple[Block, ...]] = {"all": ("all",), "intra": MODALITIES[:2], "cross": MODALITIES[2:]}

# Distances in one tile. On a CPU, few enough for its caches, and enough that adding up the tiles' gradients takes
# little time. On a GPU, enough to keep each kernel busy.
TILE, GPU_TILE = 2**20, 2**24


class GraphSettings(Settings):
    """Settings of the semantic graph loss, equations 9 to 11."""

    distances: Literal["labels", "tree"] = Field(
        default="labels",
        description="of classes: by their labels' names, as in label_graph; or tree: hops in the class tree",
    )
    form: Form = Field(
        default="stress",
        description="stress: squared differences, equation 9; correlation: 1 - Pearson's r over classes",
    )
    sigma: Sigma = Field(
        default="or",
        description="or: as the paper's text says; literal: as equation 10 prints it; hinge; full: equation 9",
    )
    zeta: float | None = Field(default=None, ge=0, le=2, description="margin as a cosine distance; null: by quantile")
    zeta_quantile: float = Field(
        default=0.5, ge=0, le=1, description="quantile of the distances between different classes"
    )
    pairs: Pairs = Field(
        default="all", description="all pairs of the 2N embeddings; intra: of one modality; cross: image with text"
    )
    normaliser: Normaliser = Field(
        default="all", description="the mean is over all pairs; active: over those where sigma is not 0"
    )

    @property
    def margin(self) -> float:
        """The margin z, once it is known."""
        if self.zeta is None:
            raise ValueError("zeta: expected a number; huse.training.targets.margin computes it from the quantile")
        return self.zeta


@dataclass(frozen=True)
class _Tile:
    """A rectangle of the M × M matrix of pairs of rows of U: above the diagonal, or a square on it.

    Attributes:
        present: M bool, the rows of U that are there; None: all.
    """

    rows: slice
    columns: slice
    present: Tensor | None

    @property
    def mirrored(self) -> bool:
        """Whether it holds each of its pairs twice."""
        return self.rows == self.columns

    @property
    def weight(self) -> float:
        """The weight of each value in a sum over unordered pairs."""
        return 0.5 if self.mirrored else 1

    def of_pairs(self, values: Tensor) -> Tensor:
        """Set to zero, in place, what is no pair: an embedding with itself, or with one that is not there."""
        if self.present is not None:
            values.mul_(self.present[self.rows, None]).mul_(self.present[self.columns])
        return values.fill_diagonal_(0) if self.mirrored else values


def _tiles(embeddings: Tensor, blocks: tuple[Block, ...], tile: int | None, present: Tensor | None) -> Iterator[_Tile]:
    """Cover the unordered pairs of blocks of the matrix, in tiles of at most `tile` distances."""
    products = len(embeddings) // 2
    both, images, texts = range(2 * products), range(products), range(products, 2 * products)
    places = {
        "all": (both, both),
        "image_image": (images, images),
        "text_text": (texts, texts),
        "image_text": (images, texts),
    }
    step = max(1, math.isqrt(tile or (GPU_TILE if embeddings.is_cuda else TILE)))
    for block in blocks:
        rows, columns = places[block]
        for top in rows[::step]:
            for left in columns[::step]:
                if left >= top:
                    yield _Tile(
                        slice(top, min(top + step, rows.stop)), slice(left, min(left + step, columns.stop)), present
                    )


def graph_loss(
    embeddings: Tensor,
    classes: Tensor,
    distances: Tensor,
    *,
    sigma: Sigma,
    zeta: float,
    pairs: Pairs = "all",
    normaliser: Normaliser = "all",
    present: Tensor | None = None,
    tile: int | None = None,
) -> Tensor:
    """Semantic graph loss: mean over pairs of sigma · (d - A)² (eq. 9 to 11).

    ===================  ==========  ==========  ===============  ==========
    region               literal     or          hinge            full
    ===================  ==========  ==========  ===============  ==========
    A < z, d < z         (d - A)²    (d - A)²    (d - A)²         (d - A)²
    A < z, d ≥ z         0           (d - A)²    (d - A)²         (d - A)²
    A ≥ z, d < z         0           (d - A)²    (z - d)²         (d - A)²
    A ≥ z, d ≥ z         0           0           0                (d - A)²
    ===================  ==========  ==========  ===============  ==========

    Equation 10 joins its two conditions with `and` (``literal``); the paper's text describes `or`: near classes are
    held at their distance, all others are kept at least a margin apart. Sigma is a comparison and has no gradient. A
    pair of an embedding with itself is neither summed nor counted.

    Value and gradient are computed together, tile by tile over one triangle of the pairs, so no M × M matrix is held.
    There is no second derivative, and only one backward pass per loss.

    Args:
        embeddings: M × D, unit norm; the first N rows are images, the others the texts of the same products.
        classes: N int64 class numbers of the products.
        distances: C × C float32, symmetric, the distance A of two classes.
        sigma: which pairs act, see the table.
        zeta: the margin z, a cosine distance.
        pairs: all pairs, pairs within a modality (``intra``), or of an image and a text (``cross``).
        normaliser: the mean is over ``all`` pairs, those with sigma = 0 included, as the paper's 1/N² says; or over the
            ``active`` pairs, so that their number does not change the loss.
        present: M bool, the embeddings that are there; pairs with others do not count. None: all.
        tile: distances in one tile; affects only speed, memory and rounding. None: chosen for the device.

    Returns:
        A scalar; 0 where there is no pair.
    """
    rule = _Rule(classes, distances, sigma, zeta)
    count = normaliser == "active"
    total, active = _Stress.apply(embeddings, rule, BLOCKS[pairs], count, tile, present)  # type: ignore[no-untyped-call]
    if count:
        counted = active.clamp(min=1)
    elif present is None:
        counted = max(1, counted_pairs(len(classes), pairs))
    else:
        counted = present_pairs(present, pairs).clamp(min=1)
    loss: Tensor = total / counted
    return loss


def counted_pairs(products: int, pairs: Pairs) -> int:
    """Return how many unordered pairs of the 2N embeddings of N products enter the graph loss."""
    within, across = products * (products - 1), products * products
    return {"all": within + across, "intra": within, "cross": across}[pairs]


def present_pairs(present: Tensor, pairs: Pairs) -> Tensor:
    """Count the same of M embeddings of which some are missing; a scalar."""
    images, texts = present.view(2, -1).sum(dim=1)
    within, across = (images * (images - 1) + texts * (texts - 1)) // 2, images * texts
    count: Tensor = {"all": within + across, "intra": within, "cross": across}[pairs]
    return count


class _Rule:
    """The wanted cosines of a batch's pairs and which pairs act, made tile by tile by copying whole rows.

    A pair acts where its cosine is above the threshold of its two classes. Thresholds encode sigma's table: infinity
    where the pair never acts, minus infinity where it always does, `least` where it acts only for d < z.

    Attributes:
        least: the cosine 1 - z.
        cosines: 1 - A, or `least` where `hinge` only keeps the pair a margin apart; a row a class, or an embedding.
        thresholds: the same rows.
    """

    def __init__(self, classes: Tensor, distances: Tensor, sigma: Sigma, zeta: float) -> None:
        self.least = 1 - zeta
        where_near, where_far = {
            "literal": (self.least, torch.inf),
            "or": (-torch.inf, self.least),
            "hinge": (-torch.inf, self.least),
            "full": (-torch.inf, -torch.inf),
        }[sigma]
        # One row a class; one row an embedding where there are more classes than embeddings.
        both = torch.cat([classes, classes])
        many = len(distances) > len(both)
        self._places = torch.arange(len(both), device=classes.device) if many else both
        rows = (distances[both] if many else distances)[:, both]
        far = rows >= zeta
        self.cosines = (1 - rows).masked_fill_(far, self.least) if sigma == "hinge" else 1 - rows
        self.thresholds = torch.full_like(rows, where_near).masked_fill_(far, where_far)

    def of(self, tile: _Tile, table: Tensor) -> Tensor:
        """Return a tile's part of `cosines` or `thresholds`."""
        return table[:, tile.columns].index_select(0, self._places[tile.rows])


class _Stress(torch.autograd.Function):
    """The sum of sigma · (d - A)² over unordered pairs and, if asked for, the number of active pairs."""

    @staticmethod
    def forward(  # noqa: PLR0917  torch passes them by position
        ctx: Any,
        embeddings: Tensor,
        rule: _Rule,
        blocks: tuple[Block, ...],
        count: bool,
        tile: int | None,
        present: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        device = embeddings.device.type
        low = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else embeddings.dtype
        gradient = torch.zeros_like(embeddings) if ctx.needs_input_grad[0] else None
        total, active = embeddings.new_zeros(()), embeddings.new_zeros(())
        with torch.autocast(device, enabled=False):
            unit = embeddings.to(low)
            for part in _tiles(embeddings, blocks, tile, present):
                # d - A = (1 - A) - u·v, in place and with masks as numbers: passes over memory dominate the cost.
                cosines = (unit[part.rows] @ unit[part.columns].T).to(embeddings.dtype)
                acting = part.of_pairs(rule.of(part, rule.thresholds).lt_(cosines))
                residual = torch.sub(rule.of(part, rule.cosines), cosines, out=cosines).mul_(acting)
                total.add_(torch.dot(residual.view(-1), residual.view(-1)), alpha=part.weight)
                if count:
                    active.add_(acting.sum(), alpha=part.weight)
                if gradient is not None:
                    pull = residual.to(low)
                    _add_product(gradient[part.rows], pull, unit[part.columns])
                    if not part.mirrored:
                        _add_product(gradient[part.columns], pull.T, unit[part.rows])
        ctx.gradient = gradient
        ctx.mark_non_differentiable(active)
        return total, active

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        # The gradient of (1 - A - u·v)² in u is -2 · residual · v. Scaled in place: a second backward pass fails.
        gradient = ctx.gradient
        del ctx.gradient
        return gradient.mul_(-2 * upstream[0]), None, None, None, None, None


def _add_product(to: Tensor, left: Tensor, right: Tensor) -> None:
    """Add a matrix product in place; where the dtypes agree, in one pass."""
    if left.dtype == to.dtype:
        to.addmm_(left, right)
    else:
        to += left @ right


def correlation_loss(embeddings: Tensor, classes: Tensor, distances: Tensor, present: Tensor | None = None) -> Tensor:
    """Graph loss as 1 - Pearson's correlation of class distances (CPCC: Zeng et al., ICLR 2023).

    Compares the distances between class means in the batch with the wanted ones. It asks for the same order as eq. 9,
    but not for its scale or offset. So it has no margin, and does not work against a classifier that wants all classes
    far apart.

    Args:
        embeddings: M × D, unit norm; the first N rows images, the others the same products' texts.
        classes: N int64.
        distances: C × C float32, symmetric.
        present: M bool, the embeddings that are there, at least one of each product; None: all.

    Returns:
        A scalar in [0, 2]; 0 where one side is constant over all pairs of classes, or there are fewer than three
        classes.
    """
    # One place a class; where there are more classes than products, the first sorted place of the product's class.
    ordered = classes.sort().values
    many = len(distances) > len(classes)
    places, wanted = classes, distances
    if many:
        places, wanted = torch.searchsorted(ordered, classes), distances[ordered][:, ordered]
    counted = embeddings if present is None else embeddings * present[:, None]
    sums = embeddings.new_zeros(len(wanted), embeddings.shape[1]).index_add(0, places.repeat(2), counted)
    seen = torch.zeros(len(wanted), dtype=torch.bool, device=classes.device).index_fill(0, places, value=True)
    means = functional.normalize(sums.float(), dim=1)
    with torch.autocast(embeddings.device.type, enabled=False):
        between = 1 - means @ means.T
    pairs = (seen[:, None] & seen[None, :]).triu(1)
    count = pairs.sum().clamp(min=1)
    x, y = ((values - (values * pairs).sum() / count) * pairs for values in (between, wanted))
    lengths: Tensor = x.norm() * y.norm()
    spread = wanted.masked_fill(~pairs, -torch.inf).max() - wanted.masked_fill(~pairs, torch.inf).min()
    told = (seen.sum() >= 3) & (spread >= 1e-6)
    return torch.where(told, 1 - (x * y).sum() / lengths.clamp(min=1e-6), embeddings.sum() * 0)


@torch.no_grad()
def region_shares(
    embeddings: Tensor,
    classes: Tensor,
    distances: Tensor,
    zeta: float,
    *,
    present: Tensor | None = None,
    tile: int | None = None,
) -> dict[str, dict[str, float]]:
    """Return the share of pairs in each region of sigma's table, for each pair of modalities.

    Shows a graph loss without active pairs: with ``literal``, `both_near` is then 0.

    Args:
        embeddings: M × D float32, unit norm; the first N rows images, the others the same products' texts.
        classes: N int64.
        distances: C × C float32, symmetric.
        zeta: the margin.
        present: see `graph_loss`.
        tile: see `graph_loss`.
    """
    rule = _Rule(classes, distances, "or", zeta)
    shares: dict[str, dict[str, float]] = {}
    for block in MODALITIES:
        counts = torch.zeros(len(REGIONS), dtype=torch.float64)
        for part in _tiles(embeddings, (block,), tile, present):
            near = rule.of(part, rule.thresholds) < rule.least  # such pairs act at any distance
            close = embeddings[part.rows] @ embeddings[part.columns].T > rule.least
            regions = (near & close, near & ~close, ~near & close, ~near & ~close)
            counts += part.weight * torch.stack([part.of_pairs(region).sum() for region in regions]).cpu()
        shares[block] = {
            name: count / max(1, float(counts.sum())) for name, count in zip(REGIONS, counts.tolist(), strict=True)
        }
    return shares
