"""Parameters of the stage `evaluate`."""

from pydantic import Field

from huse.params.reader import Section


class EvaluateParams(Section):
    """How the space is measured."""

    tree: str | None = Field(min_length=1)
