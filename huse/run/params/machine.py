"""Parameters of the machine, of several stages."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class MachineParams(Settings):
    """Where to compute."""

    device: Literal["auto", "cpu", "cuda"]
    workers: int | None = Field(ge=0, le=1024)
