"""Parameters of the stage `sample_catalogue`."""

from pydantic import Field

from huse.settings import Settings


class SampleCatalogueParams(Settings):
    """What sample to draw."""

    pictures: int = Field(ge=100, le=100_000)
    size: int = Field(ge=32, le=512)
