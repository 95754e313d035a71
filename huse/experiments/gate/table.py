"""The gate's outcome as tables, for the terminal and in Markdown."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Column, Table
from tabulate import tabulate

from huse.experiments.gate.verdicts import EVALUATION, Line, Outcome, Verdict

COLUMNS = ("metric", "base", "here", "change", "tolerance", "bound", "verdict")
BOUND = COLUMNS.index("bound")
COLOURS = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.OUT_OF_BOUNDS: "red", Verdict.NO_METRIC: "yellow"}
VERDICTS = {0: "passed", 1: "something is worse", 2: "could not compare"}


def terminal_table(outcome: Outcome) -> Table:
    """Return a table of all rules."""
    columns = [Column(name, justify="right", no_wrap=True) for name in COLUMNS]
    columns[0] = Column("metric", overflow="fold")
    columns[-1].justify = "left"
    del columns[BOUND]  # to save width; the reasons name bounds
    table = Table(*columns, box=SIMPLE, pad_edge=False, padding=0)
    for line in outcome.lines:
        cells = [f"{cell.removeprefix(f'{EVALUATION}.')} " for cell in _cells(line)]
        del cells[BOUND]
        table.add_row(*cells, style=COLOURS.get(line.verdict, ""))
    return table


def as_markdown(outcome: Outcome, base: str) -> str:
    """Return verdict, table and reasons in Markdown; `base` describes what the run was compared with."""
    rows = [_cells(line) for line in outcome.lines]
    table = tabulate(rows, COLUMNS, tablefmt="pipe", disable_numparse=True, colalign=("left", *["right"] * 5, "left"))
    reasons = "\n".join(f"- {reason}" for reason in reasons_of(outcome))
    head = f"### Metrics gate: {VERDICTS[outcome.exit_code]}\n\nHeld to {base}."
    return "\n\n".join(part for part in (head, table, reasons) if part) + "\n"


def reasons_of(outcome: Outcome) -> Sequence[str]:
    """Return a line for everything that does not pass."""
    return [*outcome.obstacles, *(f"{line.rule.metric}: {line.reason}" for line in outcome.lines if line.reason)]


def _cells(line: Line) -> list[str]:
    rule = line.rule
    least, most = line.least, rule.ceiling
    change = None if line.base is None or line.here is None else line.here - line.base
    shown = f"≥ {least:.4g}" if least is not None else "–" if most is None else f"≤ {most:g}"
    numbers = (_number(line.base), _number(line.here), _number(change, "+.4f"), _number(rule.tolerance))
    return [rule.metric, *numbers, shown, line.verdict]


def _number(value: float | None, form: str = ".4f") -> str:
    return "–" if value is None else format(value, form)
