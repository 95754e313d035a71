"""Parameters of the stage `catalogue`."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from huse.settings import Settings

MOST_UNSEEN = 0.5  # share of the classes; of more there would be little left to learn from


class Columns(Settings):
    """Which column of the CSV holds what."""

    image: str = Field(min_length=1)
    name: str = Field(min_length=1)
    classes: str = Field(min_length=1)
    split: str | None = Field(min_length=1)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        named = [name for name in (self.image, self.name, self.classes, self.split) if name is not None]
        if len(set(named)) < len(named):
            raise ValueError("image, name, classes and split must be different columns")
        return self


class Split(Settings):
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


class CatalogueParams(Settings):
    """Where the products are and how they are split."""

    csv: str = Field(min_length=1)
    images: str = Field(min_length=1)
    encoding: str = Field(min_length=1)
    columns: Columns
    split: Split
    unseen_classes: float | list[str]
    max_rejected: float = Field(ge=0, le=1)
    max_megapixels: float = Field(gt=0)

    @field_validator("unseen_classes", mode="before")
    @classmethod
    def _share_or_paths(cls, value: Any) -> Any:
        share = isinstance(value, float | int) and not isinstance(value, bool) and 0 <= value <= MOST_UNSEEN
        paths = isinstance(value, list) and value and all(isinstance(path, str) for path in value)
        if not share and not paths:
            raise ValueError(f"expected a share of the classes from 0 to {MOST_UNSEEN}, or a list of class paths")
        return value

    @property
    def max_pixels(self) -> int:
        """Width × height of the largest picture that is decoded."""
        return int(self.max_megapixels * 1e6)
