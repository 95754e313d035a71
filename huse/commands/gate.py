"""Commands of the gate: hold the metrics of the working tree to those of a revision, and make its tolerances."""

import io
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from huse.errors import InputError
from huse.evaluation.intervals import Interval, gains
from huse.experiments.gate.rules import Rules, read_rules
from huse.experiments.gate.table import VERDICTS, as_markdown, reasons_of, terminal_table
from huse.experiments.gate.tolerances import measured_tolerances
from huse.experiments.gate.verdicts import Metrics, coarse, judge
from huse.experiments.revisions import (
    WORKSPACE,
    experiments_of,
    files_of,
    find_commit,
    merge_base,
    messages,
    read_json,
    read_revision,
)
from huse.run import paths
from huse.run.params.editing import edit_yaml
from huse.run.params.reader import parse_yaml
from huse.run.place import Run

METRICS = Path("metrics")
NEW_BASELINE = re.compile(r"^baseline: *(\S.*)$", re.MULTILINE)


def gate(
    context: typer.Context,
    base: Annotated[str | None, typer.Option(help="Revision to hold to; none: where the main branch was left.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Append the table to this file, in Markdown.")] = None,
) -> None:
    """Hold metrics/*.json to a revision's by the rules of metrics/gate.yaml: 0 passed, 1 worse, 2 could not compare."""
    if markdown is not None:
        _check_open(markdown)
    here: Run = context.obj
    rules = read_rules(here / paths.GATE)
    commit = find_commit(here.root, base) if base else merge_base(here.root)
    new_baseline = NEW_BASELINE.search(messages(here.root, commit))
    names = {path.stem for path in files_of(here.root, commit, METRICS) if path.suffix == ".json"}
    old, new = (_metrics(here, run, rules, names) for run in (commit, WORKSPACE))
    changes, missing = (None, "") if new_baseline else _changes(here, commit)
    outcome = judge(rules.rules, old, new, changes, new_baseline=new_baseline is not None)
    held_to = f"{base or 'the merge base'} ({commit[:10]})"
    if new_baseline:
        held_to = f"no base, as this change says that it moves the baseline: {new_baseline[1]}"
    typer.echo(f"held to {held_to}")
    Console().print(terminal_table(outcome))
    if missing and coarse(outcome) and not outcome.obstacles:
        typer.echo(f"Compared as if the test items were others, which sees less: {missing.rstrip('.')}.")
    typer.echo("\n".join([*reasons_of(outcome), f"gate: {VERDICTS[outcome.exit_code]}"]))
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:
            file.write(as_markdown(outcome, held_to) + "\n")
    sys.exit(outcome.exit_code)


def _check_open(file: Path) -> None:
    """Refuse a file that cannot be written to before anything is compared: later it would look like a worse metric."""
    try:
        file.open("a").close()
    except OSError as error:
        raise InputError(f"{file}: cannot be written to ({error.strerror}). Give another file (--markdown).") from None


def tolerances(
    context: typer.Context,
    runs: Annotated[
        list[str] | None, typer.Argument(help="Revisions or experiments; none: all experiments of this commit.")
    ] = None,
) -> None:
    """Make the tolerances of metrics/gate.yaml anew, from runs that differ in train.seed alone."""
    here: Run = context.obj
    rules = read_rules(here / paths.GATE)
    named = runs or experiments_of(here.root, find_commit(here.root, "HEAD"))
    metrics = {run: _metrics(here, run, rules) for run in named}
    params = {
        run: parse_yaml(read_revision(here.root, run, paths.PARAMS) or b"", where=f"{run}: {paths.PARAMS}")
        for run in named
    }
    found, items = measured_tolerances(rules.rules, metrics, params)
    with edit_yaml(here / paths.GATE) as content:
        content["measured_on"] = {"seeds": len(named), "items": items}
        for rule in content["rules"]:
            rule["tolerance"], rule["deviation"] = found[rule["metric"]]
    typer.echo(f"wrote {here / paths.GATE}: {len(found)} tolerances of {len(named)} runs")


def _metrics(here: Run, run: str, rules: Rules, others: Collection[str] = ()) -> Metrics:
    names = {*(rule.file for rule in rules.rules), *others}
    return {name: read_json(here.root, run, METRICS / f"{name}.json") for name in sorted(names)}


def _changes(here: Run, commit: str) -> tuple[Mapping[str, Interval] | None, str]:
    """Return by how much metrics over test items are higher here, item by item; or None, and why not."""
    tables = []
    for run, where in ((WORKSPACE, "here"), (commit, "in the base")):
        content = read_revision(here.root, run, paths.ITEM_METRICS)
        if content is None:
            return None, f"{paths.ITEM_METRICS} is not there {where}"
        try:
            tables.append(pd.read_parquet(io.BytesIO(content)))
        except (ValueError, OSError) as error:
            raise InputError(f"{paths.ITEM_METRICS}: {where} no Parquet file ({error}). Run `dvc repro`.") from None
    seed = here.seed()
    try:
        return gains(*tables, seed=seed), ""
    except InputError as error:
        return None, f"{paths.ITEM_METRICS}: {error}"
