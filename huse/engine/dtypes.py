"""The dtypes of a network's arithmetic, by name, without torch; `huse.engine.devices` has those of torch."""

from typing import Literal

Dtype = Literal["float32", "bfloat16"]
