"""Pictures to vectors, beside the bare network and beside img2vec-pytorch.

Run as ``python -m benchmarks.images`` after the pipeline, or with ``--images FOLDER``. Each side runs in its own
process; results are compared before a ratio is shown; memory is the peak of the whole process, libraries included.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measured, measure
from huse.progress import progress
from huse.run.paths import SAMPLE_IMAGES

COUNT = 1_000
MANY = 10_000
BATCH, GPU_BATCH = 16, 256
NETWORKS = ("resnet18", "squeezenet1_1")
LEAST_COSINE = 0.999

Row = tuple[str, str, str, str, str, str]


def least_cosine(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return the smallest cosine between both sides' vectors of a picture; fail if it is too small."""
    products = np.einsum("nd,nd->n", ours, theirs, dtype=np.float64)
    cosine = float((products / (np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1))).min())
    assert cosine >= LEAST_COSINE, f"the sides differ: cosine {cosine:.5f}"
    return cosine


def row(work: str, beside: str, ours: Measured, theirs: Measured) -> Row:
    """Return a line of the table: rates of both sides, and ours over theirs."""
    count = len(ours.result)
    ratio = f"{theirs.seconds / ours.seconds:.2f} ×"
    memory = f"{ours.megabytes:,.0f} / {theirs.megabytes:,.0f}"
    rates = f"{count / ours.seconds:.0f}", f"{count / theirs.seconds:.0f}"
    return (work, beside, *rates, ratio, f"{memory} · {least_cosine(ours.result, theirs.result):.5f}")


def main(
    images: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of pictures.")] = SAMPLE_IMAGES,
) -> None:
    """Measure and print one table."""
    table = Table(title="Pictures to vectors at 224 × 224; pictures a second, peak memory in MB, least cosine")
    table.add_column("work")
    table.add_column("beside")
    for column in ("a second", "beside", "ratio", "MB / beside · cosine"):
        table.add_column(column, justify="right")
    for network in progress(NETWORKS, description="benchmark", unit="network"):
        common: dict[str, Any] = {"folder": str(images), "count": COUNT, "network": network, "batch_size": BATCH}
        both = {}
        for dtype in ("float32", "auto"):
            ours = both[dtype] = measure("images:end_to_end", repeats=2, dtype=dtype, **common)
            bare = measure("images:ready_tensors", repeats=2, dtype=dtype, **common)
            table.add_row(*row(f"{network}, {dtype}", "ready tensors, bare network", ours, bare))
        table.add_row(*row(f"{network}, auto", f"{network}, float32", ours, both["float32"]))
        if network == "resnet18":
            peer = measure("images:img2vec", folder=str(images), count=COUNT)
            table.add_row(*row(f"{network}, auto", "img2vec-pytorch, lists of 64", ours, peer))
        if torch.cuda.is_available():
            run = {**common, "count": MANY, "batch_size": GPU_BATCH, "device": "cuda", "dtype": "auto"}
            sides = [measure(f"images:{side}", repeats=2, **run) for side in ("end_to_end", "ready_tensors")]
            table.add_row(*row(f"{network}, {torch.cuda.get_device_name()}", "ready tensors, bare network", *sides))
    many = measure("images:end_to_end", dtype="auto", **{**common, "count": MANY})
    memory = f"{many.megabytes:,.0f} / {ours.megabytes:,.0f}"
    rates = f"{len(many.result) / many.seconds:.0f}", f"{COUNT / ours.seconds:.0f}"
    table.add_row(f"{network}, auto, {len(many.result):,} pictures", f"{COUNT:,} pictures", *rates, "", memory)
    Console(width=130).print(table)


if __name__ == "__main__":
    typer.run(main)
