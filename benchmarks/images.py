"""Pictures to vectors, beside the bare network and beside img2vec-pytorch.

Run as ``python -m benchmarks.images`` after the pipeline, or with ``--images FOLDER``. Each side runs in its own
process; results are compared before a ratio is shown; memory is the peak of the whole process, libraries included, but
of Ray only that of the process that hands out the work.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console

from benchmarks.comparisons import add, new_table
from benchmarks.harness import Measured, measure
from huse.progress import progress
from huse.run.paths import SAMPLE_IMAGES

COUNT = 1_000
MANY = 10_000
BATCH, GPU_BATCH = 16, 256
NETWORKS = ("resnet18", "squeezenet1_1", *(["timm:tf_efficientnet_lite0"] if find_spec("timm") else []))
LEAST_COSINE = 0.999


def least_cosine(ours: Measured, theirs: Measured) -> float:
    """Return the smallest cosine between both sides' vectors of a picture; fail if it is too small."""
    products = np.einsum("nd,nd->n", ours.result, theirs.result, dtype=np.float64)
    lengths = np.linalg.norm(ours.result, axis=1) * np.linalg.norm(theirs.result, axis=1)
    cosine = float((products / lengths).min())
    assert cosine >= LEAST_COSINE, f"the sides differ: cosine {cosine:.5f}"
    return cosine


def main(
    images: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of pictures.")] = SAMPLE_IMAGES,
) -> None:
    """Measure and print one table."""
    table = new_table("Pictures to vectors at 224 × 224; peak memory in MB, least cosine", "pictures/s")

    def line(work: str, beside: str, ours: Measured, theirs: Measured, *, same: bool = True) -> None:
        note = f" · {least_cosine(ours, theirs):.5f}" if same else ""
        each = 1 / len(ours.result)
        sides = ours, theirs
        add(table, (work, beside), sides, own=each, other=each, show=lambda s: f"{1 / s:.0f}", note=note)

    for network in progress(NETWORKS, description="benchmark", unit="network"):
        common: dict[str, Any] = {"folder": str(images), "count": COUNT, "network": network, "batch_size": BATCH}
        both = {}
        for dtype in ("float32", "auto"):
            ours = both[dtype] = measure("images:end_to_end", repeats=2, dtype=dtype, **common)
            bare = measure("images:ready_tensors", repeats=2, dtype=dtype, **common)
            line(f"{network}, {dtype}", "ready tensors, bare network", ours, bare)
        line(f"{network}, auto", f"{network}, float32", ours, both["float32"])
        if find_spec("ray"):
            ray = measure("images:end_to_end", repeats=2, dtype="auto", on_ray=2, **common)
            assert np.array_equal(ray.result, ours.result), "the vectors of both engines differ"
            line(f"{network}, auto, two processes of Ray", f"{network}, auto", ray, ours)
        if network == "resnet18":
            peer = measure("images:img2vec", folder=str(images), count=COUNT)
            line(f"{network}, auto", "img2vec-pytorch, lists of 64", ours, peer)
        if torch.cuda.is_available():
            run = {**common, "count": MANY, "batch_size": GPU_BATCH, "device": "cuda", "dtype": "auto"}
            sides = [measure(f"images:{side}", repeats=2, **run) for side in ("end_to_end", "ready_tensors")]
            line(f"{network}, {torch.cuda.get_device_name()}", "ready tensors, bare network", *sides)
    many = measure("images:end_to_end", dtype="auto", **{**common, "count": MANY})
    line(f"{network}, auto, {len(many.result):,} pictures", f"{network}, auto", many, ours, same=False)
    Console(width=130).print(table)


if __name__ == "__main__":
    typer.run(main)
