"""The command that shows every parameter: its value, what it may be, what it does, and which stages run again."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tabulate import tabulate

from huse.errors import InputError
from huse.experiments.presets import COMPLETE, preset_names, read_preset
from huse.nesting import flatten
from huse.run import paths
from huse.run.params.describing import Parameter, describe_parameters
from huse.run.params.editing import as_yaml
from huse.run.params.reader import read_yaml
from huse.run.place import Run

NO_READER = "none: of no effect on results"
WHOLE_FILE = "report"  # the page shows all parameters, which says nothing about any of them


def parameters(
    context: typer.Context,
    part: Annotated[str, typer.Argument(help="Only parameters whose name has this, such as train.graph.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
) -> None:
    """Show the parameters: value, what each may be, what it does, presets where it differs, which stages read it."""
    here: Run = context.obj
    found = [parameter for parameter in describe_parameters(here / paths.PARAMS) if part in parameter.name]
    if not found:
        raise InputError(f"{here / paths.PARAMS}: expected a parameter whose name has {part!r}, found none.")
    stages = read_yaml(here / paths.MAP)["stages"]
    presets = {name: dict(flatten(read_preset(name))) for name in preset_names()}
    rows = [
        (parameter, _in_presets(parameter.name, presets), ", ".join(readers(parameter.name, stages)) or NO_READER)
        for parameter in found
    ]
    if markdown:
        typer.echo(_as_markdown(rows))
        return
    table = Table.grid(padding=(0, 2))
    for parameter, also, read_by in rows:
        about = [parameter.allowed, *([f"presets: {also}"] if also else []), f"read by: {read_by}"]
        dim = [f"[dim]{escape(line)}[/dim]" for line in about]
        name = f"[bold]{parameter.name}[/bold]\n{escape(parameter.value)}"
        table.add_row(name, "\n".join([escape(parameter.meaning), *dim, ""]))
    Console().print(table)


def readers(name: str, stages: Mapping[str, Any]) -> list[str]:
    """Return the stages that read a parameter, and so run again, with all that follows, when it changes.

    Args:
        name: of the parameter, with its sections.
        stages: of ``dvc.yaml``.
    """
    return [
        stage
        for stage, entry in stages.items()
        if stage != WHOLE_FILE and any(name == read or name.startswith(f"{read}.") for read in _read_by(entry))
    ]


def _read_by(entry: Mapping[str, Any]) -> Sequence[str]:
    named = [dep[2:-1] for dep in entry.get("deps", []) if dep.startswith("${")]  # a path that is a parameter
    return [*(read for read in entry.get("params", []) if isinstance(read, str)), *named]


def _in_presets(name: str, presets: Mapping[str, Mapping[str, Any]]) -> str:
    usual = presets[COMPLETE].get(name)
    return ", ".join(
        f"{preset} {as_yaml(values[name])}" for preset, values in presets.items() if values.get(name) != usual
    )


def _as_markdown(rows: Sequence[tuple[Parameter, str, str]]) -> str:
    parts = []
    headers = ["parameter", "value", "may be", "what it does", "in presets", "read by"]
    for section, own in groupby(rows, key=lambda row: row[0].name.partition(".")[0]):
        cells = [
            (f"`{parameter.name}`", f"`{parameter.value}`", parameter.allowed, parameter.meaning, also, read_by)
            for parameter, also, read_by in own
        ]
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in cells]
        parts += [f"## {section}", tabulate(escaped, headers, tablefmt="pipe", disable_numparse=True)]
    return "\n\n".join(parts)
