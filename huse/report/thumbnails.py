"""Small pictures within a page."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

Read = Callable[[int], Image.Image | None]

QUALITY = 68  # of WebP, 0 to 100


@dataclass(frozen=True)
class Thumbnail:
    """A picture in a page.

    Attributes:
        source: a ``data:`` address; empty if the picture can no longer be read.
        width: pixels.
        height: pixels.
    """

    source: str
    width: int
    height: int


MISSING = Thumbnail("", 0, 0)


def make_thumbnail(picture: Image.Image, longer_side: int, quality: int = QUALITY) -> Thumbnail:
    """Make a small WebP of a picture; the same picture gives the same bytes.

    Args:
        picture: RGB.
        longer_side: pixels; a smaller picture is not enlarged.
        quality: of WebP.
    """
    small = picture.copy()
    small.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
    written = BytesIO()
    small.save(written, format="WEBP", quality=quality, method=6)
    address = f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"
    return Thumbnail(address, small.width, small.height)


class Thumbnails:
    """Thumbnails of items by row and size, each made once."""

    def __init__(self, read: Read) -> None:
        """Take the function that reads pictures.

        Args:
            read: returns the RGB picture of a row, or None if it cannot be read.
        """
        self._read = read
        self._made: dict[tuple[int, int], Thumbnail] = {}

    def get(self, row: int, longer_side: int) -> Thumbnail:
        """Return the thumbnail of a row, or `MISSING` if its picture cannot be read."""
        key = row, longer_side
        if key not in self._made:
            picture = self._read(row)
            self._made[key] = MISSING if picture is None else make_thumbnail(picture, longer_side)
        return self._made[key]
