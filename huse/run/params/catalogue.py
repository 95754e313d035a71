"""Parameters of catalogues, the drawn one and the one that is read.

They stand at the edge: nothing in the package knows `sample`, and stages that look at pictures need not depend on the
room `catalogue`, which alone reads the rest.
"""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from huse.settings import Settings

MOST_UNSEEN = 0.5  # share of the classes; of more there would be little left to learn from


class SampleCatalogueParams(Settings):
    """What sample to draw."""

    pictures: int = Field(
        default=2600, ge=100, le=100_000, description="at least this many; up to 2 more complete the last product"
    )
    size: int = Field(default=96, ge=32, le=512, description="pixels a side")


class Columns(Settings):
    """Which column of the CSV holds what."""

    image: str | None = Field(
        default="image", min_length=1, description="of the picture, relative to `images`; null: there are only names"
    )
    name: str | None = Field(
        default="name",
        min_length=1,
        description="of the product; pictures that share it are one product; null: there are only pictures",
    )
    classes: str = Field(
        default="classes",
        min_length=1,
        description="a path, levels joined by <, coarse to fine: beauty<makeup<lipstick",
    )
    split: str | None = Field(
        default=None,
        min_length=1,
        description="train, validation or test, to keep a given split; null: see `split` below",
    )
    product: str | None = Field(
        default=None,
        min_length=1,
        description="an id that the pictures of a product share; null: those with one name or picture are a product",
    )

    @property
    def of_products(self) -> dict[str, str]:
        """What is read of a product and the column of it; the split is no part of the product."""
        return {kind: name for kind, name in self.model_dump().items() if name and kind != "split"}

    @model_validator(mode="after")
    def _differ(self) -> Self:
        named = [name for name in vars(self).values() if name is not None]
        if len(set(named)) < len(named):
            raise ValueError(f"{', '.join(vars(self))} must be different columns")
        if self.image is None and self.name is None:
            raise ValueError("expected image, name or both")
        return self


class Split(Settings):
    """Shares of the products, and what decides where one goes."""

    by: Literal["hash", "balance"] = Field(
        default="hash",
        description="hash: of the product, so a new one moves no other; balance: each class has the shares",
    )
    train: float = Field(default=0.7, gt=0, lt=1, description="learned from")
    validation: float = Field(default=0.15, gt=0, lt=1, description="parameters and the best state are chosen on it")
    test: float = Field(default=0.15, gt=0, lt=1, description="only measured")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, is {total:g}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class CatalogueParams(Settings):
    """Where the products are and how they are split."""

    csv: str = Field(
        default="data/sample/catalogue.csv",
        min_length=1,
        description="the table of products, one row a picture; a file, or a URL such as s3://shop/products.csv",
    )
    images: str = Field(
        default="data/sample/images",
        min_length=1,
        description="folder, or a URL such as s3://shop/pictures; the CSV names pictures relative to it",
    )
    encoding: str = Field(
        default="auto",
        min_length=1,
        description="auto: UTF-8, else guessed, with a remark; or a Python encoding such as cp1252",
    )
    columns: Columns = Columns()
    split: Split = Split()
    unseen_classes: float | list[str] = Field(
        default=0,
        description=(
            f"held out from all training: a share of the classes, up to {MOST_UNSEEN}, chosen so that a sibling stays "
            "seen; or a list of class paths; evaluate measures where they land"
        ),
    )
    several_classes: Literal["keep", "first", "drop"] = Field(
        default="keep",
        description="rows of one picture and name under several classes: keep all, those of the first class, or none",
    )
    missing: Literal["keep", "drop"] = Field(
        default="keep", description="products with only a picture or only a name: keep them, or drop: reject them"
    )
    max_rejected: float = Field(
        default=0.05, ge=0, le=1, description="a larger share of rejected rows and damaged pictures stops the run"
    )
    max_megapixels: float = Field(default=100, gt=0, description="a larger picture is rejected before it is decoded")

    @field_validator("unseen_classes", mode="before")
    @classmethod
    def _share_or_paths(cls, value: Any) -> Any:
        share = isinstance(value, float | int) and not isinstance(value, bool) and 0 <= value <= MOST_UNSEEN
        paths = isinstance(value, list) and value and all(isinstance(path, str) for path in value)
        if not share and not paths:
            raise ValueError(
                f"expected a share of the classes from 0 to {MOST_UNSEEN}, or a list of class paths, in quotation "
                "marks where they look like numbers"
            )
        return value

    @property
    def max_pixels(self) -> int:
        """Width × height of the largest picture that is decoded."""
        return int(self.max_megapixels * 1e6)
