"""Seconds and peak memory of every stage, on a shop of any size that is drawn.

Run as ``python -m benchmarks.scale FOLDER 10000 100000``; each number is that of products. Names, class paths and
vectors of pictures are drawn by the seed; the stages are the real ones, each in its own process. FOLDER keeps the
shops, so a second run measures what is there, from the stage given by ``--first`` on.

The vectors come in a file (``backbone.network: given:``), since a million pictures would measure a disk. What a network
takes for a picture is measured by `benchmarks.images`.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    "catalogue",
    "preprocess_text",
    "word_vectors",
    "finetune_backbone",
    "image_vectors",
    "text_vectors",
    "label_graph",
    "train",
    "evaluate",
    "model",
    "index",
)
PAUSE = 0.05  # seconds between looks at a process


@dataclass(frozen=True)
class Taken:
    """What a process took: seconds, seconds of all cores, and at its peak MiB that it could not give back.

    Pages of mapped files do not count: the system takes them where it needs room.
    """

    seconds: float
    cpu: float
    memory: float


def measured(command: list[str], folder: Path) -> Taken:
    """Run a command in a folder."""
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        with suppress(OSError):  # it has just ended
            told = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
            peak = max(peak, int(told.get("RssAnon", "0").split()[0]))  # KiB
        time.sleep(PAUSE)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)}: exit code {code}")
    taken = Taken(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak / 1024)
    print(f"{command[2]} in {folder.name}: {taken}", file=sys.stderr)
    return taken


def main(
    folder: Annotated[Path, typer.Argument(help="Where the shops are kept.")],
    products: Annotated[list[int], typer.Argument(help="Numbers of products.")],
    *,
    first: Annotated[str, typer.Option(help="Stage to begin with.")] = STAGES[0],
    steps: Annotated[int, typer.Option(help="Training steps.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the shop.")] = 13,
) -> None:
    """Measure and print a table."""
    table = Table(title="seconds, CPU seconds, peak MiB")
    for name in ("stage", *(f"{number:,}" for number in products)):
        table.add_column(name, justify="left" if name == "stage" else "right")
    stages = STAGES[STAGES.index(first) :]
    found = [_one(folder.resolve() / str(number), number, stages, steps, seed) for number in products]
    for stage in found[0]:
        cells = (f"{one[stage].seconds:,.0f}  {one[stage].cpu:,.0f}  {one[stage].memory:,.0f}" for one in found)
        table.add_row(stage, *cells)
    Console(width=130).print(table)


def _one(folder: Path, products: int, stages: tuple[str, ...], steps: int, seed: int) -> dict[str, Taken]:
    found = {}
    if not (folder / "params.yaml").exists():
        command = [sys.executable, "-m", "benchmarks.sides.shops", str(folder), *map(str, (products, steps, seed))]
        found["draw"] = measured(command, ROOT)
    for stage in stages:
        found[stage] = measured([sys.executable, "-m", f"stages.{stage}"], folder)
    return found


if __name__ == "__main__":
    typer.run(main)
