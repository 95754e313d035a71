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
from rich.table import Table

from benchmarks.harness import Measured, measure

K = 10
TIMED = 2_000  # queries to time the full sort on; its work grows with their number
LEAST_EQUAL = 0.999
COSINE_TOLERANCE = 1e-6
METRIC_TOLERANCE = 1e-3  # relative; on some CPUs the sides add up a cosine in different orders
SORTS = {"stable": "a stable argsort a query", "quicksort": "one that leaves ties open"}


def compare_neighbours(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> None:
    """Fail if the sides find different neighbours, except where cosines differ only by rounding."""
    np.testing.assert_allclose(ours[:, :, K:], theirs[:, :, K:], rtol=0, atol=COSINE_TOLERANCE)
    equal = float((ours[:, :, :K] == theirs[:, :, :K]).mean())
    assert equal >= LEAST_EQUAL, f"the sides differ: {equal:.4%} of the neighbours are the same"


def compare_metrics(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> None:
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
    table = Table(
        title=f"Evaluation, threads: {threads}; seconds, full sorts scaled from part of the queries; peak memory in MB"
    )
    table.add_column("work")
    table.add_column("beside")
    for column in ("seconds", "beside", "ratio", "MB / beside"):
        table.add_column(column, justify="right")

    ours, theirs = (
        measure(f"evaluation:{side}", repeats=repeats, items=items) for side in ("neighbours", "faiss_flat")
    )
    compare_neighbours(ours.result, theirs.result)
    _add(table, (f"nearest {K} of {items:,}, four directions", "faiss IndexFlatIP"), ours, theirs)

    timed = min(TIMED, queries)
    ours = measure("evaluation:metrics", repeats=repeats, items=queries)
    for kind, beside in SORTS.items():
        theirs = measure("evaluation:metrics_by_sorting", repeats=repeats, items=queries, timed=timed, kind=kind)
        compare_metrics(ours.result[:timed], theirs.result)
        names = f"all metrics of {queries:,} × {queries:,}", f"{beside}, {timed:,} timed"
        _add(table, names, ours, theirs, queries / timed)
    Console(width=130).print(table)


def _add(table: Table, names: tuple[str, str], ours: Measured, theirs: Measured, scale: float = 1) -> None:
    """Add a row: both times, theirs times `scale`, and their ratio to ours."""
    its = theirs.seconds * scale
    memory = f"{ours.megabytes:,.0f} / {theirs.megabytes:,.0f}"
    table.add_row(*names, f"{ours.seconds:,.2f}", f"{its:,.2f}", f"{its / ours.seconds:.2f} ×", memory)


if __name__ == "__main__":
    typer.run(main)
