"""An encoder of pictures: a network of any family, without its classifier.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from huse.encoders.contract import CONFIG, files_of, from_files, read_config, write_config
from huse.encoders.picture_input import FIT, Encoding, Picture, in_batches
from huse.engine.devices import DTYPES
from huse.errors import InputError
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import Backbone, restore_backbone
from huse.vision.geometry import Pixels
from huse.vision.network_input import check_size, normalise, upload
from huse.vision.preparing import Preparation
from huse.weights import write_state_dict

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class NetworkEncoder:
    """A backbone ready to encode pictures.

    Attributes:
        backbone: as it was read, float32.
        network: its copy in the dtype of the encoding, channels last, on `device`.
        encoding: how it encodes.
        device: where the network is.
    """

    family: ClassVar[str] = "network"

    backbone: Backbone
    network: nn.Module
    encoding: Encoding
    device: torch.device

    @classmethod
    def of(cls, backbone: Backbone, encoding: Encoding, device: torch.device) -> Self:
        """Make a backbone, which is not changed, ready to encode.

        Raises:
            InputError: the backbone does not take the size.
        """
        check_size(backbone, encoding.size)
        network = copy.deepcopy(backbone.module).eval()
        network = network.to(device, DTYPES[encoding.dtype], memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(backbone, network, encoding, device)

    def changed(self, device: torch.device, **encoding: Any) -> Self:
        """Return a copy on another device that encodes in another way.

        Args:
            device: to compute on.
            encoding: changes of the attributes of `Encoding`.
        """
        return self.of(self.backbone, self.encoding.changed(**encoding), device)

    @property
    def dimension(self) -> int:
        """D."""
        return self.backbone.dimension

    @property
    def fingerprint(self) -> dict[str, str | int]:
        """What determines the vectors on this machine, apart from the prepared pictures."""
        return {
            "backbone": self.backbone.name,
            **self.backbone.fingerprint,
            **self.encoding.model_dump(exclude={"max_pixels"}),
            "device": self.device.type,
            "torch": torch.__version__,
        }

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        backbone = self.backbone
        return {
            "family": self.family,
            "backbone": backbone.name,
            "options": dict(backbone.options),
            "origin": backbone.origin,
            "dimension": self.dimension,
            **self.encoding.model_dump(),
        }

    @torch.inference_mode()
    def encode_pixels(self, pixels: Pixels, *, filled: bool = True) -> Tensor:
        """Encode a batch.

        Args:
            pixels: n × S × S × 3 uint8, n ≤ `encoding.batch_size`.
            filled: fill a smaller batch up with black pictures. Rounding depends on the batch size; so a vector does
                not depend on how many others are computed with it.

        Returns:
            n × D float32 on `device`; a GPU may still be computing them.
        """
        batch, missing = pixels, self.encoding.batch_size - len(pixels)
        if filled and missing > 0:
            batch = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])
        inputs = normalise(upload(batch, self.device), self.backbone.made_for).to(DTYPES[self.encoding.dtype])
        vectors: Tensor = self.network(inputs).float()
        if self.encoding.flip:
            vectors = (vectors + self.network(inputs.flip(3)).float()) / 2
        return vectors[: len(pixels)]

    def encode(self, items: Sequence[Picture]) -> npt.NDArray[np.float32]:
        """Encode pictures to the same bits as the stage `image_vectors`.

        Exception: a single incomplete batch is not filled up, so that one picture takes the time of one. Its vectors
        then differ by rounding: about 2e-7 in float32; in bfloat16 not at all on the CPU that was tried.

        Args:
            items: N pictures: each a path, the content of a file, a PIL image or H × W × 3 uint8.

        Returns:
            N × D float32.

        Raises:
            ItemError: a picture cannot be read; names the first.
        """
        vectors = np.empty((len(items), self.dimension), np.float32)
        filled = len(items) > self.encoding.batch_size
        for start, pixels in in_batches(items, self.encoding):
            vectors[start : start + len(pixels)] = self.encode_pixels(pixels, filled=filled).cpu().numpy()
        return vectors

    def preparation(self, augmentation: Augmentation, seed: int, size: int | None = None) -> Preparation:
        """Return how pictures on disk become the network's input.

        Args:
            augmentation: of views.
            seed: of views.
            size: in place of S.
        """
        how = self.encoding.model_dump(include={*FIT, "max_pixels"})
        return Preparation(**{**how, "size": size or self.encoding.size}, augmentation=augmentation, seed=seed)

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        write_state_dict(self.backbone.module.state_dict(), folder / WEIGHTS)
        write_config(folder, self.config)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it as the files that `save` writes: so it travels to other processes, and no objects with it."""
        return _unpacked, (files_of(self.save), self.device)

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Self:
        """See `huse.encoders.contract.Encoder`.

        Args:
            folder: of the encoder.
            device: to compute on; None: the CPU.
        """
        config = read_config(folder, ("backbone", "options", "origin", *Encoding.model_fields))
        try:
            encoding = Encoding(**{name: config[name] for name in Encoding.model_fields})
            backbone = restore_backbone(config["backbone"], folder / WEIGHTS, config["origin"], config["options"])
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{folder / CONFIG}: does not describe an encoder of pictures ({reason}). Copy the folder again."
            ) from None
        return cls.of(backbone, encoding, device or torch.device("cpu"))


def _unpacked(files: dict[str, bytes], device: torch.device) -> NetworkEncoder:
    return from_files(lambda folder: NetworkEncoder.load(folder, device), files)
