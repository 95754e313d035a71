"""Runs beside each other: which differ in the seed alone, in what the others differ, and by how much one is better.

A run is an experiment, a commit, or the working tree: its parameters, its metrics, and what it did to every item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huse.errors import InputError
from huse.evaluation.intervals import Interval, Run, paired_intervals
from huse.nesting import flatten

SEEDS = ("seed", "train.seed")
ABSENT = "–"  # of a parameter that a run does not have


@dataclass(frozen=True)
class Recorded:
    """A run as it was recorded.

    Attributes:
        name: of the experiment or revision.
        params: by dotted name.
        metrics: of one split, by their path in the metrics file.
        split: fingerprint of the products that were measured.
        items: what it did to each of them; None where that is not at hand.
        label: of its group; empty: the parameters that differ.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    split: str
    items: Run | None
    label: str = ""


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but seeds.

    Attributes:
        runs: at least one.
        differing: the parameters in which the groups differ, and this one's values.
    """

    runs: Sequence[Recorded]
    differing: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What tells this group from the others: its own label, or the last part of each parameter's name."""
        return (
            self.runs[0].label
            or ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in self.differing.items())
            or "all"
        )

    def values(self, metric: str) -> list[float]:
        """Return a metric of every run that has it."""
        return [run.metrics[metric] for run in self.runs if metric in run.metrics]

    def mean(self, metric: str) -> float:
        """Return the mean over the runs that have the metric; NaN where none has."""
        values = self.values(metric)
        return float(np.mean(values)) if values else float("nan")

    def deviation(self, metric: str) -> float:
        """Return the standard deviation over the runs (n - 1); 0 for a single one."""
        values = self.values(metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Difference:
    """By how much a group is better than the baseline.

    Attributes:
        intervals: by metric; empty where the runs cannot be compared item by item.
        obstacle: why they cannot; empty where they can.
    """

    intervals: Mapping[str, Interval]
    obstacle: str = ""


def numbers(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of the content of a metrics file, by their path."""
    return {path: value for path, value in flatten(content) if isinstance(value, int | float)}


def group_runs(runs: Sequence[Recorded]) -> list[Group]:
    """Put runs of one label that differ in seeds alone into one group.

    Args:
        runs: at least one.

    Returns:
        Groups in the order of their first runs. Of runs that are the same, the first alone: another copy is no more
        evidence.

    Raises:
        InputError: two runs have the same parameters and seeds, and other metrics.
    """
    members: dict[tuple[Any, ...], dict[tuple[Any, ...], Recorded]] = {}
    for run in runs:
        key = (run.label, *sorted((name, repr(value)) for name, value in run.params.items() if name not in SEEDS))
        seeds = tuple(run.params.get(name) for name in SEEDS)
        same = members.setdefault(key, {}).setdefault(seeds, run)
        if (same.metrics, same.split) != (run.metrics, run.split):
            raise InputError(
                f"{run.name} and {same.name}: found other metrics with the same parameters and seeds, so their code or "
                "data differ. Leave one out, or run it again."
            )
    groups = [list(those.values()) for those in members.values()]
    firsts = [those[0].params for those in groups]
    names = dict.fromkeys(name for params in firsts for name in params if name not in SEEDS)
    differing = [name for name in names if len({repr(params.get(name, ABSENT)) for params in firsts}) > 1]
    return [Group(those, {name: those[0].params.get(name, ABSENT) for name in differing}) for those in groups]


def difference(group: Group, baseline: Group, *, seed: int) -> Difference:
    """Compare a group with the baseline, on the same items, each item's metric the mean over the seeds.

    Args:
        group: the one that may be better.
        baseline: the other.
        seed: of the bootstrap.
    """
    runs = [*group.runs, *baseline.runs]
    if len({run.split for run in runs}) > 1:
        return Difference({}, "measured on other products: the runs differ in catalogue, split or `seed`")
    without = [run.name for run in runs if run.items is None]
    if without:
        return Difference({}, f"the tables of {', '.join(without)} are not at hand: dvc fetch, or run it again")
    tables = [[run.items for run in of.runs if run.items is not None] for of in (group, baseline)]
    return Difference(paired_intervals(*tables, seed=seed))


def differences(groups: Sequence[Group], baseline: Group, *, seed: int) -> list[Difference | None]:
    """Compare every group with the baseline; None of the baseline itself. Arguments as of `difference`."""
    return [None if group is baseline else difference(group, baseline, seed=seed) for group in groups]
