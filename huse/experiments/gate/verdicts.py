"""Compares the metrics of a run with those of a base, rule by rule. What cannot be compared fails."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeGuard

from huse.experiments.gate.rules import Rule
from huse.nesting import flatten

ROUNDING = 1e-12  # slack for rounding, so that a change of exactly the tolerance passes

EVALUATION = "evaluate"
SPLIT, ITEMS = f"{EVALUATION}.split", f"{EVALUATION}.items"
DROPPED = "dropped_queries"

Metrics = Mapping[str, Mapping[str, Any] | None]  # content by file name; None if the file is missing


class Verdict(StrEnum):
    """The result of a rule."""

    SAME = "ok"
    BETTER = "better"
    WORSE = "worse"
    OUT_OF_BOUNDS = "beyond"
    NO_METRIC = "no metric"


@dataclass(frozen=True)
class Line:
    """A rule, the base's value, the value to judge, the verdict, and the reason if it does not pass.

    Attributes:
        reached: the value here of the metric that the rule's `above` names.
    """

    rule: Rule
    base: float | None
    here: float | None
    verdict: Verdict
    reason: str = ""
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
    """

    lines: Sequence[Line]
    obstacles: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0: passed; 1: something is worse; 2: could not compare, which says nothing about better or worse."""
        verdicts = {line.verdict for line in self.lines}
        if not self.obstacles and verdicts & {Verdict.WORSE, Verdict.OUT_OF_BOUNDS}:
            return 1
        return 2 if self.obstacles or Verdict.NO_METRIC in verdicts else 0


def judge(rules: Sequence[Rule], base: Metrics, here: Metrics, *, new_baseline: bool = False) -> Outcome:
    """Compare the metrics of a run with those of a base.

    Args:
        rules: to check.
        base: content of the base's metrics files.
        here: content of the run's metrics files.
        new_baseline: the change declares a new baseline; nothing is compared with the base, but every metric must be
            present and within its bounds.
    """
    old, new = flat(base), flat(here)
    lines = [
        _above(_line(rule, old.get(rule.metric), new.get(rule.metric), held=not new_baseline), new) for rule in rules
    ]
    sides = [(here, "here")] if new_baseline else [(base, "in the base"), (here, "here")]
    missing = [
        f"metrics/{name}.json: not found {where}"
        for of, where in sides
        for name in dict.fromkeys(rule.file for rule in rules)
        if of.get(name) is None
    ]
    return Outcome(lines, missing or ([] if new_baseline else _obstacles(old, new)))


def flat(metrics: Metrics) -> dict[str, Any]:
    """Return the content of metrics files by dotted name, the file's first."""
    return dict(flatten({name: content or {} for name, content in metrics.items()}))


def _line(rule: Rule, base: Any, here: Any, *, held: bool) -> Line:
    old, new = (value if is_number(value) else None for value in (base, here))
    if new is None or (held and old is None):
        reason = f"here is {_named(here)}" if new is None else f"the base has {_named(base)}"
        return Line(rule, old, new, Verdict.NO_METRIC, reason)
    out = _out_of_bounds(rule, new)
    if out:
        return Line(rule, old, new, Verdict.OUT_OF_BOUNDS, out)
    if not held or old is None:
        return Line(rule, old, new, Verdict.SAME)
    gained = new - old if rule.better == "higher" else old - new
    if gained < -rule.tolerance - ROUNDING:
        return Line(rule, old, new, Verdict.WORSE, f"worse by {-gained:.4f}, more than {rule.tolerance:g}")
    return Line(rule, old, new, Verdict.BETTER if gained > rule.tolerance + ROUNDING else Verdict.SAME)


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
        found.append(f"{SPLIT}: another test split, {here.get(SPLIT)} here and {base.get(SPLIT)} in the base")
    for name in sorted({*base, *here}):
        if name != ITEMS and not (name.startswith(f"{EVALUATION}.retrieval.") and name.endswith(DROPPED)):
            continue
        one, other = base.get(name), here.get(name)
        if not (is_number(one) and is_number(other)):
            found.append(f"{name}: expected a number on both sides, found {one!r} in the base and {other!r} here")
        elif other < one if name == ITEMS else other > one:
            found.append(f"{name}: fewer queries, {other:g} here and {one:g} in the base")
    return found
