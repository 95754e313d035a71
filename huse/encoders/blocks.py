"""Several encoders side by side: their vectors become one.

Letters: N items, D values a vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import CONFIG, Encoder, read_config, write_config
from huse.errors import InputError


@dataclass(frozen=True)
class BlocksEncoder:
    """Concatenates the vectors of encoders, each divided by a number of its own.

    Attributes:
        encoders: by name; the order is that of the blocks.
        scales: by name, what a block is divided by.
    """

    family: ClassVar[str] = "blocks"

    encoders: Mapping[str, Encoder[Any]]
    scales: Mapping[str, float]

    @property
    def dimension(self) -> int:
        """D."""
        return sum(encoder.dimension for encoder in self.encoders.values())

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        blocks = {name: encoder.config for name, encoder in self.encoders.items()}
        return {"family": self.family, "dimension": self.dimension, "scales": dict(self.scales), "blocks": blocks}

    def encode(self, items: Sequence[Any]) -> npt.NDArray[np.float32]:
        """See `huse.encoders.contract.Encoder`."""
        blocks = [each.encode(items) / np.float32(self.scales[name]) for name, each in self.encoders.items()]
        return np.concatenate(blocks, axis=1)

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`; each block has a folder of its name."""
        for name, encoder in self.encoders.items():
            (folder / name).mkdir()
            encoder.save(folder / name)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        from huse.encoders.families import load_encoder  # noqa: PLC0415  it knows this family too

        scales = read_config(folder, ("scales",))["scales"]
        if not isinstance(scales, dict) or not all(isinstance(scale, float) and scale > 0 for scale in scales.values()):
            raise InputError(f"{folder / CONFIG}: expected a scale above 0 for each block. Copy the folder again.")
        return cls({name: load_encoder(folder / name) for name in scales}, scales)
