"""The rules of the gate: which metrics must not get worse, and their tolerances."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from huse.errors import InputError
from huse.run.params.reader import parse_section, read_yaml
from huse.settings import Settings


class Rule(Settings):
    """The rule for one metric.

    Attributes:
        metric: file and path, ``evaluate.retrieval.mean.map`` of metrics/evaluate.json.
        better: which way is better.
        tolerance: how much worse than the base it may be, in its own unit. Of a mean over test items, a loss that may
            be chance passes too.
        floor: least allowed value, whatever the base has; only if higher is better.
        ceiling: greatest allowed value; only if lower is better.
        above: path of another metric of the same file and run that it must reach, such as
            ``baselines.text_linear.accuracy``; only if higher is better.
        margin: by how much at least it must be above that; below 0, by how much it may be less.
        deviation: standard deviation over seeds that gave the tolerance; None if set by hand.
    """

    metric: str = Field(pattern=r"^\w+(\.\w+)+$")
    better: Literal["higher", "lower"]
    tolerance: float = Field(ge=0)
    floor: float | None = None
    ceiling: float | None = None
    above: str | None = Field(default=None, pattern=r"^\w+(\.\w+)*$")
    margin: float = 0.0
    deviation: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.better == "higher" and self.ceiling is not None:
            raise ValueError("a ceiling is for what is better lower; set a floor")
        if self.better == "lower" and self.floor is not None:
            raise ValueError("a floor is for what is better higher; set a ceiling")
        if self.better == "lower" and self.above is not None:
            raise ValueError("`above` is for what is better higher; set a ceiling")
        if self.above is None and self.margin:
            raise ValueError("a margin is over the metric that `above` names; set that too")
        return self

    @property
    def file(self) -> str:
        """The name of the metrics file, without folder and ending."""
        return self.metric.partition(".")[0]

    @property
    def reached(self) -> str | None:
        """File and path of the metric of `above`."""
        return None if self.above is None else f"{self.file}.{self.above}"


class MeasuredOn(Settings):
    """The runs that gave the tolerances."""

    seeds: int = Field(ge=3)
    items: int = Field(ge=1)


class Rules(Settings):
    """The file of rules."""

    rules: list[Rule] = Field(min_length=1)
    measured_on: MeasuredOn | None = None


def read_rules(path: Path) -> Rules:
    """Read the file of rules.

    Raises:
        InputError: it is missing or invalid, or two rules name one metric.
    """
    if not path.is_file():
        raise InputError(f"{path}: not found. The rules of the gate stand there; see docs/gate.md.")
    rules = parse_section(Rules, read_yaml(path), where=str(path))
    names = [rule.metric for rule in rules.rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: expected one rule a metric, found several for {', '.join(twice)}.")
    return rules
