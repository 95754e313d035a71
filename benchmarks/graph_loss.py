"""The semantic graph loss as one matrix product beside the loop over pairs that it replaces.

Run as ``python -m benchmarks.graph_loss``. Both sides give the same number, checked first; the table shows the
seconds of one batch, forward and backward, and the ratio, all measured in one run.
"""

import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from huse.model.losses import graph_loss

ZETA = 0.5
DIMENSION = 512


def pair_loop(embeddings: Tensor, wanted: Tensor) -> Tensor:
    """Return the graph loss with sigma `or`, pair by pair (eq. 9 to 11).

    Args:
        embeddings: M × D float32, unit norm.
        wanted: M × M float32.
    """
    count = len(embeddings)
    terms = []
    for row in range(count):
        for column in range(count):
            distance = 1 - embeddings[row] @ embeddings[column]
            if row != column and (wanted[row, column] < ZETA or distance < ZETA):
                terms.append((distance - wanted[row, column]).square())
    return torch.stack(terms).sum() / (count * (count - 1))


def matrix_product(embeddings: Tensor, wanted: Tensor) -> Tensor:
    """Return the same from the package."""
    return graph_loss(embeddings, wanted, sigma="or", zeta=ZETA)


def seconds(loss: Callable[[Tensor, Tensor], Tensor], raw: Tensor, wanted: Tensor, repeats: int) -> float:
    """Return the fastest of some repeats, forward and backward."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        loss(functional.normalize(raw, dim=1), wanted).backward()  # type: ignore[no-untyped-call]
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Measure and print."""
    table = Table(title="Semantic graph loss, one batch, forward and backward")
    for column in ("products", "pairs", "loop over pairs, s", "matrix product, s", "ratio"):
        table.add_column(column, justify="right")
    for products in (16, 64, 128):
        torch.manual_seed(0)
        rows = 2 * products
        raw = torch.randn(rows, DIMENSION, requires_grad=True)
        wanted = torch.rand(rows, rows)
        wanted = (wanted + wanted.T) / 2
        unit = functional.normalize(raw.detach(), dim=1)
        torch.testing.assert_close(pair_loop(unit, wanted), matrix_product(unit, wanted))
        slow, fast = seconds(pair_loop, raw, wanted, 1), seconds(matrix_product, raw, wanted, 20)
        table.add_row(str(products), f"{rows * rows:,}", f"{slow:.3f}", f"{fast:.5f}", f"{slow / fast:,.0f} ×")
    Console().print(table)


if __name__ == "__main__":
    main()
