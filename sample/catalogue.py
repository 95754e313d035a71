"""The built-in sample: a drawn shop catalogue, so that the pipeline runs without other data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sample.chance import Purpose, generator
from sample.names import make_name
from sample.picture import draw_view
from sample.product import deal, make_product

JPEG_QUALITY = 88
PNG_MODES = ("P", "RGBA", "L")
PNG_EVERY = 33  # about 3 % of the products are PNG, in one of the modes above


@dataclass(frozen=True)
class SamplePicture:
    """One row of the sample.

    Attributes:
        image: file name, ``<product>_<view>.<jpg or png>``.
        classes: class path, such as ``beauty<makeup<lipsticks``.
        picture: size × size, RGB.
        mode: Pillow mode of the stored file; all but RGB are PNG.
    """

    image: str
    name: str
    classes: str
    picture: Image.Image
    mode: str


def draw_sample(pictures: int, size: int, seed: int) -> Iterator[SamplePicture]:
    """Draw the sample, picture by picture.

    Args:
        pictures: at least this many; up to 2 more complete the last product.
        size: pixels a side.
        seed: the same seed gives the same sample; a larger sample begins with a smaller one.

    Yields:
        The pictures, product by product.
    """
    drawn = 0
    for number, leaf in enumerate(deal(seed)):
        if drawn >= pictures:
            return
        product = make_product(seed, number, leaf)
        name, mode, ending = make_name(seed, product), "RGB", "jpg"
        if number % PNG_EVERY == PNG_EVERY - 1:
            mode, ending = PNG_MODES[number // PNG_EVERY % len(PNG_MODES)], "png"
        for view in range(1, product.views + 1):
            picture = draw_view(seed, product, view, size)
            yield SamplePicture(f"{number:05d}_{view}.{ending}", name, leaf.path, picture, mode)
        drawn += product.views


def save_picture(sample: SamplePicture, folder: Path) -> None:
    """Write the picture as a shop delivers it: JPEG, or PNG with a palette, with rounded corners or in grey."""
    picture, path = sample.picture, folder / sample.image
    match sample.mode:
        case "RGB":
            picture.save(path, format="JPEG", quality=JPEG_QUALITY)
            return
        case "P":
            picture = picture.quantize(64)
        case "RGBA":
            alpha, (width, height) = Image.new("L", picture.size), picture.size
            ImageDraw.Draw(alpha).rounded_rectangle((0, 0, width - 1, height - 1), radius=width // 8, fill=255)
            picture = picture.copy()
            picture.putalpha(alpha)
        case _:
            picture = picture.convert(sample.mode)
    picture.save(path, format="PNG")


def shuffled(rows: int, seed: int) -> list[int]:
    """Return the numbers 0 to `rows` - 1 in the order of the catalogue."""
    return [int(row) for row in np.asarray(generator(Purpose.ORDER, seed).permutation(rows))]
