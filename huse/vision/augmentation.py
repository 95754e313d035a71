"""Augmented views of a picture: other ways to photograph the same product.

A view depends only on the seed, the picture's bytes and the number of the view. Nothing here imports torch; see
`huse.vision.geometry`.

Letters: S pixels a side of the network's input.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from pydantic import Field

from huse.settings import Settings
from huse.vision.geometry import GEOMETRIES, INTERPOLATIONS, Interpolation, Pixels

JITTERED = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)

# Of an erased rectangle (Zhong et al. 2020, arXiv 1708.04896): shares of the picture's area, height ÷ width.
ERASED_AREA = (0.02, 0.33)
ERASED_ASPECT = (0.3, 3.3)

MEAN_COLOUR = (124, 116, 104)  # of ImageNet: zero after normalisation


class Augmentation(Settings):
    """How views differ from the plain picture."""

    rescale: float = Field(
        default=1.142857,
        ge=1,
        le=4,
        description="resize to this many times the size, then keep a random window: 256 to 224; 1: no window",
    )
    horizontal_flip: float = Field(default=0.5, ge=0, le=1, description="probability")
    colour_jitter: float = Field(
        default=0.1, ge=0, lt=1, description="brightness, contrast and saturation times 1 ± this"
    )
    random_erasing: float = Field(
        default=0.1, ge=0, le=1, description="probability that a rectangle of 2 to 33 % of the picture is covered"
    )


def view_generator(seed: int, digest: str, view: int) -> np.random.Generator:
    """Return the random generator of a view.

    Args:
        seed: any.
        digest: SHA-256 of the picture's bytes, hexadecimal.
        view: number of the view.
    """
    return np.random.default_rng([seed, view, int(digest, 16)])


def augment(
    picture: Image.Image,
    augmentation: Augmentation,
    *,
    geometry: str,
    size: int,
    generator: np.random.Generator,
    interpolation: Interpolation = "bilinear",
) -> Pixels:
    """Return a view of a picture: a random window, perhaps mirrored, recoloured, with a part covered.

    Args:
        picture: RGB.
        augmentation: how much of each.
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        generator: from `view_generator`.
        interpolation: of resizing.

    Returns:
        S × S × 3, uint8.
    """
    # All random draws first, in a fixed order, so that a probability of 0 does not change the others.
    x, y, mirrored, erased = generator.random(4)
    factors = 1 + augmentation.colour_jitter * generator.uniform(-1, 1, len(JITTERED))
    order = generator.permutation(len(JITTERED))
    side = max(size, round(size * augmentation.rescale))
    view = GEOMETRIES[geometry](picture, side, size, (x, y), INTERPOLATIONS[interpolation])
    if mirrored < augmentation.horizontal_flip:
        view = ImageOps.mirror(view)
    if augmentation.colour_jitter > 0:
        for number in order:
            view = JITTERED[number](view).enhance(float(factors[number]))
    pixels = np.array(view)
    if erased < augmentation.random_erasing:
        _erase(pixels, generator)
    return pixels


def _erase(pixels: Pixels, generator: np.random.Generator) -> None:
    size = len(pixels)
    area = generator.uniform(*ERASED_AREA) * size * size
    aspect = np.exp(generator.uniform(*np.log(ERASED_ASPECT)))
    height, width = (min(size, max(1, round(length))) for length in (np.sqrt(area * aspect), np.sqrt(area / aspect)))
    top, left = generator.integers(0, size - height + 1), generator.integers(0, size - width + 1)
    pixels[top : top + height, left : left + width] = MEAN_COLOUR
