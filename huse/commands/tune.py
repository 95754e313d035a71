"""The command that looks for better parameters."""

import hashlib
import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from huse.errors import InputError
from huse.experiments.packaged import packaged_purposes
from huse.experiments.tuning.space import RANGES, Space, read_space
from huse.experiments.tuning.study import RunFailed, Trial, Tuning, best_first
from huse.run import paths
from huse.run.params.editing import as_yaml
from huse.run.params.reader import read_yaml
from huse.run.place import Run

SHOWN = 5  # of the best trials
WIDEST = 10_000  # columns that a table may ask for


def tune(
    context: typer.Context,
    ranges: Annotated[str | None, typer.Argument(help="Packaged ranges, or a .yaml file; none: list them.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many in all; none: as the ranges say.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the tuning and its experiments; none: that of the ranges.")
    ] = None,
) -> None:
    """Look for better parameters: each trial is an experiment, chosen by validation metrics alone."""
    if ranges is None:
        typer.echo("\n".join(packaged_purposes(RANGES)))
        return
    here: Run = context.obj
    space = read_space(ranges, read_yaml(here / paths.PARAMS))
    name = name or Path(ranges).stem
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(f"--name {name}: expected letters, digits, - and _ alone.")
    from huse.experiments.tuning.experiments import Experiments  # noqa: PLC0415  pandas takes a second to import

    folder = here / paths.TUNING / name
    count = trials or space.trials
    with _alone(folder):
        experiments = Experiments(here, space, folder)
        present = Trial(
            "workspace", {each: experiments.present.params[each] for each in space.parameters}, experiments.metric
        )
        tuning = Tuning(space, folder / "study.sqlite", present, _begun_from(here, space))
        metrics = f"the mean of {', '.join(space.metrics)}" if len(space.metrics) > 1 else space.metrics[0]
        typer.echo(f"{name}: {metrics} on validation; {space.better} is better")
        typer.echo(_line("now", present))
        ended = []
        try:
            for trial in tuning.run(experiments.run, count=count, name=name):
                ended.append(trial)
                typer.echo(_line(len(ended), trial))
        except RunFailed as failure:
            typer.echo(f"error: {failure}", err=True)
            raise typer.Exit(1) from failure
    found = best_first([present, *ended], space)
    table = _table(found[:SHOWN], experiments.metric, space)
    # A terminal breaks lines that are too long for it; a table would cut the numbers.
    Console(width=max(Console().width, Console(width=WIDEST).measure(table).maximum)).print(table)
    best = found[0][1]
    if best is present:
        typer.echo("no trial is better than the parameters as they are")
    else:
        typer.echo(f"is it more than chance?  huse compare workspace {best.experiment}")
        typer.echo(f"keep it:                 dvc exp apply {best.experiment}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a second tuning of the same name, and end on SIGTERM as from the keyboard: with the trial's processes."""
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as error:
        raise InputError(f"{folder}: another process runs this tuning. Wait until it is done, or end it.") from error


def _begun_from(here: Run, space: Space) -> str:
    """Return a fingerprint of what all trials share: ranges, parameters, and what DVC knows of code and data."""
    digest = hashlib.sha256(json.dumps(space.model_dump(exclude={"trials"}), sort_keys=True).encode())
    for file in (paths.PARAMS, paths.LOCK):
        digest.update((here / file).read_bytes())
    return digest.hexdigest()


def _line(number: int | str, trial: Trial) -> str:
    metric = "failed" if trial.metric is None else f"{trial.metric:.4f}"
    values = ", ".join(f"{name.rpartition('.')[2]} {as_yaml(value)}" for name, value in trial.values.items())
    return f"{number:>6}  {metric}  {values}{f': {trial.reason}' if trial.reason else ''}"


def _table(found: list[tuple[float, Trial]], now: float, space: Space) -> Table:
    # Headers of several words are broken, so that names of runs and numbers are whole in a narrow terminal.
    names = (name.rpartition(".")[2].replace("_", "\n") for name in space.parameters)
    columns = [
        Column("run"),
        *(Column(name, justify="right", no_wrap=True) for name in ("metric", "beside\nnow", *names)),
    ]
    table = Table(*columns, title="The best", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for metric, trial in found:
        table.add_row(trial.experiment, f"{metric:.4f}", f"{metric - now:+.4f}", *map(as_yaml, trial.values.values()))
    return table
