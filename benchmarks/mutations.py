"""Small faults that make a model a little worse, each put into a copy of the code, and what the gate says of them.

Run as ``python -m benchmarks.mutations`` in a repository whose pipeline has run. Each fault is trained and measured on
the repository's own products; training from other seeds, without a fault, shows how often the gate is wrong.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from huse.errors import InputError
from huse.evaluation.intervals import Interval, gains
from huse.experiments.gate.rules import read_rules
from huse.experiments.gate.verdicts import FAILED, Outcome, judge
from huse.experiments.revisions import WORKSPACE, git, read_json
from huse.progress import progress
from huse.run import paths
from huse.run.params.editing import edit_yaml
from huse.run.place import Run

ROOT = Path()
NETWORK, DATA = "huse/model/network.py", "huse/training/data.py"
WRONG = "np.where(np.random.default_rng(0).random(len(products)) < 0.03, np.roll(products, 1), products)"


class Fault(NamedTuple):
    """A file, text that stands there once, and what takes its place."""

    file: str
    old: str
    new: str


FAULTS = {
    "scale of the cosine head halved": Fault("huse/model/towers.py", "else scale\n", "else scale / 2\n"),
    "dropout 0.5 in the text tower": Fault(
        NETWORK, "settings.dropout,\n", '0.5 if modality == "text" else settings.dropout,\n'
    ),
    "dropout 0.5 in the image tower": Fault(
        NETWORK, "settings.dropout,\n", '0.5 if modality == "image" else settings.dropout,\n'
    ),
    "temperatures of the fusion swapped": Fault(
        "huse/fusion.py",
        "tempered = temper(image, self.image_temperature), temper(text, self.text_temperature)",
        "tempered = temper(image, self.text_temperature), temper(text, self.image_temperature)",
    ),
    "3 % of the labels wrong": Fault(DATA, "torch.tensor(products)", f"torch.tensor({WRONG})"),
    "10 % of the labels wrong": Fault(DATA, "torch.tensor(products)", f"torch.tensor({WRONG.replace('03', '1')})"),
    "half of the training products": Fault(
        DATA, 'np.flatnonzero(split == "train")', 'np.flatnonzero(split == "train")[::2]'
    ),
}


def main(
    seeds: Annotated[int, typer.Option(help="How many trainings without a fault.")] = 5,
    only: Annotated[str, typer.Option(help="Faults with this in their name alone.")] = "",
) -> None:
    """Train with each fault, and print what the gate says."""
    rules = read_rules(ROOT / paths.GATE).rules
    measured = {}
    with TemporaryDirectory(prefix="huse-mutations-") as folder:
        copy = Path(folder)
        _copy(copy)
        for number in progress(range(seeds), description="train", unit="seed"):
            measured[f"none, seed {number + 1}"] = _train(copy, seed=number + 1)
        for name, fault in progress(FAULTS.items(), description="train", unit="fault"):
            if only in name:
                measured[name] = _train(copy, fault)
    base = next(iter(measured.values()))
    sound = {name: run for name, run in measured.items() if name.startswith("none")}
    pairs = [(one, other) for one in sound.values() for other in sound.values() if one is not other]
    judged = [judge(rules, one[0], other[0], _changes(one, other)) for one, other in pairs]
    table = Table("fault", "gate", "what fell, in points, with its paired interval", title="Beside seed 1")
    for name, run in list(measured.items())[1:]:
        outcome = judge(rules, base[0], run[0], _changes(base, run))
        table.add_row(name, "seen" if outcome.exit_code else "passes", _fallen(outcome))
    Console(width=150).print(table)
    wrong = sum(outcome.exit_code != 0 for outcome in judged)
    typer.echo(f"Of {len(judged)} pairs of seeds without a fault, the gate fails {wrong}.")
    typer.echo("\n".join(sorted({line for outcome in judged for line in outcome.lost})))
    for rule in rules:
        worse = sum(line.verdict in FAILED for of in judged for line in of.lines if line.rule == rule)
        widths = [line.allowed for of in judged for line in of.lines if line.rule == rule]
        typer.echo(f"{rule.metric}: fails {worse}; allowed {100 * min(widths):.2f} to {100 * max(widths):.2f} points")


Measured = tuple[dict[str, dict[str, object] | None], pd.DataFrame]


def _copy(to: Path) -> None:
    for name in git(ROOT, "ls-files", "-z").decode().split("\0"):
        if name and not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)
    shutil.copytree(ROOT / "data", to / "data", dirs_exist_ok=True)


def _train(copy: Path, fault: Fault | None = None, seed: int = 1) -> Measured:
    """Train and measure in the copy, with a fault and a seed."""
    with edit_yaml(copy / paths.PARAMS) as content:
        content["train"]["seed"] = seed
    text = ""
    if fault is not None:
        text = (copy / fault.file).read_text(encoding="utf-8")
        if text.count(fault.old) != 1:
            raise InputError(f"{fault.file}: expected once {fault.old!r}, found it {text.count(fault.old)} times.")
        (copy / fault.file).write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    try:
        for stage in ("train", "evaluate"):
            environment = {**os.environ, "PYTHONPATH": "", "TQDM_DISABLE": "1"}
            subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=copy, env=environment, check=True)
    finally:
        if fault is not None:
            (copy / fault.file).write_text(text, encoding="utf-8")
    metrics = {"evaluate": read_json(copy, WORKSPACE, paths.EVALUATE_METRICS)}
    return metrics, pd.read_parquet(copy / paths.ITEM_METRICS)


def _changes(base: Measured, here: Measured) -> dict[str, Interval]:
    return gains(here[1], base[1], seed=Run(ROOT).seed())


def _fallen(outcome: Outcome) -> str:
    return ", ".join(
        f"{line.rule.metric.removeprefix('evaluate.')} {100 * (line.here - line.base):+.1f}"
        + (f" ({100 * line.change.low:+.1f} to {100 * line.change.high:+.1f})" if line.change else "")
        for line in outcome.lines
        if line.verdict in FAILED and line.here is not None and line.base is not None
    ) + "".join(f", lost: {line.partition(':')[0]}" for line in outcome.lost)


if __name__ == "__main__":
    typer.run(main)
