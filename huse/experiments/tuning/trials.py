"""Trials of a search, and the file that keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.experiments.tuning.space import Scalar, Space
from huse.run.artifacts import Outputs, read_json


@dataclass(frozen=True)
class Trial:
    """One set of values, and what came of it.

    Attributes:
        experiment: its name; that of an earlier trial where the values were the same.
        values: by parameter.
        figure: the mean of the figures searched for; None where the run failed.
        reason: why it failed.
    """

    experiment: str
    values: Mapping[str, Scalar]
    figure: float | None
    reason: str = ""


class Record:
    """The trials of one search so far, in a file that is whole at any moment."""

    def __init__(self, path: Path, begun_from: str) -> None:
        """Read what is there.

        Args:
            path: of the JSON file.
            begun_from: fingerprint of all that trials have in common.

        Raises:
            InputError: the file is damaged, or of a search that was begun from something else.
        """
        self._path, self._begun_from = path, begun_from
        self.trials: list[Trial] = []
        if not path.exists():
            return
        content = read_json(path, ("begun_from", "trials"))
        if content["begun_from"] != begun_from:
            raise InputError(
                f"{path}: this search was begun with other ranges, parameters, code or data, so its trials cannot be "
                "told apart from new ones. Go back to those, or give the search another --name."
            )
        try:
            self.trials = [Trial(**trial) for trial in content["trials"]]
        except TypeError as error:
            raise InputError(
                f"{path}: expected trials ({error}). Delete it; experiments that are there are read."
            ) from error

    def add(self, trial: Trial) -> None:
        """Keep one more trial."""
        self.trials.append(trial)
        with Outputs() as outputs:
            outputs.json(self._path, {"begun_from": self._begun_from, "trials": [asdict(each) for each in self.trials]})


def best_first(trials: Sequence[Trial], space: Space) -> list[tuple[float, Trial]]:
    """Return figure and trial of those that ended, each experiment once, the best first; of equals the earlier."""
    ended = {trial.experiment: (trial.figure, trial) for trial in trials if trial.figure is not None}
    return sorted(ended.values(), key=lambda pair: pair[0], reverse=space.better == "higher")


def mean_figure(metrics: Mapping[str, Any], space: Space, *, where: str) -> float:
    """Return the mean of the figures that are searched for.

    Args:
        metrics: by name, as `huse.nesting.flatten` gives them.
        space: what is searched.
        where: file and run, for the message.

    Raises:
        InputError: a figure is missing, or no number.
    """
    found = []
    for name in space.figures:
        value = metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{where}: expected a number {name}, found {value!r}. There are {_near(metrics, name)}.")
        found.append(value)
    return sum(found) / len(found)


def _near(metrics: Mapping[str, Any], name: str) -> str:
    """Return the names that share the last word with a name, or some."""
    last = name.rpartition(".")[2]
    return ", ".join([other for other in metrics if other.endswith(last)][:5] or list(metrics)[:5])
