"""Progress of long work: a bar on a terminal, elsewhere a line from time to time."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Generic, Never, Self, TypeVar, overload

from tqdm import tqdm

Item = TypeVar("Item")

LINE_INTERVAL = 10.0  # seconds between two lines; shorter work prints none
BAR_DELAY = 0.5  # seconds before a bar appears


class Progress(Generic[Item]):
    """Counts units of work; made by `progress`. Everything goes to standard error."""

    def __init__(self, iterable: Iterable[Item], total: int | None, done: int, description: str, unit: str) -> None:
        self._iterable = iterable
        self._total = total
        self._description = description
        self._unit = unit
        self._bar: tqdm[Never] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=description,
                unit=f" {unit}s",
                file=sys.stderr,
                delay=BAR_DELAY,
                dynamic_ncols=True,
            )
        self._done = self._done_before = done
        self._postfix = ""
        self._printed = (done, "")  # what the last line said
        self._start = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None and self._last_line > self._start and self._printed != (self._done, self._postfix):
            self._print_line(time.monotonic())

    def __iter__(self) -> Iterator[Item]:
        with self:
            for item in self._iterable:
                yield item
                self.update()

    def update(self, n: int = 1) -> None:
        """Count `n` more units as done."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_INTERVAL:
            self._print_line(now)

    def describe(self, description: str) -> None:
        """Say from now on that something else is being done."""
        self._description = description
        if self._bar is not None:
            self._bar.set_description(description, refresh=False)

    def set_postfix(self, **values: float | str) -> None:
        """Show values, such as the loss, behind the counts from the next refresh on."""
        shown = (f"{key} {value if isinstance(value, str) else f'{value:.4g}'}" for key, value in values.items())
        self._postfix = ", ".join(shown)
        if self._bar is not None:
            self._bar.set_postfix_str(self._postfix, refresh=False)

    def _print_line(self, now: float) -> None:
        elapsed = now - self._start
        rate = (self._done - self._done_before) / elapsed if elapsed > 0 else 0.0
        units = self._unit + "s"
        parts = [f"{self._done:,}{'' if self._total is None else f' of {self._total:,}'} {units}"]
        parts.append(f"{rate:.3g} {units}/s" if rate < 1000 else f"{rate:,.0f} {units}/s")
        if self._total is not None and rate > 0 and self._done < self._total:
            parts.append(f"{tqdm.format_interval((self._total - self._done) / rate)} left")
        else:
            parts.append(f"{tqdm.format_interval(elapsed)} so far")
        if self._postfix:
            parts.append(self._postfix)
        print(f"{self._description}: {', '.join(parts)}", file=sys.stderr, flush=True)
        self._last_line, self._printed = now, (self._done, self._postfix)


@overload
def progress(
    iterable: Iterable[Item], *, total: int | None = None, done: int = 0, description: str, unit: str
) -> Progress[Item]: ...
@overload
def progress(
    iterable: None = None, *, total: int | None = None, done: int = 0, description: str, unit: str
) -> Progress[None]: ...
def progress(
    iterable: Iterable[Item] | None = None, *, total: int | None = None, done: int = 0, description: str, unit: str
) -> Progress[Item] | Progress[None]:
    """Show the progress of long work, its rate and the time left.

    On a terminal a bar; elsewhere about one line every `LINE_INTERVAL` seconds; nothing for short work.
    Iterate over the result, or use it as a context and call `update`::

        for path in progress(paths, description="read", unit="picture"):
        with progress(total=steps, description="train", unit="step") as bar:
            bar.update()
            bar.set_postfix(loss=0.3)

    Args:
        iterable: what to iterate over; None: the caller counts with `update`.
        total: units in all; None: the length of `iterable` if it has one.
        done: units done by an earlier run.
        description: what is being done.
        unit: what is counted, in the singular; an s is added.
    """
    if iterable is None:
        return Progress[None]((), total, done, description, unit)
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    return Progress(iterable, total, done, description, unit)
