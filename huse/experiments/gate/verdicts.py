"""Compares the metrics of a run with those of a base, rule by rule. What cannot be compared fails."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeGuard

from huse.evaluation.intervals import Interval
from huse.experiments.gate.rules import Rule
from huse.nesting import flatten

ROUNDING = 1e-12  # slack for rounding, so that a change of exactly the tolerance passes

EVALUATION = "evaluate"
SPLIT, ITEMS = f"{EVALUATION}.split", f"{EVALUATION}.items"
PRODUCT, PRODUCTS = f"{EVALUATION}.product.", f"{EVALUATION}.product.products"
MEANS = (f"{EVALUATION}.classification.", f"{EVALUATION}.retrieval", PRODUCT)  # begin names of means over items
# Begin names of counts that are written where there are some, and of what is reported the first time only.
IF_ANY = (
    f"{EVALUATION}.new_classes.",
    "word_vectors.most_frequent_missing.",
    "catalogue.with_",
    "catalogue.classes_without_train",
    "catalogue.products_in_several_splits",
)
OF_NONE = {"share": 0, "none": 1}  # beside a metric, and its value where the metric has no item
DROPPED = "dropped_queries"

Metrics = Mapping[str, Mapping[str, Any] | None]  # content by file name; None if the file is missing


class Verdict(StrEnum):
    """The result of a rule."""

    SAME = "ok"
    BETTER = "better"
    WORSE = "worse"
    OUT_OF_BOUNDS = "beyond"
    LOST = "lost"
    NO_METRIC = "no metric"


FAILED = {Verdict.WORSE, Verdict.OUT_OF_BOUNDS, Verdict.LOST}


@dataclass(frozen=True)
class Line:
    """A rule, the base's value, the value to judge, the verdict, and the reason if it does not pass.

    Attributes:
        allowed: how much worse it may be.
        change: of the metric, with its paired interval; None if it was not compared item by item.
        reached: the value here of the metric that the rule's `above` names.
    """

    rule: Rule
    base: float | None
    here: float | None
    verdict: Verdict
    reason: str = ""
    allowed: float = math.nan
    change: Interval | None = None
    reached: float | None = None

    @property
    def least(self) -> float | None:
        """The least allowed value, if there is one: the floor, or what `above` asks for."""
        asked = [] if self.reached is None else [self.reached + self.rule.margin]
        return max([*asked, *([] if self.rule.floor is None else [self.rule.floor])], default=None)


@dataclass(frozen=True)
class Outcome:
    """The outcome of the gate.

    Attributes:
        lines: one a rule.
        obstacles: why the two cannot be compared at all; empty if they can.
        lost: other metrics that are numbers in the base, and not here, each with what it is.
    """

    lines: Sequence[Line]
    obstacles: Sequence[str]
    lost: Sequence[str] = ()

    @property
    def exit_code(self) -> int:
        """0: passed; 1: something is worse or lost; 2: could not compare, which says nothing about better or worse."""
        verdicts = {line.verdict for line in self.lines}
        if not self.obstacles and (self.lost or verdicts & FAILED):
            return 1
        return 2 if self.obstacles or Verdict.NO_METRIC in verdicts else 0


def judge(
    rules: Sequence[Rule],
    base: Metrics,
    here: Metrics,
    changes: Mapping[str, Interval] | None = None,
    *,
    new_baseline: bool = False,
) -> Outcome:
    """Compare the metrics of a run with those of a base.

    Args:
        rules: to check.
        base: content of the base's metrics files.
        here: content of the run's metrics files.
        changes: by path in metrics/evaluate.json by how much metrics are higher here, with paired intervals.
        new_baseline: the change declares a new baseline; nothing is compared with the base, but every metric must be
            present and within its bounds.
    """
    old, new = flat(base), flat(here)
    paired = {f"{EVALUATION}.{path}": change for path, change in (changes or {}).items()}
    lines = [_above(_line(rule, old, new, paired.get(rule.metric), held=not new_baseline), new) for rule in rules]
    sides = [(here, "here")] if new_baseline else [(base, "in the base"), (here, "here")]
    missing = [
        f"metrics/{name}.json: not found {where}"
        for of, where in sides
        for name in dict.fromkeys(rule.file for rule in rules)
        if of.get(name) is None
    ]
    if new_baseline or missing:
        return Outcome(lines, missing)
    named = {rule.metric for rule in rules}
    lost = [
        f"{name}: {value:.4g} in the base, and here {_named(new.get(name))}"
        for name, value in old.items()
        if is_number(value) and not is_number(new.get(name)) and name not in named and not _of_none(name, new)
    ]
    return Outcome(lines, _obstacles(old, new), lost)


def flat(metrics: Metrics) -> dict[str, Any]:
    """Return the content of metrics files by dotted name, the file's first."""
    return dict(flatten({name: content or {} for name, content in metrics.items()}))


def chance(metric: str, of: Mapping[str, Any]) -> float:
    """Return by how much two means over the same number of test items differ by chance: 1 / √items, or products.

    It is at least twice the standard error of a mean of values from 0 to 1; 0 for metrics that are no such means.
    """
    count = of.get(PRODUCTS if metric.startswith(PRODUCT) else ITEMS)
    return 1 / math.sqrt(count) if metric.startswith(MEANS) and is_number(count) and count > 0 else 0.0


def coarse(outcome: Outcome) -> list[str]:
    """Return the metrics over test items that were not compared item by item."""
    return [line.rule.metric for line in outcome.lines if line.change is None and line.rule.metric.startswith(MEANS)]


def _of_none(metric: str, here: Mapping[str, Any]) -> bool:
    """Whether a metric that is not there has nothing to measure, such as the accuracy of answers that nobody gave."""
    beside = metric.rpartition(".")[0]
    return metric.startswith(IF_ANY) or any(here.get(f"{beside}.{name}") == value for name, value in OF_NONE.items())


def _line(rule: Rule, olds: Mapping[str, Any], news: Mapping[str, Any], change: Interval | None, *, held: bool) -> Line:
    base, here = olds.get(rule.metric), news.get(rule.metric)
    old, new = (value if is_number(value) else None for value in (base, here))
    if new is None:
        verdict = Verdict.LOST if held and old is not None else Verdict.NO_METRIC
        neither = held and base is None and here is None
        remedy = ", as in the base. If the catalogue has none, take it out of metrics/gate.yaml" if neither else ""
        return Line(rule, old, new, verdict, f"here is {_named(here)}{remedy}", rule.tolerance)
    if held and old is None:
        return Line(rule, old, new, Verdict.NO_METRIC, f"the base has {_named(base)}", rule.tolerance)
    out = _out_of_bounds(rule, new)
    if out:
        return Line(rule, old, new, Verdict.OUT_OF_BOUNDS, out, rule.tolerance, change)
    if not held or old is None:
        return Line(rule, old, new, Verdict.SAME, allowed=rule.tolerance)
    higher = rule.better == "higher"
    if change is None:
        by_chance = chance(rule.metric, olds)
    else:
        by_chance = change.high - change.mean if higher else change.mean - change.low
    allowed, gained = max(rule.tolerance, by_chance), new - old if higher else old - new
    if gained < -allowed - ROUNDING:
        reason = f"worse by {-gained:.4f}, more than {allowed:.4g}"
        return Line(rule, old, new, Verdict.WORSE, reason, allowed, change)
    verdict = Verdict.BETTER if gained > allowed + ROUNDING else Verdict.SAME
    return Line(rule, old, new, verdict, "", allowed, change)


def _above(line: Line, here: Mapping[str, Any]) -> Line:
    """Hold a line to the metric of the same run that its rule names, if it does."""
    name = line.rule.reached
    if name is None:
        return line
    other = here.get(name)
    if not is_number(other):
        remedy = "; evaluate.baselines of params.yaml must be above 0" if ".baselines." in name else ""
        return replace(line, verdict=Verdict.NO_METRIC, reason=f"`above`: {name} here is {_named(other)}{remedy}")
    line = replace(line, reached=other)
    if line.here is None or line.verdict is Verdict.OUT_OF_BOUNDS or line.here >= other + line.rule.margin - ROUNDING:
        return line
    margin = f"{line.rule.margin:+g}" if line.rule.margin else ""
    reason = f"{line.here:.4f} is below the {other:.4f}{margin} of {name}"
    return replace(line, verdict=Verdict.OUT_OF_BOUNDS, reason=reason)


def _out_of_bounds(rule: Rule, value: float) -> str:
    if rule.floor is not None and value < rule.floor:
        return f"{value:.4f} is below the floor of {rule.floor:g}"
    if rule.ceiling is not None and value > rule.ceiling:
        return f"{value:.4f} is above the ceiling of {rule.ceiling:g}"
    return ""


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value of a metrics file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _named(value: Any) -> str:
    return "none" if value is None else f"{value!r}, which is no finite number"


def _obstacles(base: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say why two runs were not measured on the same queries."""
    found = []
    if base.get(SPLIT) is None or here.get(SPLIT) != base[SPLIT]:
        found.append(
            f"{SPLIT}: another test split, {here.get(SPLIT)} here and {base.get(SPLIT)} in the base. If that is meant, "
            "say so in a commit message: a line `baseline: why`"
        )
    for name in sorted({*base, *here}):
        if name != ITEMS and not (name.startswith(f"{EVALUATION}.retrieval.") and name.endswith(DROPPED)):
            continue
        one, other = base.get(name), here.get(name)
        if not (is_number(one) and is_number(other)):
            found.append(f"{name}: expected a number on both sides, found {one!r} in the base and {other!r} here")
        elif other < one if name == ITEMS else other > one:
            found.append(f"{name}: fewer queries, {other:g} here and {one:g} in the base")
    return found
