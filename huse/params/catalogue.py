"""Parameters of the stage `catalogue`."""

from typing import Self

from pydantic import Field, model_validator

from huse.params.reader import Section


class Columns(Section):
    """Which column of the CSV holds what."""

    image: str = Field(min_length=1)
    name: str = Field(min_length=1)
    classes: str = Field(min_length=1)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.image, self.name, self.classes}) < 3:
            raise ValueError("image, name and classes must be three different columns")
        return self


class Split(Section):
    """Shares of the products."""

    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, is {total:g}")
        return self


class CatalogueParams(Section):
    """Where the products are and how they are split."""

    csv: str = Field(min_length=1)
    images: str = Field(min_length=1)
    encoding: str = Field(min_length=1)
    columns: Columns
    split: Split
    max_rejected: float = Field(ge=0, le=1)
    max_megapixels: float = Field(gt=0)

    @property
    def max_pixels(self) -> int:
        """Width × height of the largest picture that is decoded."""
        return int(self.max_megapixels * 1e6)
