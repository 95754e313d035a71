"""Tables of comparisons; apart from `benchmarks.harness`, so that no measured process holds what prints them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from benchmarks.harness import Measured

Check = Callable[[npt.NDArray[Any], npt.NDArray[Any]], None]


def new_table(title: str, unit: str) -> Table:
    """Return a table without lines; `unit` heads the times of both sides."""
    table = Table(title=title)
    table.add_column("work")
    table.add_column("beside")
    for column in (unit, "beside", "ratio", "MB / beside"):
        table.add_column(column, justify="right")
    return table


def add(
    table: Table,
    names: tuple[str, str],
    sides: Iterable[Measured],
    check: Check | None = None,
    *,
    own: float = 1,
    other: float = 1,
    show: Callable[[float], str] = "{:,.2f}".format,
    note: str = "",
) -> None:
    """Add a line; where the other side did only the first rows of the work, its seconds are scaled up.

    Args:
        table: of `new_table`.
        names: what is done, and how the other side does it.
        sides: the package's and the other one.
        check: raises an error if the results differ.
        own: what our seconds are multiplied by.
        other: what the other side's are, too.
        show: writes the seconds.
        note: follows the memory.
    """
    (work, beside), (ours, theirs) = names, sides
    done = len(theirs.result)
    if check is not None:
        check(ours.result[:done], theirs.result)
    part = len(ours.result) / done
    mine, its = ours.seconds * own, theirs.seconds * other * part
    shown = beside if part == 1 else f"{beside}; {done:,}, scaled"
    memory = f"{ours.megabytes:,.0f} / {theirs.megabytes:,.0f}{note}"
    table.add_row(work, shown, show(mine), show(its), f"{its / mine:,.2f} ×", memory)


def near(relative: float, absolute: float) -> Check:
    """Return a check that numbers differ by no more."""
    return partial(np.testing.assert_allclose, rtol=relative, atol=absolute)
