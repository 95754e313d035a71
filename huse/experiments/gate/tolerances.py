"""Tolerances from measurements: the deviation of metrics over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from huse.errors import InputError
from huse.experiments.gate.rules import Rule
from huse.experiments.gate.verdicts import ITEMS, MEANS, SPLIT, Metrics, flat, is_number
from huse.nesting import flatten

LEAST_RUNS = 3
TRAINING_SEED = "train.seed"
MOST = 0.015  # of a mean over test items
DIGITS = 5


def measured_tolerances(
    rules: Sequence[Rule], metrics: Mapping[str, Metrics], params: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, tuple[float, float]], int]:
    """Return each metric's tolerance: of a mean over test items two deviations over seeds, at most `MOST`; else four.

    Two deviations: of two runs that differ only in the seed, one is that much worse in one of 13 pairs, since their
    difference has √2 deviations. Means over test items need no more, as the gate compares them item by item.

    Args:
        rules: of the metrics.
        metrics: content of the metrics files, by run and file name.
        params: content of params.yaml, by run.

    Returns:
        By metric its tolerance and standard deviation (n - 1), in the metric's own unit; and the number of test items.

    Raises:
        InputError: fewer than `LEAST_RUNS` runs, or runs that do not differ in exactly the seed of training.
    """
    flattened = {name: flat(content) for name, content in metrics.items()}
    _check(flattened, {name: dict(flatten(content)) for name, content in params.items()})
    first = next(iter(flattened.values()))
    items = int(first[ITEMS])
    found = {}
    for rule in rules:
        values = [of.get(rule.metric) for of in flattened.values()]
        numbers = [value for value in values if is_number(value)]
        if len(numbers) < len(values):
            raise InputError(f"{rule.metric}: expected a number in every run, found {', '.join(map(str, values))}.")
        deviation = float(np.std(numbers, ddof=1))
        tolerance = min(2 * deviation, MOST) if rule.metric.startswith(MEANS) else 4 * deviation
        found[rule.metric] = round(tolerance, DIGITS), round(deviation, DIGITS)
    return found, items


def _check(metrics: Mapping[str, Mapping[str, Any]], params: Mapping[str, Mapping[str, Any]]) -> None:
    if len(metrics) < LEAST_RUNS:
        raise InputError(
            f"tolerances: expected at least {LEAST_RUNS} runs that differ in {TRAINING_SEED}, found {len(metrics)}. "
            f"Make more: dvc exp run --set-param {TRAINING_SEED}=1"
        )
    first = next(iter(params))
    for name, values in params.items():
        different = sorted(key for key in {*values, *params[first]} if values.get(key) != params[first].get(key))
        if different not in ([], [TRAINING_SEED]):
            others = ", ".join(key for key in different if key != TRAINING_SEED)
            raise InputError(f"tolerances: {name} and {first} differ in {others}, not in {TRAINING_SEED} alone.")
    seeds = [values.get(TRAINING_SEED) for values in params.values()]
    if len(set(seeds)) < len(seeds):
        raise InputError(
            f"tolerances: expected another {TRAINING_SEED} in every run, found {', '.join(map(str, seeds))}."
        )
    for key in (SPLIT, ITEMS):
        values = {name: of.get(key) for name, of in metrics.items()}
        if len(set(values.values())) > 1 or None in values.values():
            shown = ", ".join(f"{value} in {name}" for name, value in values.items())
            raise InputError(f"tolerances: expected the same {key} in every run, found {shown}.")
