"""How vectors of pictures that the user has are told apart. Nothing here imports torch."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class GivenPictureSettings(Settings):
    """How the rows of given:FILE are told."""

    column: str = Field(
        default="image",
        min_length=1,
        description="of given:FILE: that of the keys; of a .npy, a text file with the key of each row",
    )
    by: Literal["image", "product"] = Field(
        default="image",
        description="what the keys are: paths of pictures as in the catalogue, or ids as in catalogue.columns.product",
    )
    max_missing: float = Field(
        default=0.05, ge=0, le=1, description="a larger share of pictures without a given vector stops the run"
    )
