"""Parameters of the stage `sample_catalogue`."""

from pydantic import Field

from huse.run.params.reader import Section


class SampleCatalogueParams(Section):
    """What sample to draw."""

    pictures: int = Field(ge=100, le=100_000)
    size: int = Field(ge=32, le=512)
