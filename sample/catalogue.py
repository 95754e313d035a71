"""The built-in sample: a drawn shop catalogue, so that the pipeline runs without other data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sample.chance import Purpose, generator
from sample.names import make_name
from sample.picture import draw_view
from sample.product import Product, deal, make_product

JPEG_QUALITY = 88
PNG_MODES = ("P", "RGBA", "L")
PNG_EVERY = 33  # about 3 % of the products are PNG, in one of the modes above


@dataclass(frozen=True)
class SamplePicture:
    """One row of the sample.

    Attributes:
        image: file name, ``<product>_<view>.<jpg or png>``.
        name: of the product; its other pictures have the same.
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
        yield from _draw_product(seed, product, size)
        drawn += product.views


def _draw_product(seed: int, product: Product, size: int) -> Iterator[SamplePicture]:
    name = make_name(seed, product)
    mode = "RGB"
    if product.number % PNG_EVERY == PNG_EVERY - 1:
        mode = PNG_MODES[product.number // PNG_EVERY % len(PNG_MODES)]
    for view in range(1, product.views + 1):
        yield SamplePicture(
            image=f"{product.number:05d}_{view}.{'jpg' if mode == 'RGB' else 'png'}",
            name=name,
            classes=product.leaf.path,
            picture=draw_view(seed, product, view, size),
            mode=mode,
        )


def save_picture(sample: SamplePicture, folder: Path) -> None:
    """Write the picture as a shop delivers it: JPEG, or PNG with a palette, with transparency or in grey."""
    picture, path = sample.picture, folder / sample.image
    match sample.mode:
        case "RGB":
            picture.save(path, format="JPEG", quality=JPEG_QUALITY)
            return
        case "P":
            picture = picture.quantize(64)
        case "RGBA":
            picture = picture.copy()
            picture.putalpha(_rounded_corners(picture.size))
        case _:
            picture = picture.convert(sample.mode)
    picture.save(path, format="PNG")


def _rounded_corners(size: tuple[int, int]) -> Image.Image:
    alpha = Image.new("L", size)
    right, bottom = size[0] - 1, size[1] - 1
    ImageDraw.Draw(alpha).rounded_rectangle((0, 0, right, bottom), radius=size[0] // 8, fill=255)
    return alpha


def shuffled(rows: int, seed: int) -> list[int]:
    """Return the numbers 0 to `rows` - 1 in the order of the catalogue."""
    return [int(row) for row in np.asarray(generator(Purpose.ORDER, seed).permutation(rows))]
