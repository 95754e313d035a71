"""Training steps on idle cores and beside other work, for several ways in which threads wait for each other.

Run as ``python -m benchmarks.beside`` from the root of the repository, with nothing else on the machine: it starts the
other work itself, one busy process a core. The sides take turns, round by round.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from statistics import median
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from benchmarks.harness import measure
from huse.engine.cores import cores
from huse.engine.threads import SPINS
from huse.progress import progress

ROUNDS, QUIET_STEPS, BUSY_STEPS, BATCH = 3, 60, 8, 256
OPENMP = "OpenMP's own"
SIDES = {
    f"{SPINS:,} spins, as the package sets": {"GOMP_SPINCOUNT": str(SPINS)},
    OPENMP: {"GOMP_SPINCOUNT": "300000"},
    "1,000 spins": {"GOMP_SPINCOUNT": "1000"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def main() -> None:
    """Measure and print the table."""
    rates: dict[tuple[str, bool], list[float]] = {(side, busy): [] for side in SIDES for busy in (False, True)}
    for _ in progress(range(ROUNDS), description="benchmark", unit="round"):
        for (side, busy), found in rates.items():
            with _busy_cores() if busy else nullcontext():
                found.append(_steps_per_second(SIDES[side], BUSY_STEPS if busy else QUIET_STEPS))
    table = Table(
        title=f"Training on {cores()} cores; steps of {BATCH} a second, median of {ROUNDS}, and beside OpenMP's own"
    )
    table.add_column("how threads wait")
    for column in ("quiet", "ratio", "beside other work", "ratio"):
        table.add_column(column, justify="right")
    for side in SIDES:
        cells = []
        for busy in (False, True):
            rate, own = median(rates[side, busy]), median(rates[OPENMP, busy])
            cells += [f"{rate:,.2f}", f"{rate / own:,.2f} ×"]
        table.add_row(side, *cells)
    Console(width=130).print(table)


def _steps_per_second(environment: dict[str, str], steps: int) -> float:
    with patch.dict(os.environ, environment):
        for name in {"OMP_NUM_THREADS", "OMP_WAIT_POLICY"} - environment.keys():
            os.environ.pop(name, None)
        return steps / measure("training:steps", dtype="float32", batch_size=BATCH, count=steps).seconds


@contextmanager
def _busy_cores() -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores())]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main()
