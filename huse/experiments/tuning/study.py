"""Tuning as a study of Optuna, which stores the trials.

Values are proposed by the tree-structured Parzen estimator (Bergstra et al. 2011). The storage is SQLite: it survives a
kill at any moment, and writers wait for each other. In Optuna's journal storage, a kill may leave half a line, and the
next record is appended to it, so both are lost.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from huse.errors import InputError
from huse.experiments.tuning.space import Choices, Numbers, Scalar, Space

FAILURES = 3  # failed trials in a row that stop the tuning
DIGITS = 4  # significant digits of a proposed number, so that it can be read and typed
BEGUN_FROM, EXPERIMENT, REASON = "begun_from", "experiment", "reason"  # user attributes of the study and of its trials

Run = Callable[[str, Mapping[str, Scalar]], float]


class RunFailed(Exception):  # noqa: N818  it is the outcome of a trial, or of all
    """A run failed; the message says why."""


@dataclass(frozen=True)
class Trial:
    """A set of values and its result.

    Attributes:
        experiment: its name, or that of an earlier trial with the same values.
        values: by parameter.
        metric: the mean of the tuned metrics; None if the run failed.
        reason: why it failed.
    """

    experiment: str
    values: Mapping[str, Scalar]
    metric: float | None
    reason: str = ""


class Tuning:
    """A study and its space."""

    def __init__(self, space: Space, path: Path, present: Trial, begun_from: str) -> None:
        """Open or create a study.

        Args:
            space: what is tuned.
            path: of the study's database.
            present: the current values; tried first if the ranges allow them.
            begun_from: fingerprint of all that the trials share.

        Raises:
            InputError: Optuna is not installed; or the study is damaged or has another fingerprint.
        """
        try:
            import optuna  # noqa: PLC0415  of the extra `tune` alone
            from sqlalchemy.engine import URL  # noqa: PLC0415  comes with Optuna
            from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  the same
        except ImportError as error:
            raise InputError("optuna: not installed. Install it: pip install 'optuna>=5,<6'.") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._present, self._sampler = space, present, optuna.samplers.TPESampler
        self._states = optuna.trial.TrialState
        self._domains = {name: _distribution(domain) for name, domain in space.parameters.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._study = optuna.create_study(
                storage=URL.create("sqlite", database=str(path)).render_as_string(),  # a path may have `?`
                study_name="tuning",
                direction="maximize" if space.better == "higher" else "minimize",
                load_if_exists=True,
            )
            if self._study.user_attrs.get(BEGUN_FROM, begun_from) != begun_from:
                raise InputError(
                    f"{path}: this tuning was begun with other ranges, parameters, code or data, so its trials cannot "
                    "be told apart from new ones. Go back to those, or give the tuning another --name."
                )
            self._study.set_user_attr(BEGUN_FROM, begun_from)
            if not self._study.trials:
                with suppress(ValueError):  # outside the ranges
                    about: Any = {"params": dict(present.values), "value": present.metric}
                    self._study.add_trial(optuna.trial.create_trial(**about, distributions=self._domains))
            # A trial that was running when the process was killed does not count, and is proposed again.
            for left in self._study.get_trials(states=(self._states.RUNNING,)):
                self._study.tell(left.number, state=self._states.FAIL)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError) as error:
            raise InputError(
                f"{path}: expected a study of Optuna ({str(error).splitlines()[0]}). Delete it; experiments that are "
                "there are read."
            ) from error

    @property
    def trials(self) -> list[Trial]:
        """The ended trials, in order."""
        return [
            Trial(about[EXPERIMENT], self._values(trial.params), trial.value, about.get(REASON, ""))
            for trial in self._study.trials
            if EXPERIMENT in (about := trial.user_attrs) and (trial.value is not None or REASON in about)
        ]

    def run(self, run: Run, *, count: int, name: str) -> Iterator[Trial]:
        """Yield the ended trials, then run new ones until there are `count`.

        Args:
            run: runs an experiment with changed parameters and returns the metric.
            count: of trials in all.
            name: of the tuning; its experiments are ``name-0001`` and so on.

        Raises:
            RunFailed: several trials in a row failed, or all that were run.
        """
        ended = self.trials
        for number in range(count):
            if number == len(ended):
                ended.append(self._try(f"{name}-{number + 1:04d}", ended, run))
            yield ended[number]
            so_far = ended[: number + 1]
            failed = [trial for trial in so_far if trial.metric is None]
            last = [trial for trial in so_far[-FAILURES:] if trial.metric is None]
            ran = [trial for trial in so_far if trial.experiment != self._present.experiment]
            if number + 1 == count and failed == ran != []:
                raise RunFailed(f"all {len(ran)} trials failed; the first of them: {ran[0].reason}")
            if len(last) == FAILURES:
                raise RunFailed(f"the last {FAILURES} trials failed; the first of them: {last[0].reason}")

    def _try(self, experiment: str, ended: Sequence[Trial], run: Run) -> Trial:
        # Each trial has its own random stream, so proposals depend only on the ended trials.
        seed = int(np.random.SeedSequence((self._space.seed, len(ended))).generate_state(1)[0])
        self._study.sampler = self._sampler(seed=seed)
        asked = self._study.ask(self._domains)
        values = self._values(asked.params)
        known = (trial for trial in (self._present, *ended) if trial.values == values and trial.metric is not None)
        try:
            trial = next(known, None) or Trial(experiment, values, run(experiment, values))
        except RunFailed as failure:
            trial = Trial(experiment, values, None, str(failure))
            asked.set_user_attr(REASON, trial.reason)
        asked.set_user_attr(EXPERIMENT, trial.experiment)
        self._study.tell(asked, trial.metric, self._states.FAIL if trial.metric is None else None)
        return trial

    def _values(self, proposed: Mapping[str, Any]) -> dict[str, Scalar]:
        """Return the values of a trial as parameters."""
        return {name: _rounded(proposed[name], domain) for name, domain in self._space.parameters.items()}


def _distribution(domain: Choices | Numbers) -> Any:
    from optuna import distributions  # noqa: PLC0415  of the extra `tune` alone

    if isinstance(domain, Choices):
        return distributions.CategoricalDistribution(domain.choices)
    if domain.whole:
        step = int(domain.step or 1)
        return distributions.IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=step)
    return distributions.FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _rounded(value: Scalar, domain: Choices | Numbers) -> Scalar:
    if isinstance(domain, Choices) or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), domain.low), domain.high)


def best_first(trials: Sequence[Trial], space: Space) -> list[tuple[float, Trial]]:
    """Return metric and trial of the ended trials, each experiment once, best first, ties by age."""
    ended = {trial.experiment: (trial.metric, trial) for trial in trials if trial.metric is not None}
    return sorted(ended.values(), key=lambda pair: pair[0], reverse=space.better == "higher")


def mean_metric(metrics: Mapping[str, Any], space: Space, *, where: str) -> float:
    """Return the mean of the tuned metrics.

    Args:
        metrics: by name, as `huse.nesting.flatten` gives them.
        space: what is tuned.
        where: file and run, for the message.

    Raises:
        InputError: a metric is missing or not a number.
    """
    found = []
    for name in space.metrics:
        value = metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            near = ", ".join(difflib.get_close_matches(name, metrics, n=5, cutoff=0))
            raise InputError(f"{where}: expected a number {name}, found {value!r}. There are {near}.")
        found.append(value)
    return sum(found) / len(found)
