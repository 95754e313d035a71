"""A backbone at work: batches of pixels in, vectors out.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from huse.engine.devices import DTYPES
from huse.errors import InputError
from huse.vision.backbones import MEAN, STD, Backbone
from huse.vision.geometry import Pixels


def normalise(pixels: Tensor) -> Tensor:
    """Turn pixels into the network's input.

    Args:
        pixels: N × S × S × 3, uint8, on any device.

    Returns:
        N × 3 × S × S, float32 in channels-last order, on the same device.
    """
    mean = torch.tensor(MEAN, device=pixels.device) * 255
    std = torch.tensor(STD, device=pixels.device) * 255
    return pixels.float().sub_(mean).div_(std).permute(0, 3, 1, 2)


def upload(pixels: Pixels, device: torch.device) -> Tensor:
    """Take pixels to a device; to a GPU from pinned memory, while it works on what came before.

    Args:
        pixels: N × S × S × 3, uint8.
        device: any.
    """
    tensor = torch.from_numpy(pixels)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class Encoder:
    """A network that is ready to encode batches of one size.

    Attributes:
        network: in `dtype`, channels last, on `device`.
        dimension: D.
        device: where it is.
        dtype: of its arithmetic.
        batch_size: pictures that go through it together. A smaller batch is filled up with black pictures: matrices of
            another shape are rounded otherwise, and a vector must not depend on what else is computed.
        fingerprint: all that decides its vectors, but for the pictures and how they are prepared.
    """

    network: nn.Module
    dimension: int
    device: torch.device
    dtype: torch.dtype
    batch_size: int
    fingerprint: dict[str, str | int]

    @torch.inference_mode()
    def __call__(self, pixels: Pixels) -> Tensor:
        """Encode a batch.

        Args:
            pixels: n × S × S × 3 uint8, n ≤ `batch_size`.

        Returns:
            n × D float32 on `device`; on a GPU the work may still be under way.
        """
        filled = pixels
        if len(pixels) < self.batch_size:
            filled = np.concatenate([pixels, np.zeros((self.batch_size - len(pixels), *pixels.shape[1:]), np.uint8)])
        vectors: Tensor = self.network(normalise(upload(filled, self.device)).to(self.dtype))
        return vectors[: len(pixels)].float()


def make_encoder(backbone: Backbone, *, size: int, device: torch.device, dtype: str, batch_size: int) -> Encoder:
    """Make a backbone ready to encode.

    Args:
        backbone: not changed.
        size: S.
        device: see `huse.engine.devices.resolve_device`.
        dtype: see `huse.engine.devices.resolve_dtype`.
        batch_size: see `Encoder`.

    Raises:
        InputError: the backbone does not take the size.
    """
    network = copy.deepcopy(backbone.module).eval()
    network = network.to(device, DTYPES[dtype], memory_format=torch.channels_last)  # type: ignore[call-overload]
    fingerprint: dict[str, str | int] = {
        "backbone": backbone.name,
        **backbone.fingerprint,
        "size": size,
        "dtype": dtype,
        "batch_size": batch_size,
        "device": device.type,
        "torch": torch.__version__,
    }
    check_size(backbone, size)
    return Encoder(network, backbone.dimension, device, DTYPES[dtype], batch_size, fingerprint)


def check_size(backbone: Backbone, size: int) -> None:
    """Check that a backbone takes pictures of a size.

    Raises:
        InputError: it does not.
    """
    try:
        with torch.inference_mode():
            backbone.module(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"size: {backbone.name} does not take pictures of {size} × {size} pixels ({reason}). Set `size` to what it "
            "was made for, 224 as a rule."
        ) from error
