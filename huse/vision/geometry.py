"""Fits pictures of any shape to the square input of a network.

Letters: N pictures, S pixels a side of the network's input.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

# Of ImageNet's RGB values from 0 to 1; torchvision's classifiers were trained with them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# Side of the resized picture ÷ side of its centre crop, as torchvision's networks were evaluated.
CROP_MARGIN = 256 / 224

Pixels = npt.NDArray[np.uint8]


def squash(picture: Image.Image, size: int) -> Image.Image:
    """Resize to `size` × `size`, whatever the shape.

    Args:
        picture: RGB.
        size: pixels a side.
    """
    return picture.resize((size, size), Image.Resampling.BILINEAR)


def crop(picture: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to 256/224 of `size` and keep the centre.

    Same pixels as torchvision's ``Resize`` and ``CenterCrop``; only the kept part is computed.

    Args:
        picture: RGB.
        size: pixels a side.
    """
    width, height = picture.size
    shorter = round(size * CROP_MARGIN)
    resized_width = max(shorter, shorter * width // height)
    resized_height = max(shorter, shorter * height // width)
    left = round((resized_width - size) / 2)
    top = round((resized_height - size) / 2)
    x_scale, y_scale = width / resized_width, height / resized_height
    box = (left * x_scale, top * y_scale, (left + size) * x_scale, (top + size) * y_scale)
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=box)


def pad(picture: Image.Image, size: int) -> Image.Image:
    """Pad to a square on the picture's border colour and resize; nothing is cut or stretched.

    Args:
        picture: RGB.
        size: pixels a side.
    """
    width, height = picture.size
    longer = max(width, height)
    fitted = (max(1, round(size * width / longer)), max(1, round(size * height / longer)))
    # Resized before it is padded: a strip of 1 × 100,000 pixels would make a square of 10 gigapixels.
    resized = picture.resize(fitted, Image.Resampling.BILINEAR)
    if fitted == (size, size):
        return resized
    canvas = Image.new("RGB", (size, size), border_colour(picture))
    canvas.paste(resized, ((size - fitted[0]) // 2, (size - fitted[1]) // 2))
    return canvas


def border_colour(picture: Image.Image) -> tuple[int, int, int]:
    """Return the median of each channel over the outermost pixels: a product's background, as a rule.

    Args:
        picture: RGB.
    """
    width, height = picture.size
    edges = [
        (0, 0, width, 1),
        (0, height - 1, width, height),
        (0, 0, 1, height),
        (width - 1, 0, width, height),
    ]
    pixels = np.concatenate([np.asarray(picture.crop(edge)).reshape(-1, 3) for edge in edges])
    red, green, blue = (int(value) for value in np.median(pixels, axis=0))
    return red, green, blue


GEOMETRIES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "squash": squash,
    "crop": crop,
    "pad": pad,
}


def fit(picture: Image.Image, *, geometry: str, size: int) -> Pixels:
    """Fit a picture to the network's input; bilinear, antialiased.

    Args:
        picture: RGB.
        geometry: a key of `GEOMETRIES`.
        size: S.

    Returns:
        S × S × 3, uint8.
    """
    return np.array(GEOMETRIES[geometry](picture, size))


def needed_side(*, geometry: str, size: int) -> int:
    """Return how many pixels the shorter side of a decoded picture must keep.

    Twice what the geometry resizes to: from there on a JPEG decoded at a fraction of its size gives the
    same input, up to rounding.

    Args:
        geometry: a key of `GEOMETRIES`.
        size: S.
    """
    return 2 * (round(size * CROP_MARGIN) if geometry == "crop" else size)


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Turn pixels into the network's input.

    Args:
        pixels: N × S × S × 3, uint8, on any device.

    Returns:
        N × 3 × S × S, float32 in channels-last order, on the same device.
    """
    mean = torch.tensor(MEAN, device=pixels.device) * 255
    std = torch.tensor(STD, device=pixels.device) * 255
    return pixels.float().sub_(mean).div_(std).permute(0, 3, 1, 2)
