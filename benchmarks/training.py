"""A training step compared with its bare matrix products, and loss terms with what they replace.

Run as ``python -m benchmarks.training`` from the root of the repository. Each side runs in its own process; loss terms
and gradients are compared before a ratio is shown.
"""

from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.comparisons import add, near, new_table
from benchmarks.harness import Measured, measure
from huse.progress import progress

BATCH, STEPS = 1024, 20
GPU_STEPS, PROFILED_STEPS = 1_000, 100
LARGE = 8192
SHARED = (256, 1024)  # products of a batch that processes share
GRAPH_BATCH = 128
LOOPED = 4  # products to time the nested loops on; their work grows with the square
TERMS = (("triplets", 64), ("adamine", 128), ("contrast", 1024))  # and the products of a batch
MS = 1e3


def main() -> None:
    """Measure and print one table, and another one if there is a GPU."""
    Console(width=130).print(on_cpu())
    if torch.cuda.is_available():
        Console(width=130).print(on_gpu())


def on_cpu() -> Table:
    """Return the table of the CPU."""
    table = new_table("Training; milliseconds of a step or a loss term, peak memory in MB", "ms")
    taken: dict[str, Measured] = {}
    step = MS / STEPS
    for dtype in progress(("float32", "bfloat16"), description="benchmark", unit="dtype"):
        run = {"dtype": dtype, "batch_size": BATCH, "count": STEPS}
        taken[dtype] = measure("training:steps", repeats=8, **run)
        bare = measure("training:matrix_products", repeats=8, **run)
        add(table, (f"step of {BATCH}, {dtype}", "its matrix products"), (taken[dtype], bare), own=step, other=step)
    plain = taken["float32"]
    add(table, (f"step of {BATCH}, bfloat16", "float32"), (taken["bfloat16"], plain), own=step, other=step)
    large = measure("training:steps", dtype="float32", batch_size=LARGE, count=2)
    add(table, (f"step of {LARGE}, float32", f"of {BATCH}"), (large, plain), own=MS / 2, other=step)

    for size in SHARED:
        whole, *shared = (_cpu_of(size, shards, processes) for shards, processes in ((1, 1), (4, 1), (4, 2), (4, 4)))
        for side, processes in zip(shared, (1, 2, 4), strict=True):
            what = f"step of {size} in 4 shards, CPU of one of {processes} processes"
            add(table, (what, "in one, of one process"), (side, whole), own=step, other=step)

    _add_loops(table, "graph", "graph_loops", "loops over modalities")
    _add_loops(table, "graph_of_labels", "graph_label_loops", "loops over labels")
    for name, size in TERMS:
        both = (measure(f"training:{side}", repeats=20, name=name, products=size) for side in ("term", "peer"))
        add(table, (f"{name} of {size}", "pytorch-metric-learning"), both, near(1e-3, 1e-6), own=MS, other=MS)
    return table


def _cpu_of(size: int, shards: int, processes: int) -> Measured:
    """Measure the CPU seconds of one of several processes: what a step takes where each has a core of its own."""
    run = measure("training:shared", batch_size=size, count=STEPS, shards=shards, processes=processes)
    return replace(run, seconds=float(run.result[0]))


def on_gpu() -> Table:
    """Return the table of the GPU; a training of `GPU_STEPS` steps is timed, its validation at the end included."""
    name = torch.cuda.get_device_name()
    table = new_table(f"Training on {name}; milliseconds of a step, memory of the process in MB", "ms")
    step = MS / GPU_STEPS
    for dtype in progress(("float32", "bfloat16"), description="benchmark", unit="dtype"):
        run: dict[str, Any] = {"dtype": dtype, "batch_size": BATCH, "count": GPU_STEPS}
        ours = measure("training:steps", repeats=2, device="cuda", **run)
        kernels = measure("training:kernel_seconds", **{**run, "count": PROFILED_STEPS})
        seconds = float(kernels.result[0]) * GPU_STEPS / PROFILED_STEPS
        sides = {
            "its kernels alone": replace(kernels, seconds=seconds),
            "its matrix products": measure("training:matrix_products", repeats=2, device="cuda", **run),
            "not recorded as a graph": measure("training:steps", repeats=2, device="cuda", recorded=False, **run),
        }
        for beside, theirs in sides.items():
            add(table, (f"step of {BATCH}, {dtype}", beside), (ours, theirs), own=step, other=step)
    _add_loops(table, "graph_on_gpu", "graph_loops", "loops over modalities", device="cuda")
    return table


def _add_loops(table: Table, side: str, loops: str, name: str, **where: str) -> None:
    """Add the graph loss beside nested loops, which are timed on few products."""
    slow = measure(f"training:{loops}", repeats=3, products=LOOPED, **where)
    near(1e-4, 1e-7)(measure(f"training:{side}", products=LOOPED).result, slow.result)
    fast = measure(f"training:{side}", repeats=50, products=GRAPH_BATCH)
    scaled = MS * (GRAPH_BATCH / LOOPED) ** 2
    add(table, (f"graph loss of {GRAPH_BATCH}", f"{name} of {LOOPED}, scaled"), (fast, slow), own=MS, other=scaled)


if __name__ == "__main__":
    main()
