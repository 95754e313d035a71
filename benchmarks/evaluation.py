"""Nearest neighbours beside faiss, and metrics of whole rankings beside a full sort of every row.

Run as ``python -m benchmarks.evaluation`` from the root of the repository; ``--items`` and ``--queries`` make it
smaller. Each side runs in its own process with the same number of threads; results are compared before a ratio is
shown; memory is the peak of the whole process, libraries included.
"""

import os
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from benchmarks.comparisons import add, new_table
from benchmarks.harness import measure

K = 10
TIMED = 2_000  # queries to time the full sort on; its work grows with their number
LEAST_EQUAL = 0.999
COSINE_TOLERANCE = 1e-6
METRIC_TOLERANCE = 1e-3  # relative; on some CPUs the sides add up a cosine in different orders
SORTS = {"stable": "a stable argsort a query", "quicksort": "one that leaves ties open"}


def same_neighbours(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> None:
    """Fail if the sides find different neighbours, except where cosines differ only by rounding."""
    np.testing.assert_allclose(ours[:, :, K:], theirs[:, :, K:], rtol=0, atol=COSINE_TOLERANCE)
    equal = float((ours[:, :, :K] == theirs[:, :, :K]).mean())
    assert equal >= LEAST_EQUAL, f"the sides differ: {equal:.4%} of the neighbours are the same"


def same_metrics(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> None:
    """Fail if the sides give different metrics, except for few queries: nearly equal cosines may swap places."""
    equal = float(np.isclose(ours, theirs, rtol=METRIC_TOLERANCE, atol=0).mean())
    assert equal >= LEAST_EQUAL, f"the sides differ: {equal:.4%} of the metrics are the same"


def main(
    items: Annotated[int, typer.Option(min=K + 1, help="Items whose neighbours are found, 512 numbers each.")] = 65_714,
    queries: Annotated[int, typer.Option(min=1_000, help="Queries, and candidates, whose rankings are measured.")] = (
        20_000
    ),
    threads: Annotated[int, typer.Option(min=1, help="Threads of either side.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each side is run; the fastest counts.")] = 1,
) -> None:
    """Measure and print one table."""
    os.environ.update(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    table = new_table(f"Evaluation, threads: {threads}; seconds and peak memory in MB", "seconds")
    both = (measure(f"evaluation:{side}", repeats=repeats, items=items) for side in ("neighbours", "faiss_flat"))
    add(table, (f"nearest {K} of {items:,}, four directions", "faiss IndexFlatIP"), both, same_neighbours)
    ours = measure("evaluation:metrics", repeats=repeats, items=queries)
    for kind, beside in SORTS.items():
        theirs = measure("evaluation:metrics_by_sorting", repeats=repeats, items=queries, timed=TIMED, kind=kind)
        add(table, (f"all metrics of {queries:,} × {queries:,}", beside), (ours, theirs), same_metrics)
    Console(width=130).print(table)


if __name__ == "__main__":
    typer.run(main)
