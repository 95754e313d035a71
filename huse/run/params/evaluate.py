"""Parameters of the stage `evaluate`."""

from pydantic import Field

from huse.settings import Settings


class EvaluateParams(Settings):
    """How the space is measured."""

    resamples: int = Field(ge=0, le=100_000)
    tree: str | None = Field(min_length=1)
