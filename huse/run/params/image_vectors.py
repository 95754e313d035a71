"""Parameters of the stage `image_vectors`."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class ImageVectorsParams(Settings):
    """How many vectors a picture gets, and how they are computed."""

    views: int = Field(ge=0, le=1000)
    dtype: Literal["auto", "float32", "bfloat16"]
    batch_size: int = Field(ge=1)
