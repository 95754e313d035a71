"""95 % intervals by a bootstrap over groups of items, of metrics and of differences between two runs.

Items of a group, the pictures of a product, are not independent, so they are drawn together. All metrics share one draw
of weights, so a mean over directions, or a difference of runs, is resampled consistently.

Letters: N items, G groups, F metrics, S draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from huse.errors import InputError
from huse.evaluation.chance import KS
from huse.evaluation.classification import Doubles, Integers
from huse.evaluation.hierarchy import HP_KS
from huse.evaluation.results import DIRECTIONS

RESAMPLES = 2000
LEVEL = 0.95
TAILS = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)  # percent
# Begins the columns of a run's tables that are of a baseline: what that is called.
BASELINES = {"baseline_": "logistic regression", "correlation_": "CCA", "zero_shot_": "zero-shot"}
REGRESSION, CORRELATION, ZERO_SHOT = BASELINES
# Metrics of a query beside its first rank: column of data/evaluation/queries.parquet, and name in the metrics file.
QUERY_COLUMNS = {"average_precision": "map", "ahp": "ahp", **{f"hp_at_{k}": f"hp_at_{k}" for k in HP_KS}}
# Metrics that `item_metrics` keeps.
KEPT = ("accuracy", "recall_at_1", "map", "ahp", "hp_at_2")
KEYS = ("row", "group")
DIGITS = 4
BATCH = 100  # draws at a time; memory is BATCH × G × 16 bytes


@dataclass(frozen=True)
class Interval:
    """A mean with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Run:
    """The tables that a run writes for the items of a split.

    Attributes:
        items: data/evaluation/items.parquet, or validation_items.parquet.
        queries: data/evaluation/queries.parquet, or validation_queries.parquet.
    """

    items: pd.DataFrame
    queries: pd.DataFrame

    @property
    def baselines(self) -> "dict[str, Run]":
        """The tables of its baselines by prefix: for ``correct_text`` of one there is ``baseline_correct_text``."""
        keys = {"row", "group", "query", "found"}

        def of(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
            kept = table[[name for name in table.columns if name in keys or name.startswith(prefix)]]
            return kept.rename(columns=lambda name: name.removeprefix(prefix))

        there = [prefix for prefix in BASELINES if f"{prefix}first_rank" in self.queries.columns]
        return {prefix: Run(of(self.items, prefix), of(self.queries, prefix)) for prefix in there}


def mean_intervals(
    values: Mapping[str, Doubles], groups: Integers, *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return the mean of each metric with its percentile interval.

    A draw without any item of a metric does not count for that metric.

    Args:
        values: by path of the metric N values, NaN where an item does not take part; metrics without values are left
            out.
        groups: N group numbers.
        seed: of the draws.
        resamples: S.

    Returns:
        By path. For paths with a direction, such as ``retrieval.image_to_text.map``, also ``retrieval.mean.map``, the
        mean over the directions present.
    """
    means = _resampled_means(
        {path: of for path, of in values.items() if np.isfinite(of).any()}, groups, seed, resamples
    )
    directions: dict[str, list[Doubles]] = {}
    for path, drawn in means.items():
        section, _, rest = path.partition(".")
        direction, _, name = rest.partition(".")
        if direction in DIRECTIONS:
            directions.setdefault(f"{section}.mean.{name}", []).append(drawn)
    found = {}
    for path, drawn in (means | {path: np.mean(those, axis=0) for path, those in directions.items()}).items():
        low, high = np.nanpercentile(drawn, TAILS)
        found[path] = Interval(float(drawn[0]), float(low), float(high))
    return found


def interval_ends(
    values: Mapping[str, Doubles], groups: Integers, *, seed: int, resamples: int
) -> dict[str, dict[str, float]]:
    """Return ``low`` and ``high`` of `mean_intervals` by path, as a metrics file has them.

    Empty where all items are of one group.
    """
    if len(np.unique(groups)) < 2:
        return {}
    intervals = mean_intervals(values, groups, seed=seed, resamples=resamples)
    return {path: {"low": interval.low, "high": interval.high} for path, interval in intervals.items()}


def paired_intervals(
    one: Sequence[Run], other: Sequence[Run], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return by how much the first runs are better, metric by metric, on the same items.

    What is of pictures and names together is left out where one side has no names, or no pictures.
    With several runs, such as one a seed, an item's metric is the mean over them. Items of a product are drawn
    together.

    Args:
        one: the runs to judge.
        other: the runs to compare with.
        seed: of the draws.
        resamples: S.

    Returns:
        By the path of the metric in metrics/evaluate.json.

    Raises:
        InputError: the runs differ in their items, or in the order of these.
    """
    first = one[0]
    for run in (*one, *other):
        for name, keys in (("items", ["row", "group"]), ("queries", ["row", "query", "found"])):
            here, there = (getattr(of, name)[keys].reset_index(drop=True) for of in (first, run))
            if not here.equals(there):
                raise InputError(
                    f"data/evaluation/{name}.parquet: expected the same items in all runs, found {len(here)} and "
                    f"{len(there)} rows that differ. Compare runs on one catalogue and split."
                )
    values, others = ([_run_values(run) for run in runs] for runs in (one, other))
    gained = {
        path: np.mean([of[path] for of in values], axis=0) - np.mean([of[path] for of in others], axis=0)
        for path in values[0]
        if all(path in of for of in (*values, *others))
    }
    found = mean_intervals(gained, first.items["group"].to_numpy(np.int64), seed=seed, resamples=resamples)
    if any(np.isfinite(own[path]).any() for own in (*values, *others) for path in gained.keys() - found.keys()):
        return {path: one for path, one in found.items() if not of_both(path)}
    return found


def of_both(path: str) -> bool:
    """Return whether a metric is of pictures and names together: fused, or a mean over directions."""
    return not {"fusion", "mean"}.isdisjoint(path.split("."))


def item_metrics(run: Run) -> pd.DataFrame:
    """Return a small table of what each item contributes to the headline metrics, for `gains`.

    Returns:
        One row an item: its `KEYS`, and float32 by the path of each metric in metrics/evaluate.json, rounded to
        `DIGITS` digits; null where the item does not take part.
    """
    kept = {path: values for path, values in _run_values(run).items() if path.endswith(KEPT)}
    rounded = {path: np.round(values, DIGITS).astype(np.float32) for path, values in kept.items()}
    return pd.concat([run.items[list(KEYS)].reset_index(drop=True), pd.DataFrame(rounded)], axis=1)


def gains(one: pd.DataFrame, other: pd.DataFrame, *, seed: int, resamples: int = RESAMPLES) -> dict[str, Interval]:
    """Return by how much `item_metrics` of a run are higher than those of another, by path, on the same items.

    Metrics that one side alone has are left out.

    Raises:
        InputError: the two are of other items.
    """
    keys = list(KEYS)
    if not one[keys].equals(other[keys]):
        raise InputError(
            f"expected the same test items on both sides, found {len(one)} and {len(other)} rows that differ. Compare "
            "runs on one catalogue and split."
        )
    gained = {
        path: one[path].to_numpy(np.float64) - other[path].to_numpy(np.float64)
        for path in one.columns.intersection(other.columns, sort=False)
        if path not in KEYS
    }
    return mean_intervals(gained, one["group"].to_numpy(np.int64), seed=seed, resamples=resamples)


def run_means(run: Run) -> dict[str, float]:
    """Return the metrics that a run's tables have, by path, and their means over the directions."""
    groups = run.items["group"].to_numpy(np.int64)
    return {path: one.mean for path, one in mean_intervals(_run_values(run), groups, seed=0, resamples=0).items()}


def _run_values(run: Run) -> dict[str, Doubles]:
    """Return the value of each metric for each item, NaN where it was dropped."""
    values = {
        f"classification.{column.removeprefix('correct_')}.accuracy": run.items[column].to_numpy(np.float64)
        for column in run.items.columns
        if column.startswith("correct_")
    }
    for (query, found), those in run.queries.groupby(["query", "found"], sort=True):
        table = those.set_index("row").reindex(run.items["row"])  # an item without a picture, or a name, is no query
        direction = f"retrieval.{query}_to_{found}"
        first = table["first_rank"].to_numpy(np.float64, na_value=np.nan)
        for k in KS:
            values[f"{direction}.recall_at_{k}"] = np.where(np.isfinite(first), first <= k, np.nan)
        for column, name in QUERY_COLUMNS.items():
            values[f"{direction}.{name}"] = table[column].to_numpy(np.float64)
    return values


def _resampled_means(values: Mapping[str, Doubles], groups: Integers, seed: int, resamples: int) -> dict[str, Doubles]:
    """Return for each metric 1 + S means: that of all items, then those of the draws."""
    _, numbers = np.unique(groups, return_inverse=True)
    count = int(numbers.max()) + 1
    # A mean over drawn groups is a sum divided by a count; both are G × F here.
    sums = np.stack([np.bincount(numbers, np.nan_to_num(of), minlength=count) for of in values.values()], axis=1)
    items = np.stack([np.bincount(numbers, np.isfinite(of), minlength=count) for of in values.values()], axis=1)
    random = np.random.default_rng(seed)
    parts = [sums.sum(axis=0, keepdims=True) / items.sum(axis=0, keepdims=True)]
    for start in range(0, resamples, BATCH):
        size = min(BATCH, resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        with np.errstate(invalid="ignore"):
            parts.append((weights @ sums) / (weights @ items))
    means = np.concatenate(parts)
    return {path: means[:, number] for number, path in enumerate(values)}
