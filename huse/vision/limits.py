"""Limits for pictures: pixels, bytes, and work for the decoders behind Pillow.

Importing it replaces Pillow's own limit by an exact one; see `check_size`.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import ExifTags, Image, ImageFile

from huse.vision.picture_error import PictureError

MOST_PIXELS = 100_000_000  # of a picture that is decoded, where no parameter says how many
# What no picture needs, and what makes a small file hours of work, or gigabytes, for the decoders behind Pillow.
MOST_BYTES = 16  # of the file for each pixel allowed: four channels of 32 bits, not compressed
MOST_SCANS = 200  # a JPEG has about ten; those of a thumbnail and of further pictures in the file count as well

# Pillow's own limit is fixed, and at first only a warning; `max_pixels` replaces it before anything is decoded. The
# switch is global because Python's warning filters are not thread-safe.
Image.MAX_IMAGE_PIXELS = None

_limit = threading.local()  # `pixels`: limit of the picture that this thread decodes; None otherwise


@contextmanager
def pixel_limit(pixels: int) -> Iterator[None]:
    """Limit the width × height of pictures, and of their parts, that this thread opens inside the ``with`` block."""
    _limit.pixels = pixels
    try:
        yield
    finally:
        _limit.pixels = None


def check_size(size: tuple[int, int], *, error_only: bool = False) -> None:
    """Refuse a picture, or a part of one, with too many pixels; replaces Pillow's own check."""
    width, height = size
    allowed = getattr(_limit, "pixels", None)
    if allowed is not None and width * height > allowed:
        raise PictureError(
            f"picture has {width} × {height} = {width * height / 1e6:,.1f} megapixels, "
            f"more than the {allowed / 1e6:,.1f} allowed"
        )


# Pillow asks it also where it decodes before `open` returns: the first frame of a GIF. Its
# own function knows one limit for all threads, and lets pass what is up to twice as large.
Image._decompression_bomb_check = check_size


def most_bytes(max_pixels: int) -> int:
    """Return how many bytes a file may have for its allowed width × height."""
    return MOST_BYTES * max_pixels + 2**20


def check_bytes(file: BinaryIO, max_pixels: int) -> None:
    """Refuse a file, which is left at its start, that is too large for its allowed width × height."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > most_bytes(max_pixels):
        raise PictureError(
            f"picture file has {size / 1e6:,.1f} MB, more than {MOST_BYTES} bytes for each of the "
            f"{max_pixels / 1e6:,.1f} megapixels allowed"
        )


def check_work(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Refuse what takes far more time or memory to decode than a picture of its size.

    Args:
        image: opened, not loaded.
        file: from which it was opened; is left where it stands.
    """
    if image.format == "TIFF":
        # A tile is decoded whole, even if it is larger than the picture.
        tags = image.tag_v2  # type: ignore[attr-defined]
        check_size((tags.get(ExifTags.Base.TileWidth, 0), tags.get(ExifTags.Base.TileLength, 0)))
    elif image.format in ("JPEG", "MPO") and not _is_one_scan(image, file):
        # Each goes over all pixels, and may have ten bytes.
        place = file.tell()
        file.seek(0)
        scans = file.read().count(b"\xff\xda\0")
        file.seek(place)
        if scans > MOST_SCANS:
            raise PictureError(f"picture has {scans:,} scans, more than the {MOST_SCANS:,} allowed")


def _is_one_scan(image: ImageFile.ImageFile, file: BinaryIO) -> bool:
    """Whether a JPEG has all its channels in its first scan; Pillow has stopped after the head of that scan."""
    head = 6 + 2 * len(image.getbands())  # bytes
    place = file.tell()
    file.seek(max(0, place - head))
    length = int.from_bytes(file.read(2))
    file.seek(place)
    return length == head and not image.info.get("progressive")
