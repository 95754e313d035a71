"""Parameters of the stage `image_vectors`."""

from typing import Literal

from pydantic import Field

from huse.run.params.reader import Section


class ImageVectorsParams(Section):
    """How many vectors a picture gets, and how they are computed."""

    views: int = Field(ge=0, le=1000)
    dtype: Literal["auto", "float32", "bfloat16"]
    batch_size: int = Field(ge=1)
