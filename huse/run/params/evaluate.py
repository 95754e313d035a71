"""Parameters of the stage `evaluate`."""

from pydantic import Field

from huse.run.params.reader import Section


class EvaluateParams(Section):
    """How the space is measured."""

    resamples: int = Field(ge=0, le=100_000)
    tree: str | None = Field(min_length=1)
