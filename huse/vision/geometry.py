"""Fits pictures of any shape to the square input of a network.

Every geometry resizes an RGB picture to a side of R pixels and keeps a window of S × S at a place. Nothing here
imports torch, which keeps the processes that decode pictures small.

Letters: R pixels of the resized side, S pixels a side of the network's input.
"""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

# Share of the resized side that the centre has, as in the evaluation of torchvision's networks.
CROP = 224 / 256

CENTRE = (0.5, 0.5)

BILINEAR = Image.Resampling.BILINEAR

Pixels = npt.NDArray[np.uint8]
Place = tuple[float, float]  # shares of the margin that lie left of the window and above it


def squash(picture: Image.Image, side: int, size: int, place: Place, how: Image.Resampling = BILINEAR) -> Image.Image:
    """Resize to R × R, whatever the shape."""
    return _window(picture, (side, side), size, place, how)


def crop(picture: Image.Image, side: int, size: int, place: Place, how: Image.Resampling = BILINEAR) -> Image.Image:
    """Resize the shorter side to R; a window in the centre equals torchvision's ``Resize`` and ``CenterCrop``."""
    width, height = picture.size
    resized = max(side, side * width // height), max(side, side * height // width)
    return _window(picture, resized, size, place, how)


def pad(picture: Image.Image, side: int, size: int, place: Place, how: Image.Resampling = BILINEAR) -> Image.Image:
    """Pad to a square on the picture's border colour and resize to R × R; nothing is stretched."""
    width, height = picture.size
    longer = max(width, height)
    fitted = (max(1, round(side * width / longer)), max(1, round(side * height / longer)))
    # Resize before padding: a strip of 1 × 100,000 pixels would make a square of 10 gigapixels.
    resized = picture.resize(fitted, how)
    left, top = _offset((side, side), size, place)
    canvas = Image.new("RGB", (size, size), border_colour(picture))
    canvas.paste(resized, ((side - fitted[0]) // 2 - left, (side - fitted[1]) // 2 - top))
    return canvas


def _offset(resized: tuple[int, int], size: int, place: Place) -> tuple[int, int]:
    return round((resized[0] - size) * place[0]), round((resized[1] - size) * place[1])


def _window(
    picture: Image.Image, resized: tuple[int, int], size: int, place: Place, how: Image.Resampling
) -> Image.Image:
    """Resize, computing only the kept part."""
    left, top = _offset(resized, size, place)
    x_scale, y_scale = picture.width / resized[0], picture.height / resized[1]
    box = (left * x_scale, top * y_scale, (left + size) * x_scale, (top + size) * y_scale)
    return picture.resize((size, size), how, box=box)


def border_colour(picture: Image.Image) -> tuple[int, int, int]:
    """Return the median of each channel over the outermost pixels: a product's background, as a rule."""
    width, height = picture.size
    edges = [(0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height)]
    pixels = np.concatenate([np.asarray(picture.crop(edge)).reshape(-1, 3) for edge in edges])
    red, green, blue = (int(value) for value in np.median(pixels, axis=0))
    return red, green, blue


Geometry = Literal["squash", "crop", "pad"]
GEOMETRIES = {"squash": squash, "crop": crop, "pad": pad}
Interpolation = Literal["bilinear", "bicubic"]
INTERPOLATIONS = {"bilinear": BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def fit(
    picture: Image.Image,
    *,
    geometry: str,
    size: int,
    share: float | None = None,
    interpolation: Interpolation = "bilinear",
) -> Pixels:
    """Fit a picture to the network's input, antialiased.

    Args:
        picture: RGB.
        geometry: a key of `GEOMETRIES`.
        size: S.
        share: of the resized side, from which the centre is cut; None: see `share_of`.
        interpolation: a key of `INTERPOLATIONS`.

    Returns:
        S × S × 3, uint8.
    """
    side = math.floor(size / share_of(geometry, share))
    return np.array(GEOMETRIES[geometry](picture, side, size, CENTRE, INTERPOLATIONS[interpolation]))


def share_of(geometry: str, share: float | None) -> float:
    """Return a share, or where there is none, that of the geometry: 224/256 of ``crop``, all of the others."""
    return share or (CROP if geometry == "crop" else 1)


def needed_side(size: int, share: float | None = None) -> int:
    """Return how many pixels the shorter side of a decoded picture must keep, in any geometry.

    This is twice R: from there on, a JPEG decoded at a fraction of its size gives the same input up to rounding.
    """
    return 2 * round(size / (share or CROP))
