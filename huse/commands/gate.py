"""Commands of the gate: hold the metrics of the working tree to those of a revision, and make its tolerances."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from huse.commands.printing import PLAIN
from huse.errors import InputError
from huse.experiments.gate.rules import read_rules
from huse.experiments.gate.table import VERDICTS, as_markdown, reasons_of, terminal_table
from huse.experiments.gate.tolerances import measured_tolerances
from huse.experiments.gate.verdicts import judge
from huse.experiments.revisions import experiments_of, find_commit, merge_base, messages, read_revision
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
    names = sorted({rule.file for rule in rules.rules})
    new_baseline = NEW_BASELINE.search(messages(here.root, commit))
    outcome = judge(
        rules.rules,
        {name: _at_revision(here, commit, name) for name in names},
        {name: _now(here, name) for name in names},
        new_baseline=new_baseline is not None,
    )
    held_to = f"{base or 'the merge base'} ({commit[:10]})"
    if new_baseline:
        held_to = f"no base, as this change says that it moves the baseline: {new_baseline[1]}"
    console = Console()
    console.print(f"held to {held_to}", **PLAIN)
    console.print(terminal_table(outcome))
    for reason in reasons_of(outcome):
        console.print(reason, **PLAIN)
    console.print(f"gate: {VERDICTS[outcome.exit_code]}", highlight=False)
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
    files = sorted({rule.file for rule in rules.rules})
    metrics: dict[str, dict[str, Any]] = {}
    params = {}
    for run in named:
        found = {name: _at_revision(here, run, name) for name in files}
        missing = [name for name, content in found.items() if content is None]
        if missing:
            raise InputError(f"{run}: expected metrics/{missing[0]}.json, found none. Run the pipeline, and commit it.")
        metrics[run] = found
        params[run] = parse_yaml(read_revision(here.root, run, paths.PARAMS) or b"", where=f"{run}: {paths.PARAMS}")
    found_tolerances, items = measured_tolerances(rules.rules, metrics, params)
    _write(here / paths.GATE, found_tolerances, seeds=len(named), items=items)
    Console().print(
        f"wrote {here / paths.GATE}: {len(found_tolerances)} tolerances of {len(named)} runs", highlight=False
    )


def _write(gate: Path, found: dict[str, tuple[float, float]], *, seeds: int, items: int) -> None:
    with edit_yaml(gate) as content:
        content["measured_on"] = {"seeds": seeds, "items": items}
        for rule in content["rules"]:
            rule["tolerance"], rule["deviation"] = found[rule["metric"]]
    read_rules(gate)


def _now(here: Run, name: str) -> dict[str, Any] | None:
    path = here / METRICS / f"{name}.json"
    return _parse(path.read_bytes(), str(path)) if path.is_file() else None


def _at_revision(here: Run, revision: str, name: str) -> dict[str, Any] | None:
    path = METRICS / f"{name}.json"
    content = read_revision(here.root, revision, path)
    return None if content is None else _parse(content, f"{revision[:10]}: {path}")


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise InputError(f"{where}: not valid JSON ({error}).") from error
    if not isinstance(found, dict):
        raise InputError(f"{where}: expected an object, found {type(found).__name__}.")
    return found
