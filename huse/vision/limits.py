"""Limits for pictures: pixels, bytes, and work for the decoders behind Pillow.

Importing it replaces Pillow's own limit by an exact one; see `check_size`.
"""

import os
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import ExifTags, Image, ImageFile

from huse.vision.picture_error import PictureError

# No picture needs more, and a small file beyond them can cost the decoders hours or gigabytes.
MOST_BYTES = 16  # of the file for each pixel allowed: four uncompressed channels of 32 bits
MOST_SCANS = 200  # a JPEG has about ten; those of a thumbnail and of further pictures count too
MOST_COMMENTS = 1000  # in a PPM written as text; Pillow copies up to a megabyte for each
PIXELS_PER_PIECE = 64  # of a JPEG 2000, on average; OpenJPEG needs about 600 bytes a piece

# Of a JPEG 2000 (ISO 15444-1, A.5 and A.6): size, with lengths and tile; coding style, of all channels and of one,
# with length, style, layers, levels and precincts. A look-ahead, so that a false match does not hide what follows.
SIZ = re.compile(rb"\xff\x51(?=(..)..(.{32})(..))", re.DOTALL)
COD = re.compile(rb"\xff\x52(?=\0(.)(.).(..).(.)....(.{0,33}))", re.DOTALL)
COC = re.compile(rb"\xff\x53(?=\0(.).(.)(.)....(.{0,33}))", re.DOTALL)
LARGEST_PRECINCTS = b"\xff" * 33

# Pillow's own limit is fixed, and at first only a warning; `max_pixels` replaces it before anything is decoded. The
# switch is global because Python's warning filters are not thread-safe.
Image.MAX_IMAGE_PIXELS = None

_limit = threading.local()  # `pixels`: limit of the picture that this thread decodes; None otherwise


@contextmanager
def pixel_limit(pixels: int) -> Iterator[None]:
    """Limit the pixels of pictures, and of their parts, that this thread opens inside the ``with`` block.

    Args:
        pixels: width × height.
    """
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


# Pillow calls it also when it decodes before `open` returns: pictures inside an icon, the first frame of a GIF. Its own
# function has one limit for all threads, and only warns up to twice that size.
Image._decompression_bomb_check = check_size


def check_bytes(file: BinaryIO, max_pixels: int) -> None:
    """Refuse a file that is too large for its allowed pixels.

    Args:
        file: opened.
        max_pixels: width × height that is still decoded.
    """
    place = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(place)
    if size > MOST_BYTES * max_pixels + 2**20:
        raise PictureError(
            f"picture file has {size / 1e6:,.1f} MB, more than {MOST_BYTES} bytes for each of the "
            f"{max_pixels / 1e6:,.1f} megapixels allowed"
        )


def check_work(image: ImageFile.ImageFile, file: BinaryIO, max_pixels: int) -> None:
    """Refuse files that take far more time or memory to decode than a picture of their size.

    Args:
        image: opened, not loaded.
        file: from which it was opened; its position is kept.
        max_pixels: width × height that is still decoded.
    """
    if image.format == "TIFF":
        # A tile is decoded whole, even if it is larger than the picture.
        tags = image.tag_v2  # type: ignore[attr-defined]
        check_size((tags.get(ExifTags.Base.TileWidth, 0), tags.get(ExifTags.Base.TileLength, 0)))
    elif image.format == "JPEG2000":
        _check_pieces(image.size, _content(file), max_pixels)
    elif image.format in ("JPEG", "MPO") and not _is_one_scan(image, file):
        # Each scan goes over all pixels, and can be as short as ten bytes.
        _check_count("scans", _content(file).count(b"\xff\xda\0"), MOST_SCANS)
    elif image.format == "PPM" and image.tile[0].codec_name == "ppm_plain":
        _check_count("comments", _content(file).count(b"#"), MOST_COMMENTS)


def _check_count(what: str, found: int, allowed: int) -> None:
    if found > allowed:
        raise PictureError(f"picture has {found:,} {what}, more than the {allowed:,} allowed")


def _content(file: BinaryIO) -> bytes:
    """Return all bytes of a file, keeping its position."""
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _is_one_scan(image: ImageFile.ImageFile, file: BinaryIO) -> bool:
    """Whether a JPEG has all its channels in its first scan; Pillow has stopped after the head of that scan."""
    head = 6 + 2 * len(image.getbands())  # bytes
    place = file.tell()
    file.seek(max(0, place - head))
    length = int.from_bytes(file.read(2))
    file.seek(place)
    return length == head and not image.info.get("progressive")


def _check_pieces(size: tuple[int, int], content: bytes, max_pixels: int) -> None:
    """Refuse a JPEG 2000 with far more pieces or layers than it needs.

    A piece is what the standard (ISO 15444-1, B.6) calls a precinct, of one tile, channel and resolution. The whole
    file is searched for markers, since boxes of any kind may come before, and each tile may have its own.

    Args:
        size: width and height.
        content: of the file.
        max_pixels: width × height that is still decoded.
    """
    tiles, channels = [size], 1
    for length, area, count in SIZ.findall(content):
        found = int.from_bytes(count)
        if int.from_bytes(length) == 38 + 3 * found:
            tiles.append(struct.unpack(">16xII8x", area))
            channels = max(channels, found)
    styles = [(length[0] - 12, *style) for length, *style in COD.findall(content)]
    styles += [(length[0] - 9, style, b"\1", *rest) for length, style, *rest in COC.findall(content)]
    pieces, layers = 0, 0
    for own, style, layered, levels, edges in styles:
        # One byte a resolution if the style says so; otherwise it was a false match.
        if own == (levels[0] + 1) * (style[0] & 1) and own <= len(edges):
            precincts = edges[:own] or LARGEST_PRECINCTS
            pieces = max(pieces, *(_pieces(size, tile, levels[0], precincts) for tile in tiles))
            layers = max(layers, int.from_bytes(layered))
    _check_count("pieces", channels * pieces, max_pixels // PIXELS_PER_PIECE)
    _check_count("layers of pieces", channels * pieces * layers, max_pixels)


def _pieces(size: tuple[int, int], tile: tuple[int, int], levels: int, precincts: bytes) -> int:
    """Return the approximate number of precincts of a channel.

    Args:
        size: width and height of the picture.
        tile: width and height of a tile.
        levels: number of halvings of the picture.
        precincts: one byte a resolution from the coarsest: powers of two of the width (low bits) and the height.
    """
    found = 0
    for level, powers in zip(range(levels, -1, -1), precincts, strict=False):
        across, down = (
            -(-side // max(1, edge)) + ((side >> level) >> power)
            for side, edge, power in zip(size, tile, (powers & 15, powers >> 4), strict=True)
        )
        found += across * down
    return found
