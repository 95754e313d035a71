"""Small pictures within a page."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import Image

QUALITY = 68  # of WebP, 0 to 100


@dataclass(frozen=True)
class Thumbnail:
    """A picture in a page: a ``data:`` address, empty if it can no longer be read, and its size in pixels."""

    source: str
    width: int
    height: int


Read = Callable[[int], Image.Image | None]  # the RGB picture of a row
Thumbnails = Callable[[int, int], Thumbnail]  # of a row; pixels of the longer side
MISSING = Thumbnail("", 0, 0)


def make_thumbnail(picture: Image.Image, longer_side: int) -> Thumbnail:
    """Make a small WebP of an RGB picture, never enlarged; the same picture gives the same bytes."""
    content, (width, height) = small_webp(picture, longer_side, method=6)
    return Thumbnail(f"data:image/webp;base64,{base64.b64encode(content).decode('ascii')}", width, height)


def small_webp(picture: Image.Image, longer_side: int, method: int) -> tuple[bytes, tuple[int, int]]:
    """Return the content of a small WebP of an RGB picture, never enlarged, and its width and height.

    Args:
        picture: is not changed.
        longer_side: pixels.
        method: how hard to look for a small file: 0, which is quick, to 6.
    """
    small = picture.copy()
    small.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
    written = BytesIO()
    small.save(written, format="WEBP", quality=QUALITY, method=method)
    return written.getvalue(), small.size


def thumbnails_of(read: Read) -> Thumbnails:
    """Return what makes the thumbnail of a row in a size, each once; `MISSING` where `read` gives no picture."""

    @cache
    def get(row: int, longer_side: int) -> Thumbnail:
        picture = read(row)
        return MISSING if picture is None else make_thumbnail(picture, longer_side)

    return get
