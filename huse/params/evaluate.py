"""Parameters of the stage `evaluate`."""

from pydantic import Field

from huse.params.reader import Section


class EvaluateParams(Section):
    """How the test split is measured."""

    resamples: int = Field(ge=0, le=100_000)
