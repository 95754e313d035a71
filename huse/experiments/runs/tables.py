"""The comparison of runs as tables for the terminal, in Markdown, and as JSON."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from tabulate import tabulate

from huse.evaluation.chance import KS
from huse.evaluation.intervals import Interval
from huse.evaluation.results import DIRECTIONS
from huse.experiments.runs.groups import ABSENT, Group
from huse.run.artifacts import Outputs

ACCURACIES = {f"classification.{name}.accuracy": name for name in ("image", "text", "fusion")}
RETRIEVAL = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "map": "mAP",
    "hp_at_2": "HP@2",
    "hp_at_5": "HP@5",
    "hp_at_10": "HP@10",
    "ahp": "AHP",
}
UNSEEN = {**{f"sibling_at_{k}": f"sibling@{k}" for k in KS}, "ahp": "AHP", "recall_at_1": "R@1", "map": "mAP"}
HEADLINE = ("recall_at_1", "recall_at_10", "map", "ahp")
CHANCE = "unseen.mean.chance"

UNSEEN_NOTE = (
    "sibling@K: share of the nearest test products of seen classes whose class hangs on the same node; AHP among "
    "these; R@1 and mAP of finding their own class, all products of unseen classes among the candidates."
)


def _section(prefix: str, names: Mapping[str, str] = RETRIEVAL) -> dict[str, str]:
    return {f"{prefix}.{name}": short for name, short in names.items()}


# Shown in the terminal and the picture, with differences to the baseline.
METRICS = ACCURACIES | _section("retrieval.mean", {name: RETRIEVAL[name] for name in HEADLINE})
# The first table of a page.
MEANS = ACCURACIES | _section("retrieval.mean")
# Further tables of a page, by title.
SECTIONS = {
    "Retrieval by class probabilities": _section("retrieval_by_probabilities.mean"),
    **{f"By embeddings, {way.replace('_to_', ' → ')}": _section(f"retrieval.{way}") for way in DIRECTIONS},
    "Products of classes that were held out from all training, by embeddings": _section("unseen.mean", UNSEEN),
}
NOTE = (
    "Means over the seeds ± their standard deviation, in percent. Retrieval: mean of the four directions. "
    "Bold: the highest."
)


def publish(
    groups: Sequence[Group],
    split: str,
    page: Path | None,
    *,
    further: str = "",
    choices: Mapping[str, Any] | None = None,
) -> None:
    """Print the tables, and write them as Markdown and JSON.

    Args:
        groups: what is compared.
        split: that was measured.
        page: the Markdown to write, and beside it the JSON; None: only print.
        further: more of the page.
        choices: for the JSON, if any.
    """
    for table in terminal_tables(groups):
        Console().print(table)
    for reason in obstacles(groups):
        typer.echo(reason)
    if page is not None:
        data = page.with_suffix(".json")
        with Outputs() as outputs:
            outputs.json(data, as_json(groups, split) | ({} if choices is None else {"choices": choices}))
            outputs.path(page).write_text(as_markdown(groups, split) + further, encoding="utf-8")
        typer.echo(f"wrote {page} and {data}")


def terminal_tables(groups: Sequence[Group]) -> list[Table]:
    """Return the metrics, and the differences to the baseline if there are any."""
    tables = [_terminal(None, *_metrics(groups, METRICS, "[bold]{}[/bold]"))]
    headers, rows = _differences(groups, "[bold]{}[/bold]")
    if rows:
        # Seven intervals in a row are too wide for a terminal.
        lines = []
        for label, *cells in rows:
            told = [[metric, cell] for metric, cell in zip(headers[1:], cells, strict=True) if cell != ABSENT]
            lines += [["" if place else label, *line] for place, line in enumerate(told)]
        title = "beside the baseline, in points, with 95 % intervals"
        tables.append(_terminal(title, ["", "metric", "difference"], lines))
    return tables


def _terminal(title: str | None, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    columns = [Column(name, justify="right", overflow="fold") for name in headers]
    columns[0].justify = "left"
    table = Table(*columns, title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def as_markdown(groups: Sequence[Group], split: str) -> str:
    """Return all of it in Markdown."""
    parts = [f"### On the {split} split", NOTE, _pipe(*_metrics(groups, MEANS, "**{}**"))]
    for title, columns in SECTIONS.items():
        headers, rows = _metrics(groups, columns, "**{}**")
        if len(headers) > 2:
            note = [UNSEEN_NOTE] if "unseen.mean.ahp" in columns else []
            parts += [f"### {title}", *note, _pipe(headers, rows)]
    headers, rows = _differences(groups, "**{}**")
    if rows:
        title = "Differences to the baseline, in points, with 95 % intervals of a paired bootstrap over products"
        parts += [f"### {title}", _pipe(headers, rows)]
    parts += [f"- {reason}" for reason in obstacles(groups)]
    names = [[group.label, ", ".join(run.name for run in group.runs)] for group in groups]
    parts += ["### The runs", _pipe(["", "runs"], names)]
    differing = [[f"`{name}`", *(str(group.differing[name]) for group in groups)] for name in groups[0].differing]
    if differing:
        parts += ["### Parameters that differ", _pipe(["", *(group.label for group in groups)], differing)]
    return "\n\n".join(parts) + "\n"


def obstacles(groups: Sequence[Group]) -> list[str]:
    """Say why groups have no intervals."""
    return [f"{group.label}: no intervals, {group.obstacle}" for group in groups if group.obstacle]


def as_json(groups: Sequence[Group], split: str) -> dict[str, Any]:
    """Return for every group its runs, differing parameters, metrics, and differences to the baseline."""
    return {
        "split": split,
        "groups": [
            {
                "label": group.label,
                "parameters": dict(group.differing),
                "runs": [run.name for run in group.runs],
                "metrics": {
                    metric: {
                        "mean": group.mean(metric),
                        "deviation": group.deviation(metric),
                        "values": group.values(metric),
                    }
                    for columns in (MEANS, *SECTIONS.values())
                    for metric in columns
                    if group.values(metric)
                },
                "baseline": group.baseline,
                "difference_to_baseline": {metric: vars(interval) for metric, interval in group.intervals.items()},
            }
            for group in groups
        ],
        "obstacles": obstacles(groups),
    }


def _metrics(groups: Sequence[Group], columns: Mapping[str, str], bold: str) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the columns with values; the last row is chance, if known."""
    shown = [metric for metric in columns if any(group.values(metric) for group in groups)]
    highest = {
        metric: max(round(100 * group.mean(metric), 1) for group in groups if group.values(metric)) for metric in shown
    }
    rows = []
    for group in groups:
        cells = [group.label, str(len(group.runs))]
        for metric in shown:
            mean = 100 * group.mean(metric)
            text = ABSENT if math.isnan(mean) else f"{mean:.1f}"
            text = bold.format(text) if round(mean, 1) == highest[metric] and len(groups) > 1 else text
            cells.append(f"{text} ± {100 * group.deviation(metric):.1f}" if len(group.runs) > 1 else text)
        rows.append(cells)
    chance = [
        groups[0].values(metric.replace("unseen.mean", CHANCE)) for metric in shown if metric.startswith("unseen")
    ]
    if any(chance):
        rows.append(["chance", "", *(f"{100 * values[0]:.1f}" if values else ABSENT for values in chance)])
    return ["", "runs", *(columns[metric] for metric in shown)], rows


def _differences(groups: Sequence[Group], bold: str) -> tuple[list[str], list[list[str]]]:
    compared = [group for group in groups if group.intervals]
    shown = [metric for metric in METRICS if any(metric in group.intervals for group in compared)]
    rows = [[group.label, *(_interval(group.intervals.get(metric), bold) for metric in shown)] for group in compared]
    return ["", *(METRICS[metric] for metric in shown)], rows


def _interval(value: Interval | None, bold: str) -> str:
    if value is None:
        return ABSENT
    mean, low, high = (f"{100 * number:+.1f}" for number in (value.mean, value.low, value.high))
    sure = value.low > 0 or value.high < 0
    return f"{bold.format(mean) if sure else mean} ({low}, {high})"


def _pipe(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
