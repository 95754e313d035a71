"""Parameters of the stage `finetune_backbone`."""

from typing import Literal

from pydantic import Field

from huse.run.params.reader import Section


class FinetuneBackboneParams(Section):
    """How a backbone is trained on the catalogue's own pictures."""

    epochs: int = Field(ge=0)
    head_epochs: int = Field(ge=0)
    layers: Literal["last_block", "all"]
    size: int | None = Field(ge=32, le=1024)
    learning_rate: float = Field(gt=0, le=10)
    layer_decay: float = Field(gt=0, le=1)
    weight_decay: float = Field(ge=0)
    label_smoothing: float = Field(ge=0, lt=1)
    mixup: float = Field(ge=0, le=10)
    batch_size: int = Field(ge=2)
    patience: int = Field(ge=1)
    dtype: Literal["auto", "float32", "bfloat16"]
