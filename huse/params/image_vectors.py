"""Parameters of the stage `image_vectors`."""

from typing import Literal

from pydantic import Field

from huse.params.reader import Section


class ImageVectorsParams(Section):
    """Backbone, weights and the geometry of its input."""

    backbone: str = Field(min_length=1)
    weights: str = Field(min_length=1)
    geometry: Literal["squash", "crop", "pad"]
    size: int = Field(ge=32, le=1024)
    dtype: Literal["auto", "float32", "bfloat16"]
    batch_size: int = Field(ge=1)
