"""Runs beside each other as tables: for the terminal, in Markdown, as JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table
from tabulate import tabulate

from huse.evaluation.intervals import Interval
from huse.experiments.runs.groups import ABSENT, Difference, Group

FIGURES = {
    "classification.image.accuracy": "image",
    "classification.text.accuracy": "text",
    "classification.fusion.accuracy": "fusion",
    "retrieval.mean.recall_at_1": "R@1",
    "retrieval.mean.recall_at_10": "R@10",
    "retrieval.mean.map": "mAP",
    "retrieval.mean.ahp": "AHP",
}
NOTE = (
    "Means over the seeds ± their standard deviation, in percent. Retrieval: mean of the four directions. "
    "Bold: the highest."
)


def terminal_tables(groups: Sequence[Group], differences: Sequence[Difference | None]) -> list[Table]:
    """Return the figures, and the differences to the baseline where there are some.

    Args:
        groups: what is compared.
        differences: of each group; None of the baseline.
    """
    headers, rows = _figures(groups, bold="[bold]{}[/bold]")
    tables = [_terminal("", headers, rows)]
    if any(difference is not None and difference.intervals for difference in differences):
        headers, rows = _differences(groups, differences, "[bold]{}[/bold]")
        # Seven intervals side by side are wider than a terminal.
        lines = [
            [row[0] if place == 1 else "", headers[place], row[place]] for row in rows for place in range(1, len(row))
        ]
        tables.append(
            _terminal("beside the baseline, in points, with 95 % intervals", ["", "figure", "difference"], lines)
        )
    return tables


def _terminal(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title or None, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(headers):
        table.add_column(name, justify="left" if place == 0 else "right", no_wrap=False, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def as_markdown(groups: Sequence[Group], differences: Sequence[Difference | None], split: str) -> str:
    """Return all of it in Markdown.

    Args:
        groups: what is compared.
        differences: of each group; None of the baseline.
        split: that was measured.
    """
    headers, rows = _figures(groups, bold="**{}**")
    parts = [f"### On the {split} split", NOTE, _pipe(headers, rows)]
    if any(difference is not None and difference.intervals for difference in differences):
        headers, rows = _differences(groups, differences, "**{}**")
        title = "Differences to the baseline, in points, with 95 % intervals of a paired bootstrap over products"
        parts += [f"### {title}", _pipe(headers, rows)]
    parts += [f"- {reason}" for reason in obstacles(groups, differences)]
    names = [[group.label, ", ".join(run.name for run in group.runs)] for group in groups]
    parts += ["### The runs", _pipe(["", "runs"], names)]
    differing = [[f"`{name}`", *(str(group.differing[name]) for group in groups)] for name in groups[0].differing]
    if differing:
        parts += ["### Parameters that differ", _pipe(["", *(group.label for group in groups)], differing)]
    return "\n\n".join(parts) + "\n"


def obstacles(groups: Sequence[Group], differences: Sequence[Difference | None]) -> list[str]:
    """Return for each group without intervals why it has none."""
    return [
        f"{group.label}: no intervals, {difference.obstacle}"
        for group, difference in zip(groups, differences, strict=True)
        if difference is not None and difference.obstacle
    ]


def as_json(groups: Sequence[Group], differences: Sequence[Difference | None], split: str) -> dict[str, Any]:
    """Return all of it: of every group its runs, parameters that differ, figures, and difference to the baseline."""
    return {
        "split": split,
        "groups": [
            {
                "label": group.label,
                "parameters": dict(group.differing),
                "runs": [run.name for run in group.runs],
                "figures": {
                    figure: {
                        "mean": group.mean(figure),
                        "deviation": group.deviation(figure),
                        "values": group.values(figure),
                    }
                    for figure in FIGURES
                    if group.values(figure)
                },
                "baseline": difference is None,
                "difference_to_baseline": _intervals(difference),
            }
            for group, difference in zip(groups, differences, strict=True)
        ],
        "obstacles": obstacles(groups, differences),
    }


def _intervals(difference: Difference | None) -> dict[str, Mapping[str, float]]:
    if difference is None:
        return {}
    return {figure: vars(interval) for figure, interval in difference.intervals.items()}


def _figures(groups: Sequence[Group], *, bold: str) -> tuple[list[str], list[list[str]]]:
    shown = [figure for figure in FIGURES if any(group.values(figure) for group in groups)]
    highest = {figure: max(round(100 * mean, 1) for mean in _means(groups, figure)) for figure in shown}
    rows = []
    for group in groups:
        cells = [group.label, str(len(group.runs))]
        for figure in shown:
            mean = 100 * group.mean(figure)
            text = ABSENT if math.isnan(mean) else f"{mean:.1f}"
            text = bold.format(text) if round(mean, 1) == highest[figure] and len(groups) > 1 else text
            cells.append(f"{text} ± {100 * group.deviation(figure):.1f}" if len(group.runs) > 1 else text)
        rows.append(cells)
    return ["", "runs", *(FIGURES[figure] for figure in shown)], rows


def _means(groups: Sequence[Group], figure: str) -> list[float]:
    return [mean for group in groups if not math.isnan(mean := group.mean(figure))]


def _differences(
    groups: Sequence[Group], differences: Sequence[Difference | None], bold: str
) -> tuple[list[str], list[list[str]]]:
    shown = [
        figure
        for figure in FIGURES
        if any(difference is not None and figure in difference.intervals for difference in differences)
    ]
    rows = [
        [group.label, *(_interval(difference.intervals[figure], bold) for figure in shown)]
        for group, difference in zip(groups, differences, strict=True)
        if difference is not None and difference.intervals
    ]
    return ["", *(FIGURES[figure] for figure in shown)], rows


def _interval(value: Interval, bold: str) -> str:
    mean, low, high = (f"{100 * number:+.1f}" for number in (value.mean, value.low, value.high))
    sure = value.low > 0 or value.high < 0
    return f"{bold.format(mean) if sure else mean} ({low}, {high})"


def _pipe(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
