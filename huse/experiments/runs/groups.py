"""Compares runs: groups those that differ only in seeds, lists other differences, and says which is better.

A run is an experiment, a commit, or the working tree, with parameters, metrics and tables of items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from huse.errors import InputError
from huse.evaluation.intervals import BASELINES, REGRESSION, Interval, Run, of_both, paired_intervals, run_means
from huse.evaluation.results import MODALITIES
from huse.nesting import flatten

SEEDS = ("seed", "train.seed")
ABSENT = "–"  # for a missing parameter


@dataclass(frozen=True)
class Recorded:
    """A recorded run.

    Attributes:
        name: of the experiment or revision.
        params: by dotted name.
        metrics: of one split, by their path in the metrics file.
        split: fingerprint of the measured products.
        items: its tables of items and queries; None if not available.
        label: of its group; empty: made from the parameters that differ.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    split: str
    items: Run | None
    label: str = ""


@dataclass(frozen=True)
class Group:
    """Runs that differ only in seeds.

    Attributes:
        runs: at least one.
        differing: this group's values of the parameters in which the groups differ.
        baseline: whether the others are compared with it.
        intervals: by metric, how much better than the baseline it is; empty if they cannot be compared item by item.
        obstacle: why not; empty if they can.
    """

    runs: Sequence[Recorded]
    differing: Mapping[str, Any]
    baseline: bool = False
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    obstacle: str = ""

    @property
    def label(self) -> str:
        """The group's label, else what differs by the last part of each name, else its one run, or "all"."""
        return (
            self.runs[0].label
            or ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in self.differing.items())
            or (self.runs[0].name if len(self.runs) == 1 else "all")
        )

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric over the runs that have it."""
        return [run.metrics[metric] for run in self.runs if metric in run.metrics]

    def mean(self, metric: str) -> float:
        """Return the mean over the runs that have the metric, or NaN."""
        values = self.values(metric)
        return float(np.mean(values)) if values else float("nan")

    def deviation(self, metric: str) -> float:
        """Return the standard deviation over the runs (n - 1); 0 for a single one."""
        values = self.values(metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def numbers(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a metrics file's content, by path."""
    return {path: value for path, value in flatten(content) if isinstance(value, int | float)}


def group_runs(runs: Sequence[Recorded]) -> list[Group]:
    """Group the runs of one label that differ only in seeds, in the order of their first runs.

    Of identical runs only the first counts: a copy is no further evidence.

    Raises:
        InputError: two runs have the same parameters and seeds, but different metrics.
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


def baseline_groups(groups: Sequence[Group]) -> list[Group]:
    """Return the baselines that the runs' tables have, each once: runs on the same vectors have the same."""
    found: dict[tuple[Any, ...], Group] = {}
    for run in (run for group in groups for run in group.runs):
        for prefix, tables in ({} if run.items is None else run.items.baselines).items():
            one = baseline_group(prefix, tables, run, groups)
            found.setdefault((run.split, prefix, *one.runs[0].metrics.items()), one)
    named = {name: [one for one in found.values() if one.label == name] for name in BASELINES.values()}
    return [
        one if len(those) == 1 else replace(one, runs=[replace(one.runs[0], label=f"{name} {place}")])
        for name, those in named.items()
        for place, one in enumerate(those, start=1)
    ]


def baseline_group(prefix: str, tables: Run, beside: Recorded, groups: Sequence[Group]) -> Group:
    """Return the group of a baseline.

    Its metrics are accuracies and retrieval: by class probabilities, of zero-shot by the pair's own vectors. What a
    baseline of pictures alone has of both is left out, beside runs with names.

    Args:
        prefix: a key of `BASELINES`.
        tables: of its items and queries.
        beside: a run on the same products.
        groups: what it stands beside.
    """
    metrics = run_means(tables)
    if any(f"retrieval.{name}_to_{name}.map" in beside.metrics.keys() - metrics.keys() for name in MODALITIES):
        metrics = {path: value for path, value in metrics.items() if not of_both(path)}
    if prefix == REGRESSION:
        own = {path: value for path, value in metrics.items() if path.startswith("retrieval.")}
        metrics |= {path.replace("retrieval.", "retrieval_by_probabilities.", 1): value for path, value in own.items()}
    name = BASELINES[prefix]
    return Group([Recorded(name, {}, metrics, beside.split, tables, name)], dict.fromkeys(groups[0].differing, ABSENT))


def difference(group: Group, baseline: Group, *, seed: int) -> Group:
    """Return a group with its intervals: compared with the baseline item by item, each the mean over the seeds.

    Args:
        group: to judge.
        baseline: to compare with.
        seed: of the bootstrap.
    """
    runs = [*group.runs, *baseline.runs]
    if len({run.split for run in runs}) > 1:
        return replace(group, obstacle="measured on other products: the runs differ in catalogue, split or `seed`")
    without = [run.name for run in runs if run.items is None]
    if without:
        missing = f"the tables of {', '.join(without)} are not at hand: dvc fetch, or run it again"
        return replace(group, obstacle=missing)
    tables = [[run.items for run in of.runs if run.items is not None] for of in (group, baseline)]
    return replace(group, intervals=paired_intervals(*tables, seed=seed))


def differences(groups: Sequence[Group], baseline: Group, *, seed: int) -> list[Group]:
    """Return all groups with their intervals, and the baseline marked. Arguments as in `difference`."""
    return [
        replace(group, baseline=True) if group is baseline else difference(group, baseline, seed=seed)
        for group in groups
    ]
