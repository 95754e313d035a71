"""A training step compared with its bare matrix products, and loss terms with what they replace.

Run as ``python -m benchmarks.training`` from the root of the repository. Each side runs in its own process; loss terms
and gradients are compared before a ratio is shown.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measured, measure
from huse.progress import progress

BATCH, STEPS = 1024, 20
GPU_STEPS, PROFILED_STEPS = 1_000, 100
LARGE = 8192
GRAPH_BATCH = 128
LOOPED = 4  # products to time the nested loops on; their work grows with the square
TERMS = (("triplets", 64), ("adamine", 128), ("contrast", 1024))  # and the products of a batch


def main() -> None:
    """Measure and print one table, and another one if there is a GPU."""
    Console(width=130).print(on_cpu())
    if torch.cuda.is_available():
        Console(width=130).print(on_gpu())


def on_cpu() -> Table:
    """Return the table of the CPU."""
    table = Table(title="Training; milliseconds of a step or a loss term, peak memory in MB")
    _columns(table)
    taken: dict[str, Measured] = {}
    for dtype in progress(("float32", "bfloat16"), description="benchmark", unit="dtype"):
        run = {"dtype": dtype, "batch_size": BATCH, "count": STEPS}
        taken[dtype] = measure("training:steps", repeats=8, **run)
        bare = measure("training:matrix_products", repeats=8, **run)
        _add(table, (f"step of {BATCH}, {dtype}", "its matrix products"), taken[dtype], bare, 1 / STEPS)
    both = taken["bfloat16"], taken["float32"]
    _add(table, (f"step of {BATCH}, bfloat16", "float32"), *both, 1 / STEPS)
    large = measure("training:steps", dtype="float32", batch_size=LARGE, count=2)
    _add(table, (f"step of {LARGE}, float32", f"of {BATCH}"), large, taken["float32"], 1 / 2, 1 / STEPS)

    _add_loops(table, "graph", "graph_loops", "loops over modalities")
    _add_loops(table, "graph_of_labels", "graph_label_loops", "loops over labels")
    for name, size in TERMS:
        ours, theirs = (measure(f"training:{side}", repeats=20, name=name, products=size) for side in ("term", "peer"))
        np.testing.assert_allclose(ours.result, theirs.result, rtol=1e-3, atol=1e-6)
        _add(table, (f"{name} of {size}", "pytorch-metric-learning"), ours, theirs)
    return table


def on_gpu() -> Table:
    """Return the table of the GPU; a training of `GPU_STEPS` steps is timed, its validation at the end included."""
    table = Table(
        title=f"Training on {torch.cuda.get_device_name()}; milliseconds of a step, memory of the process in MB"
    )
    _columns(table)
    for dtype in progress(("float32", "bfloat16"), description="benchmark", unit="dtype"):
        run: dict[str, Any] = {"dtype": dtype, "batch_size": BATCH, "count": GPU_STEPS}
        step = measure("training:steps", repeats=2, device="cuda", **run)
        kernels = measure("training:kernel_seconds", **{**run, "count": PROFILED_STEPS})
        seconds = float(kernels.result[0]) * GPU_STEPS / PROFILED_STEPS
        sides = {
            "its kernels alone": replace(kernels, seconds=seconds),
            "its matrix products": measure("training:matrix_products", repeats=2, device="cuda", **run),
            "not recorded as a graph": measure("training:steps", repeats=2, device="cuda", recorded=False, **run),
        }
        for name, side in sides.items():
            _add(table, (f"step of {BATCH}, {dtype}", name), step, side, 1 / GPU_STEPS)
    _add_loops(table, "graph_on_gpu", "graph_loops", "loops over modalities", device="cuda")
    return table


def _add_loops(table: Table, side: str, loops: str, name: str, **where: str) -> None:
    """Add the graph loss beside nested loops, which are timed on few products."""
    slow = measure(f"training:{loops}", repeats=3, products=LOOPED, **where)
    np.testing.assert_allclose(measure(f"training:{side}", products=LOOPED).result, slow.result, rtol=1e-4, atol=1e-7)
    fast = measure(f"training:{side}", repeats=50, products=GRAPH_BATCH)
    names = f"graph loss of {GRAPH_BATCH}", f"{name} of {LOOPED}, scaled"
    _add(table, names, fast, slow, 1, (GRAPH_BATCH / LOOPED) ** 2)


def _columns(table: Table) -> None:
    table.add_column("work")
    table.add_column("beside")
    for column in ("ms", "beside", "ratio", "MB / beside"):
        table.add_column(column, justify="right")


def _add(table: Table, names: tuple[str, str], ours: Measured, theirs: Measured, *scales: float) -> None:
    """Add a line: the time of both, each times its scale, and how many times ours the other's is."""
    own, other = {0: (1.0, 1.0), 1: scales * 2, 2: scales}[len(scales)]
    mine, its = ours.seconds * own * 1e3, theirs.seconds * other * 1e3
    memory = f"{ours.megabytes:,.0f} / {theirs.megabytes:,.0f}"
    table.add_row(*names, f"{mine:,.2f}", f"{its:,.2f}", f"{its / mine:,.2f} ×", memory)


if __name__ == "__main__":
    main()
