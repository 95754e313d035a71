"""The ranges that tuning draws parameters from, declared in a YAML file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from huse.errors import InputError
from huse.experiments.packaged import packaged_names, read_packaged
from huse.nesting import flatten, nest
from huse.run.params.all import sections
from huse.run.params.reader import parse_section, read_yaml
from huse.settings import Settings

RANGES = "huse.experiments.ranges"  # the package of those that come with it
Scalar = bool | int | float | str | None

# Tuning these would say nothing about the method.
NOT_TUNED = {
    "seed": "a lucky seed is no better parameter",
    "train.seed": "a lucky seed is no better parameter",
    "train.shards": "it changes rounding, and no more",
    "catalogue": "other products have other metrics",
    "sample_catalogue": "other products have other metrics",
    "evaluate": "it decides how metrics are measured",
    "machine": "it has no effect on metrics",
}


class Choices(Settings):
    """Some values, without order."""

    choices: list[Scalar] = Field(min_length=2)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
            raise ValueError("expected each choice once")
        return self


class Numbers(Settings):
    """All numbers from ``low`` to ``high``; integers if both ends are integers.

    Attributes:
        low: least value.
        high: greatest value.
        log: draw uniformly in the logarithm.
        step: between values; None: 1 for integers, any value for others.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"expected low below high, found {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("expected low above 0 and no step where log is true")
        if self.whole and isinstance(self.step, float):
            raise ValueError("expected a whole step between whole numbers")
        return self

    @property
    def whole(self) -> bool:
        """Whether integers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _kind(domain: Any) -> str:
    """Return the tag of a range's kind, for a mapping from a file or an object."""
    several = isinstance(domain, Choices) or (isinstance(domain, Mapping) and "choices" in domain)
    return "choices" if several else "numbers"


Domain = Annotated[Annotated[Choices, Tag("choices")] | Annotated[Numbers, Tag("numbers")], Discriminator(_kind)]


class Space(Settings):
    """The file of ranges.

    Attributes:
        metrics: of metrics/validation.json, such as ``retrieval.mean.map``; tuning improves their mean.
        better: which direction of the mean is better.
        trials: default number of trials.
        seed: of the proposals.
        parameters: ranges by name, such as ``train.graph.zeta_quantile``.
    """

    metrics: list[str] = Field(min_length=1)
    better: Literal["higher", "lower"] = "higher"
    trials: int = Field(default=20, ge=1)
    seed: int = Field(default=0, ge=0)
    parameters: dict[str, Domain] = Field(min_length=1)


def packaged_spaces() -> list[str]:
    """Return the names of the ranges that come with the package, sorted."""
    return packaged_names(RANGES)


def read_space(name: str, params: Mapping[str, Any]) -> Space:
    """Read ranges, and check them against the parameters.

    Args:
        name: of packaged ranges, or a path that ends in .yaml.
        params: the content of ``params.yaml``.

    Raises:
        InputError: the ranges are unknown or invalid; names every problem.
    """
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise InputError(f"{name}: not found. Expected a file of ranges; see docs/tune.md.")
        content = read_yaml(Path(name))
    elif name in packaged_spaces():
        content = read_packaged(RANGES, name)
    else:
        raise InputError(
            f"no ranges {name!r}; there are: {', '.join(packaged_spaces())}, or a file that ends in .yaml."
        )
    space = parse_section(Space, content, where=name)
    problems = [f"{name}: parameters.{problem}" for problem in _problems(space, params)]
    if problems:
        raise InputError("\n".join(problems))
    return space


def _problems(space: Space, params: Mapping[str, Any]) -> Iterator[str]:
    known, kinds = dict(flatten(params)), sections()
    for parameter, domain in space.parameters.items():
        section = parameter.partition(".")[0]
        reason = NOT_TUNED.get(parameter) or NOT_TUNED.get(section)
        if reason:
            yield f"{parameter}: not to be tuned: {reason}."
        elif parameter not in known:
            yield f"{parameter}: params.yaml has no such parameter."
        else:
            # If these values fit, all others do.
            for value in domain.choices if isinstance(domain, Choices) else (domain.low, domain.high):
                tree = nest({**known, parameter: value})
                try:
                    parse_section(kinds[section], tree[section], where=f"{parameter}={value!r}: {section}")
                except InputError as error:
                    yield str(error)
