"""Parameters of the stage `train`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from huse.params.reader import Section


class GraphParams(Section):
    """The semantic graph loss, equations 9 to 11 of HUSE."""

    sigma: Literal["or", "literal", "hinge", "full"]
    zeta: float | None = Field(ge=0, le=2)
    zeta_quantile: float = Field(ge=0, le=1)
    pairs: Literal["all", "intra", "cross"]


class TrainParams(Section):
    """The model, its losses and how it is optimised."""

    method: str = Field(min_length=1)
    alpha: float = Field(ge=0)
    beta: float = Field(ge=0)
    gamma: float = Field(ge=0)
    graph: GraphParams
    dimension: int = Field(ge=2, le=65536)
    width: int = Field(ge=1, le=65536)
    image_layers: int = Field(ge=1)
    text_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    head: Literal["linear", "cosine"]
    scale: float = Field(gt=0)
    optimizer: Literal["adamw", "rmsprop"]
    learning_rate: float = Field(gt=0, le=1000)
    schedule: Literal["constant", "cosine"]
    weight_decay: float = Field(ge=0)
    momentum: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=2)
    steps: int = Field(ge=1)
    validate_every: int = Field(ge=1)

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if self.alpha == self.beta == self.gamma == 0:
            raise ValueError("alpha, beta and gamma are all 0, so that there is nothing to learn")
        return self
