"""Parameters of the network that pictures go through, of several stages."""

from typing import Literal

from pydantic import Field

from huse.run.params.reader import Section


class BackboneParams(Section):
    """Network, weights, and the geometry of its input."""

    network: str = Field(min_length=1)
    weights: str = Field(min_length=1)
    geometry: Literal["squash", "crop", "pad"]
    size: int = Field(ge=32, le=1024)


class AugmentationParams(Section):
    """How augmented views differ from the plain picture."""

    rescale: float = Field(ge=1, le=4)
    horizontal_flip: float = Field(ge=0, le=1)
    colour_jitter: float = Field(ge=0, lt=1)
    random_erasing: float = Field(ge=0, le=1)
