"""Pictures as the input of a network: read, fitted, in batches. Nothing here imports torch.

Letters: N pictures, S pixels a side of the network's input.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from huse.encoders.contract import ItemError
from huse.engine.dtypes import Dtype
from huse.settings import Settings
from huse.storage import Place, Remote, place
from huse.vision.conversion import to_rgb, turn_upright
from huse.vision.decoding import read_picture
from huse.vision.geometry import Geometry, Interpolation, Pixels, fit, needed_side, share_of
from huse.vision.known import readers
from huse.vision.picture_error import PictureError

if TYPE_CHECKING:
    from huse.vision.backbones import Backbone, BackboneSettings

Picture = str | Place | bytes | Image.Image | npt.NDArray[np.uint8]

FIT = {"geometry", "size", "share", "interpolation"}  # how a picture becomes a square


class Encoding(Settings):
    """How a network encodes pictures.

    Attributes:
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        max_pixels: width × height of the largest picture that is decoded.
        share: of the resized side that is seen; see `huse.vision.geometry.fit`.
        interpolation: of resizing.
        flip: whether a vector is the mean of those of the picture and of its mirror image.
        dtype: of its arithmetic; see `huse.engine.devices.resolve_dtype`.
        batch_size: pictures that go through it together.
    """

    geometry: Geometry
    size: int = Field(gt=0)
    max_pixels: int = Field(gt=0)
    share: float | None = Field(default=None, gt=0, le=1)
    interpolation: Interpolation = "bilinear"
    flip: bool = False
    dtype: Dtype = "float32"
    batch_size: int = Field(default=32, gt=0)

    @classmethod
    def of(cls, settings: "BackboneSettings", backbone: "Backbone", max_pixels: int) -> Self:
        """Return how pictures are encoded by settings; where these say nothing, as the backbone was made for."""
        own = backbone.made_for
        geometry = settings.geometry or own.geometry
        return cls(
            geometry=geometry,
            size=settings.size or own.size,
            max_pixels=max_pixels,
            share=settings.crop or (own.crop if geometry == own.geometry else share_of(geometry, None)),
            interpolation=settings.interpolation or own.interpolation,
        )


def prepare(picture: Picture, encoding: Encoding) -> Pixels:
    """Read a picture and fit it to the network's input.

    Returns:
        S × S × 3 uint8.

    Raises:
        PictureError: it cannot be read; the message says why, not which picture.
        InputError: it is a URL that `huse.storage.place` refuses, or its store fails.
    """
    return fit(_read(picture, encoding), **encoding.model_dump(include=FIT))


def _read(picture: Picture, encoding: Encoding) -> Image.Image:
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            found = " × ".join(map(str, picture.shape))
            raise PictureError(f"expected an array of H × W × 3 uint8, found {found} {picture.dtype}")
        return Image.fromarray(picture)
    if isinstance(picture, Image.Image):
        return turn_upright(picture, to_rgb(picture)[0])[0]
    if not isinstance(picture, str | Path | Remote | bytes):
        raise PictureError(f"expected a path, bytes, a PIL image or an array, found {type(picture).__name__}")
    source = place(picture) if isinstance(picture, str) else picture
    return read_picture(source, encoding.max_pixels, shorter_side=needed_side(encoding.size, encoding.share))


def in_batches(items: Sequence[Picture], encoding: Encoding) -> Iterator[tuple[int, Pixels]]:
    """Yield batches of pixels with the number of their first picture, prepared one batch ahead.

    Raises:
        ItemError: a picture cannot be read; names the first.
        InputError: as `prepare`.
    """
    items = [place(item) if isinstance(item, str) else item for item in items]
    if len(items) == 1:  # which threads would only delay
        yield 0, _stacked([_tried(items[0], encoding)], items, 0)
        return
    with ThreadPoolExecutor(readers(items)) as pool:

        def submit(start: int) -> Iterator[Pixels | PictureError]:
            return pool.map(lambda item: _tried(item, encoding), items[start : start + encoding.batch_size])

        ahead = submit(0)
        for start in range(0, len(items), encoding.batch_size):
            batch, ahead = list(ahead), submit(start + encoding.batch_size)
            yield start, _stacked(batch, items, start)


def _tried(picture: Picture, encoding: Encoding) -> Pixels | PictureError:
    try:
        return prepare(picture, encoding)
    except PictureError as error:
        return error


def _stacked(batch: Sequence[Pixels | PictureError], items: Sequence[Picture], start: int) -> Pixels:
    """Return a batch as one array; raise the error of the first picture that has one."""
    for number, pixels in enumerate(batch, start):
        if isinstance(pixels, PictureError):
            name = str(items[number]) if isinstance(items[number], Path | Remote) else ""
            raise ItemError(number, "picture", str(pixels), name)
    return np.stack(batch)  # type: ignore[arg-type]  # only arrays are left
