"""The section `machine` of the parameters: where to compute. It is read without torch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from huse.settings import Settings


class Machine(Settings):
    """Where to compute."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="auto: a GPU where there is one; or cpu, cuda"
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        le=1024,
        description=(
            "processes that decode pictures; 0: threads of the stage itself; null: 0 on a CPU, which the "
            "network keeps busy; with a GPU, one a core but one; of ray: processes at a time; null: one a core"
        ),
    )
    engine: Literal["local", "ray"] = Field(
        default="local",
        description="who does what grows with the catalogue, to the same bytes: local: this machine; ray: a cluster",
    )
    address: str | None = Field(
        default=None,
        min_length=1,
        description="of ray: auto or host:port, of a cluster that runs; null: this machine alone, while a stage runs",
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=1024,
        description=(
            "processes that train together on this machine, each on its share of train.shards; does not affect results"
        ),
    )

    @model_validator(mode="after")
    def _only_what_the_engine_has(self) -> Self:
        if self.engine == "local" and self.address is not None:
            raise ValueError(
                f"address: {self.address} is of engine: ray, and engine is local; set one of them otherwise"
            )
        if self.engine == "ray" and self.workers == 0:
            raise ValueError("workers: 0, threads of the stage itself, is of engine: local; set it to null or a number")
        return self
