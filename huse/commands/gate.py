"""Commands of the gate: hold the metrics of the working tree to those of a revision, and make its tolerances."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from huse.experiments.gate.rules import Rules, read_rules
from huse.experiments.gate.table import VERDICTS, as_markdown, reasons_of, terminal_table
from huse.experiments.gate.tolerances import measured_tolerances
from huse.experiments.gate.verdicts import Metrics, judge
from huse.experiments.revisions import (
    WORKSPACE,
    experiments_of,
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
    here: Run = context.obj
    rules = read_rules(here / paths.GATE)
    commit = find_commit(here.root, base) if base else merge_base(here.root)
    new_baseline = NEW_BASELINE.search(messages(here.root, commit))
    old, new = (_metrics(here, run, rules) for run in (commit, WORKSPACE))
    outcome = judge(rules.rules, old, new, new_baseline=new_baseline is not None)
    held_to = f"{base or 'the merge base'} ({commit[:10]})"
    if new_baseline:
        held_to = f"no base, as this change says that it moves the baseline: {new_baseline[1]}"
    typer.echo(f"held to {held_to}")
    Console().print(terminal_table(outcome))
    typer.echo("\n".join([*reasons_of(outcome), f"gate: {VERDICTS[outcome.exit_code]}"]))
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:
            file.write(as_markdown(outcome, held_to) + "\n")
    sys.exit(outcome.exit_code)


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


def _metrics(here: Run, run: str, rules: Rules) -> Metrics:
    return {name: read_json(here.root, run, METRICS / f"{name}.json") for name in {rule.file for rule in rules.rules}}
