"""Augmented views of a picture: what else a photograph of the same product could look like.

A view depends on the seed, the picture's bytes and the number of the view, and on nothing else. Nothing here imports
torch; see `huse.vision.geometry`.

Letters: S pixels a side of the network's input.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from huse.vision.geometry import GEOMETRIES, Pixels

JITTERED = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)

# Of an erased rectangle (Zhong et al. 2020, arXiv 1708.04896): shares of the picture's area, height ÷ width.
ERASED_AREA = (0.02, 0.33)
ERASED_ASPECT = (0.3, 3.3)

MEAN_COLOUR = (124, 116, 104)  # of ImageNet: zero after normalisation


@dataclass(frozen=True)
class Augmentation:
    """How views differ from the plain picture.

    Attributes:
        rescale: the picture is resized to this many times S, and a random window of S × S is kept; 1: no crop.
        horizontal_flip: probability.
        colour_jitter: brightness, contrast and saturation are each multiplied by a factor that is uniform in
            1 ± this; 0: none.
        random_erasing: probability that a rectangle is covered.
    """

    rescale: float
    horizontal_flip: float
    colour_jitter: float
    random_erasing: float


def view_generator(seed: int, digest: str, view: int) -> np.random.Generator:
    """Return the source of all that is random in a view.

    Args:
        seed: any.
        digest: SHA-256 of the picture's bytes, hexadecimal.
        view: number of the view.
    """
    return np.random.default_rng([seed, view, int(digest, 16)])


def augment(
    picture: Image.Image, augmentation: Augmentation, *, geometry: str, size: int, generator: np.random.Generator
) -> Pixels:
    """Return a view of a picture: a random window, perhaps mirrored, in other colours, with a part covered.

    Args:
        picture: RGB.
        augmentation: how much of each.
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        generator: from `view_generator`.

    Returns:
        S × S × 3, uint8.
    """
    # All that is random first, in one order: a probability of 0 then changes nothing else.
    x, y, mirrored, erased = generator.random(4)
    factors = 1 + augmentation.colour_jitter * generator.uniform(-1, 1, len(JITTERED))
    order = generator.permutation(len(JITTERED))
    side = max(size, round(size * augmentation.rescale))
    view = GEOMETRIES[geometry](picture, side, size, (x, y))
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
