"""Which products a step sees, in which views, and how they are mixed.

All of it depends only on the seed and the number of the step, so interrupted training continues as if uninterrupted.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from huse.mixup import Mixture, draw_mixture
from huse.settings import Settings

Sampler = Literal["random", "balanced", "pairs"]
Rows = npt.NDArray[np.int64]

# Kinds of draws; each has its own stream of random numbers.
ORDER, BALANCED, PARTNERS, VIEWS, MIXTURE, SEEDS = range(6)


class SamplingSettings(Settings):
    """Of batches."""

    mixup: float = Field(
        default=0,
        ge=0,
        description="the classifier gets vectors mixed in shares drawn from Beta(mixup, mixup); 0: off",
    )
    sampler: Sampler = Field(
        default="random",
        description="balanced: all classes equally often; pairs: every product with another of its class",
    )
    batch_size: int = Field(
        default=256, ge=2, description="products; the graph loss sees all pairs of the 2 × 256 embeddings"
    )


class Sampling:
    """Draws the batches of one training run."""

    def __init__(self, products: Rows, batch_size: int, sampler: Sampler, seed: int) -> None:
        """Take the classes to draw from.

        Args:
            products: N class numbers of the training products.
            batch_size: products a batch; all of them where there are fewer.
            sampler: ``random``: each pass visits the products in a new order and drops the last incomplete batch.
                ``balanced``: every class is as likely as any other, and within it every product. ``pairs``: half a
                random batch, and for each of its products another of its class if there is one.
            seed: of all draws.
        """
        self._products, self._sampler, self._seed = products, sampler, seed
        self.batch_size = min(batch_size, len(products))
        # Products sorted by class: where each class begins, its size, and each product's place in it.
        self._sorted = np.argsort(products, kind="stable")
        _, self._class, self._sizes = np.unique(products, return_inverse=True, return_counts=True)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._place = np.empty_like(self._sorted)
        self._place[self._sorted] = np.arange(len(products)) - np.repeat(self._starts, self._sizes)
        self._pass = lru_cache(maxsize=1)(self._order)

    def rows(self, step: int) -> Rows:
        """Return the products of a step, counted from 0, as numbers in `products`."""
        if self._sampler == "random":
            return self._in_passes(step, self.batch_size)
        if self._sampler == "balanced":
            random = self._random(BALANCED, step)
            drawn = random.integers(len(self._sizes), size=self.batch_size)
            rows: Rows = self._sorted[self._starts[drawn] + random.integers(self._sizes[drawn])]
            return rows
        half = self._in_passes(step, (self.batch_size + 1) // 2)
        return np.concatenate([half, self._partners(half, step)])[: self.batch_size]

    def views(self, step: int, views: int) -> Rows:
        """Draw a view for each product of a step, all `views` equally likely, the plain picture included."""
        return self._random(VIEWS, step).integers(views, size=self.batch_size)

    def mixture(self, step: int, alpha: float) -> Mixture | None:
        """Draw how the products of a step, counted from 0, are mixed; see `huse.mixup.draw_mixture`."""
        return draw_mixture(self.batch_size, alpha, self._random(MIXTURE, step))

    def seeds(self, step: int, shards: int) -> list[int]:
        """Draw a seed for torch's random numbers in each shard of a step, and one for those in its losses."""
        drawn: list[int] = self._random(SEEDS, step).integers(2**63, size=shards + 1).tolist()
        return drawn

    def _random(self, kind: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, kind, number])

    def _order(self, number: int) -> Rows:
        return self._random(ORDER, number).permutation(len(self._products))

    def _in_passes(self, step: int, size: int) -> Rows:
        number, batch = divmod(step, len(self._products) // size)
        return self._pass(number)[batch * size : (batch + 1) * size]

    def _partners(self, rows: Rows, step: int) -> Rows:
        """Draw for each product another of its class; the only product of a class gets itself."""
        number = self._class[rows]
        others = self._random(PARTNERS, step).integers(np.maximum(self._sizes[number] - 1, 1))
        others += (others >= self._place[rows]) & (self._sizes[number] > 1)
        partners: Rows = self._sorted[self._starts[number] + others]
        return partners
