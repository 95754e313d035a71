"""The command that puts runs beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from huse.errors import InputError
from huse.experiments.revisions import experiments_of, find_commit
from huse.run.place import Run


def compare(
    context: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Experiments, revisions, or workspace; none: all experiments of this commit."),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="The run that the others are held to; none: the first.")] = None,
    split: Annotated[str, typer.Option(help="validation, to choose by; or test, to report.")] = "validation",
    output: Annotated[Path | None, typer.Option(help="Folder for compare.md and compare.json.")] = None,
) -> None:
    """Put runs beside each other: means over seeds, paired intervals, and the parameters that differ."""
    here: Run = context.obj
    # These take a second to import.
    from huse.experiments.recorded import FILES, read_run  # noqa: PLC0415
    from huse.experiments.runs.groups import baseline_groups, differences, group_runs  # noqa: PLC0415
    from huse.experiments.runs.tables import publish  # noqa: PLC0415

    if split not in FILES:
        raise InputError(f"--split {split}: expected {' or '.join(FILES)}.")
    names = runs or experiments_of(here.root, find_commit(here.root, "HEAD"))
    if not names:
        raise InputError("no experiments of this commit. Make some, dvc exp run --set-param NAME=VALUE, or name runs.")
    names = list(dict.fromkeys([baseline, *names] if baseline else names))
    groups = group_runs([read_run(here, name, split) for name in names])
    typer.echo(f"{split} split; the baseline: {groups[0].label}")
    page = None if output is None else output / "compare.md"
    rows = [*groups, *baseline_groups(groups)]
    publish(differences(rows, groups[0], seed=here.seed()), split, page)
