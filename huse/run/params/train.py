"""Parameters of the stage `train`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from huse.run.params.reader import Section


class GraphParams(Section):
    """The semantic graph loss, equations 9 to 11 of HUSE."""

    distances: Literal["labels", "tree"]
    form: Literal["stress", "correlation"]
    sigma: Literal["or", "literal", "hinge", "full"]
    zeta: float | None = Field(ge=0, le=2)
    zeta_quantile: float = Field(ge=0, le=1)
    pairs: Literal["all", "intra", "cross"]
    normaliser: Literal["all", "active"]


class ContrastParams(Section):
    """The contrastive term of `huse_plus`."""

    weight: float = Field(ge=0)
    temperature: float = Field(gt=0)
    decay: float = Field(ge=0, le=1)


class TripletParams(Section):
    """FaceNet's triplets."""

    margin: float = Field(gt=0, le=2)
    variant: Literal["semi_hard", "all_semi_hard"]


class CmeParams(Section):
    """CME."""

    matching: float = Field(ge=0)
    classification: float = Field(ge=0)
    margin: float = Field(ge=-1, le=1)


class AdaMineParams(Section):
    """AdaMine."""

    margin: float = Field(gt=0, le=2)
    semantic: float = Field(ge=0)


class DeviseParams(Section):
    """DeViSE."""

    loss: Literal["hinge", "cosine"]
    margin: float = Field(gt=0, le=2)


class HieParams(Section):
    """HIE."""

    classification: float = Field(ge=0)


class DscmrParams(Section):
    """DSCMR."""

    likelihood: float = Field(ge=0)
    invariance: float = Field(ge=0)


class TrainParams(Section):
    """The model, its losses and how it is optimised."""

    method: str = Field(min_length=1)
    alpha: float = Field(ge=0)
    beta: float = Field(ge=0)
    gamma: float = Field(ge=0)
    graph: GraphParams
    contrast: ContrastParams
    class_vectors: Literal["labels", "tree"]
    triplet: TripletParams
    cme: CmeParams
    adamine: AdaMineParams
    devise: DeviseParams
    hie: HieParams
    dscmr: DscmrParams
    dimension: int = Field(ge=2, le=65536)
    width: int = Field(ge=1, le=65536)
    image_layers: int = Field(ge=1)
    text_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    relu_last: bool
    head: Literal["linear", "cosine"]
    scale: float | Literal["learned"]
    class_pull: float = Field(ge=0, le=1)
    optimizer: Literal["adamw", "rmsprop", "rmsprop_tf"]
    learning_rate: float = Field(gt=0, le=1000)
    schedule: Literal["constant", "cosine"]
    warm_up: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    momentum: float = Field(ge=0, lt=1)
    ema: float = Field(ge=0, lt=1)
    mixup: float = Field(ge=0)
    dtype: Literal["float32", "bfloat16", "auto"]
    sampler: Literal["random", "balanced", "pairs"]
    batch_size: int = Field(ge=2)
    steps: int = Field(ge=1)
    validate_every: int = Field(ge=1)
    patience: int | None = Field(ge=1)
    criterion: Literal["accuracy", "recall_at_1", "average_precision", "ahp", "all"]
    seed: int | None = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.scale, float | int) and not 0 < self.scale <= 1000:
            raise ValueError("scale: expected a number above 0 and at most 1000, or learned")
        if self.warm_up >= self.steps:
            raise ValueError("warm_up: expected fewer than steps")
        return self
