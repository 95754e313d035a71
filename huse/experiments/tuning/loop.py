"""The search itself: propose values, run them, keep what came of them."""

from collections.abc import Callable, Iterator, Mapping

from huse.errors import InputError
from huse.experiments.tuning.proposals import propose
from huse.experiments.tuning.space import Scalar, Space
from huse.experiments.tuning.trials import Record, Trial

FAILURES = 3  # failed trials in a row after which something else must be wrong

Run = Callable[[str, Mapping[str, Scalar]], float]


class RunFailed(Exception):  # noqa: N818  it is a trial's outcome, no error of the search
    """A run ended with an error; its message says which."""


def search(space: Space, record: Record, present: Trial, run: Run, *, count: int, name: str) -> Iterator[Trial]:
    """Yield trials until there are `count`, those that are recorded first.

    Args:
        space: what is searched.
        record: of the trials so far; every new one is added as soon as it ended.
        present: the values that the search starts from.
        run: runs an experiment with changed parameters, and returns the figure searched for.
        count: of trials in all.
        name: of the search; its experiments are ``name-0001`` and so on.

    Raises:
        InputError: several trials failed one after the other.
    """
    for number in range(count):
        if number == len(record.trials):
            values = propose(space, record.trials, present)
            record.add(_try(f"{name}-{number + 1:04d}", values, [present, *record.trials], run))
        yield record.trials[number]
        last = record.trials[max(0, number + 1 - FAILURES) : number + 1]
        if len(last) == FAILURES and all(trial.figure is None for trial in last):
            raise InputError(f"the last {FAILURES} trials failed; the last one: {last[-1].reason}")


def _try(experiment: str, values: Mapping[str, Scalar], known: list[Trial], run: Run) -> Trial:
    same = next((trial for trial in known if trial.values == values and trial.figure is not None), None)
    if same is not None:
        return same
    try:
        return Trial(experiment, values, run(experiment, values))
    except RunFailed as failure:
        return Trial(experiment, values, None, str(failure))
