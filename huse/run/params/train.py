"""Parameters of the stage `train`: what the method, the network and the loop declare, under one section."""

from pydantic import Field

from huse.model.methods import Losses
from huse.model.network import NetworkSettings
from huse.training.loop import LoopSettings


class TrainParams(LoopSettings, NetworkSettings, Losses):
    """The model, its losses and how it is optimised."""

    start: str | None = Field(
        default=None,
        description="folder of an earlier model, whose towers and head are the start; null: random weights",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=2**32,
        description=(
            "of the towers and batches; null: the one seed above; runs that differ only in it share all vectors"
        ),
    )
