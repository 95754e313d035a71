"""Pixels as the input of a network.

Letters: N pictures, S pixels a side of the network's input.
"""

import torch
from torch import Tensor

from huse.errors import InputError
from huse.vision.backbones import Backbone
from huse.vision.geometry import Pixels
from huse.vision.skeleton import IMAGENET, InputFormat


def normalise(pixels: Tensor, made_for: InputFormat = IMAGENET) -> Tensor:
    """Turn pixels into the network's input.

    Args:
        pixels: N × S × S × 3, uint8, on any device.
        made_for: the network's own mean and deviation.

    Returns:
        N × 3 × S × S, float32 in channels-last order, on the same device.
    """
    mean = torch.tensor(made_for.mean, device=pixels.device) * 255
    std = torch.tensor(made_for.std, device=pixels.device) * 255
    return pixels.float().sub_(mean).div_(std).permute(0, 3, 1, 2)


def upload(pixels: Pixels, device: torch.device) -> Tensor:
    """Copy pixels to a device; to a GPU from pinned memory, while it works on earlier batches.

    Args:
        pixels: N × S × S × 3, uint8.
        device: any.
    """
    tensor = torch.from_numpy(pixels)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def check_size(backbone: Backbone, size: int) -> None:
    """Check that a backbone takes pictures of a size, and gives a vector for each.

    Raises:
        InputError: it does not.
    """
    try:
        with torch.inference_mode():
            found = backbone.module(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"size: {backbone.name} does not take pictures of {size} × {size} pixels ({reason}). Set `size` to what it "
            "was made for, 224 as a rule."
        ) from error
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if shape != (1, backbone.dimension):
        raise InputError(
            f"backbone.network: expected a network with a vector of {backbone.dimension} values for a picture; "
            f"{backbone.name} gives {shape}. Choose one with pooled features."
        )
