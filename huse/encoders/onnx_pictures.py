"""An encoder of pictures: a network in an ONNX file, run by onnxruntime on the CPU. Nothing here imports torch.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import CONFIG, read_config, write_config
from huse.encoders.picture_input import Encoding, Picture, in_batches
from huse.engine.onnx import open_graph, run_graph
from huse.errors import InputError
from huse.vision.geometry import Pixels

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

GRAPH = "network.onnx"  # in the folder of the encoder
PIXELS, VECTORS = "pixels", "vectors"  # its input and its output


@dataclass(frozen=True)
class OnnxPicturesEncoder:
    """A network that takes pixels as they are: it normalises them itself.

    Attributes:
        file: the graph, n × S × S × 3 uint8 to n × D float32; `save` copies it.
        network: its name, as that of the backbone.
        encoding: how it encodes; flip and dtype say what the graph has in it.
        dimension: D.
    """

    family: ClassVar[str] = "onnx"

    file: Path
    network: str
    encoding: Encoding
    dimension: int

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {
            "family": self.family,
            "network": self.network,
            "dimension": self.dimension,
            **self.encoding.model_dump(),
        }

    @cached_property
    def graph(self) -> "InferenceSession":
        """The graph, which is read at its first use."""
        return open_graph(self.file)

    def encode_pixels(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Encode n × S × S × 3 uint8 to n × D float32."""
        vectors: npt.NDArray[np.float32] = run_graph(self.graph, **{PIXELS: pixels})[0]
        return vectors

    def encode(self, items: Sequence[Picture]) -> npt.NDArray[np.float32]:
        """Encode N pictures to N × D float32; see `huse.encoders.network.NetworkEncoder.encode`.

        Raises:
            ItemError: a picture cannot be read; names the first.
        """
        vectors = np.empty((len(items), self.dimension), np.float32)
        for start, pixels in in_batches(items, self.encoding):
            vectors[start : start + len(pixels)] = self.encode_pixels(pixels)
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        shutil.copyfile(self.file, folder / GRAPH)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("network", "dimension", *Encoding.model_fields))
        try:
            encoding = Encoding(**{name: config[name] for name in Encoding.model_fields})
        except ValueError as error:
            raise InputError(
                f"{folder / CONFIG}: does not describe an encoder of pictures ({error}). Copy the folder again."
            ) from None
        return cls(folder / GRAPH, config["network"], encoding, int(config["dimension"]))
