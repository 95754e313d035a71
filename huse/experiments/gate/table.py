"""The gate's outcome as tables, for the terminal and in Markdown."""

from collections.abc import Sequence
from typing import TypeVar

from rich.box import SIMPLE
from rich.table import Column, Table
from tabulate import tabulate

from huse.experiments.gate.verdicts import EVALUATION, FAILED, Line, Outcome, Verdict
from huse.wording import counted

COLUMNS = ("metric", "base", "here", "change", "tolerance", "95 %", "bound", "verdict")
IN_MARKDOWN = {COLUMNS.index("95 %"), COLUMNS.index("bound")}  # alone, to save width; the reasons name bounds
COLOURS = {Verdict.BETTER: "green", Verdict.NO_METRIC: "yellow", **dict.fromkeys(FAILED, "red")}
Cell = TypeVar("Cell")
SHOWN = 10  # metrics without a rule that are lost
VERDICTS = {0: "passed", 1: "something is worse", 2: "could not compare"}


def terminal_table(outcome: Outcome) -> Table:
    """Return a table of all rules."""
    columns = [Column(name, justify="right", no_wrap=True) for name in COLUMNS]
    columns[0] = Column("metric", overflow="fold")
    columns[-1].justify = "left"
    table = Table(*_narrow(columns), box=SIMPLE, pad_edge=False, padding=0)
    for line in outcome.lines:
        cells = [f"{cell.removeprefix(f'{EVALUATION}.')} " for cell in _cells(line)]
        table.add_row(*_narrow(cells), style=COLOURS.get(line.verdict, ""))
    return table


def _narrow(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for place, cell in enumerate(cells) if place not in IN_MARKDOWN]


def as_markdown(outcome: Outcome, base: str) -> str:
    """Return verdict, table and reasons in Markdown; `base` describes what the run was compared with."""
    rows = [_cells(line) for line in outcome.lines]
    table = tabulate(rows, COLUMNS, tablefmt="pipe", disable_numparse=True, colalign=("left", *["right"] * 6, "left"))
    reasons = "\n".join(f"- {reason}" for reason in reasons_of(outcome))
    head = f"### Metrics gate: {VERDICTS[outcome.exit_code]}\n\nHeld to {base}."
    return "\n\n".join(part for part in (head, table, reasons) if part) + "\n"


def reasons_of(outcome: Outcome) -> Sequence[str]:
    """Return a line for everything that does not pass."""
    of_lines = (f"{line.rule.metric}: {line.reason}" for line in outcome.lines if line.reason)
    more = len(outcome.lost) - SHOWN
    others = [f"… and {counted(more, 'other metric')} of the base that {'is' if more == 1 else 'are'} not here"]
    return [*outcome.obstacles, *of_lines, *outcome.lost[:SHOWN], *(others if more > 0 else [])]


def _cells(line: Line) -> list[str]:
    rule = line.rule
    least, most = line.least, rule.ceiling
    change = None if line.base is None or line.here is None else line.here - line.base
    paired = "–" if line.change is None else f"{line.change.low:+.4f} to {line.change.high:+.4f}"
    shown = f"≥ {least:.4g}" if least is not None else "–" if most is None else f"≤ {most:g}"
    numbers = (_number(line.base), _number(line.here), _number(change, "+.4f"), _number(line.allowed))
    return [rule.metric, *numbers, paired, shown, line.verdict]


def _number(value: float | None, form: str = ".4f") -> str:
    return "–" if value is None else format(value, form)
