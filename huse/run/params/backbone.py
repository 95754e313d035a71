"""Parameters of the network that pictures go through, of several stages."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class BackboneParams(Settings):
    """Network, weights, and the geometry of its input."""

    network: str = Field(min_length=1)
    weights: str = Field(min_length=1)
    geometry: Literal["squash", "crop", "pad"]
    size: int = Field(ge=32, le=1024)
