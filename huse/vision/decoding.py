"""Reads picture files of every common kind as 8-bit RGB, and says in plain words why one cannot be used.

Nothing here imports torch: the catalogue is checked without it.
"""

import hashlib
import logging
import os
import re
import struct
import threading
import warnings
from dataclasses import dataclass
from functools import cache
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

# Pillow's other formats are no product pictures, and some of them start foreign programs (EPS). They are tried in this
# order: TGA has no signature, and would take some icons for its own.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")

# Pillow's own limit is fixed and only a warning at first; `max_pixels` takes its place, before anything is
# decoded. The switch is global because Python's filters of warnings are not safe among threads.
Image.MAX_IMAGE_PIXELS = None

# Pillow warns of broken tags beside a good picture, without the file's name.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

WHITE = (255, 255, 255)

# What no picture needs, and what makes a small file hours of work, or gigabytes, for the decoders behind Pillow.
MOST_BYTES = 16  # of the file for each pixel allowed: four channels of 32 bits, not compressed
MOST_SCANS = 200  # a JPEG has about ten; those of a thumbnail and of further pictures in the file count as well
MOST_COMMENTS = 1000  # in a PPM written as text; Pillow copies up to a megabyte for each
PIXELS_PER_PIECE = 64  # of a JPEG 2000, on average over the pixels allowed; OpenJPEG takes some 600 bytes for a piece

# Of a JPEG 2000 (ISO 15444-1, A.5 and A.6): size, with lengths and tile; coding style, of all channels and of one,
# with length, style, layers, levels and precincts. Looked ahead for: nothing that looks alike hides what follows.
SIZ = re.compile(rb"\xff\x51(?=(..)..(.{32})(..))", re.DOTALL)
COD = re.compile(rb"\xff\x52(?=\0(.)(.).(..).(.)....(.{0,33}))", re.DOTALL)
COC = re.compile(rb"\xff\x53(?=\0(.).(.)(.)....(.{0,33}))", re.DOTALL)
LARGEST_PRECINCTS = b"\xff" * 33

# Pillow's names of stored forms with 16 bits a channel; BGR;16 has them for three channels.
DEEP = re.compile("(?<!BGR);16")

# How the stored picture is turned for each value of the EXIF tag Orientation; 1 is upright.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(Exception):
    """A picture cannot be used; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Inspection:
    """What a look at one picture file found.

    Attributes:
        digest: SHA-256 of the file's bytes, hexadecimal; empty where the file cannot be read.
        problem: why the picture cannot be used; None where it can.
        repair: what was done so that it can be used, for people; empty where nothing was.
    """

    digest: str
    problem: str | None
    repair: str


class _Decoded(NamedTuple):
    """An RGB picture, and what was done to make it one."""

    picture: Image.Image
    repairs: list[str]


def read_picture(path: Path, max_pixels: int, *, shorter_side: int | None = None) -> Image.Image:
    """Read a picture as the eye should see it.

    The first frame of an animation; upright after the EXIF orientation; transparency on white; 16 bits scaled
    to 8; other numbers as `_scale_to_bytes` says.

    Args:
        path: the file.
        max_pixels: width × height that is still decoded.
        shorter_side: pixels; a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side
            keeps this many. None: at full size.

    Returns:
        An RGB picture, 8 bits a channel.

    Raises:
        PictureError: the file is missing, empty, damaged, no picture, or too large.
    """
    with _open_file(path) as file:
        return _decode(file, max_pixels, shorter_side).picture


def digest_picture(path: Path) -> str:
    """Return the SHA-256 of a picture's bytes, hexadecimal; safe to call from many threads.

    Raises:
        PictureError: the file cannot be read.
    """
    with _open_file(path) as file:
        return _digest(file)


def read_known_picture(path: Path, digest: str, max_pixels: int, *, shorter_side: int) -> Image.Image:
    """Read a picture as `read_picture` does, if its bytes are still those of `digest`.

    Raises:
        PictureError: as `read_picture`; or the file has other bytes.
    """
    with _open_file(path) as file:
        if _digest(file) != digest:
            raise PictureError("picture file changed while it was in use")
        return _decode(file, max_pixels, shorter_side).picture


def inspect_picture(path: Path, max_pixels: int) -> Inspection:
    """Check a picture and take the digest of its file; safe to call from many threads.

    Args:
        path: the file.
        max_pixels: width × height that is still decoded.

    Returns:
        Digest, problem and repair; never raises for a bad file.
    """
    digest = ""
    try:
        with _open_file(path) as file:
            digest = _digest(file)
            # A JPEG at 1/8 of its size is several times faster, and its whole stream is still read.
            repairs = _decode(file, max_pixels, shorter_side=1).repairs
    except PictureError as error:
        return Inspection(digest, str(error), "")
    return Inspection(digest, None, "; ".join(repairs))


def _digest(file: BufferedReader) -> str:
    """Return the SHA-256 of what is to be read, and go back to where that begins."""
    start = file.tell()
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error
    file.seek(start)
    return digest


SMALL_READ = 2**16  # bytes that may be reserved and not be there


class _File(BufferedReader):
    """A file that is never asked for more than it has: a damaged length would reserve gigabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes."""
        if size is not None and 0 <= size <= SMALL_READ:  # Pillow reads some headers byte by byte
            return super().read(size)
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _open_file(path: Path) -> BufferedReader:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise PictureError("picture is a folder")
        if size == 0:
            raise PictureError("picture file is empty")
        return _File(path)
    except FileNotFoundError:
        raise PictureError("picture file does not exist") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error


def _decode(file: BufferedReader, max_pixels: int, shorter_side: int | None) -> _Decoded:
    _limit.pixels = max_pixels
    try:
        _check_bytes(file, max_pixels)
        with Image.open(file, formats=FORMATS) as image:
            _check_size(image.size)
            _check_work(image, file, max_pixels)
            if shorter_side is not None:
                image.draft(None, (shorter_side, shorter_side))
            # Both are gone when the picture is loaded; a TIFF is turned by then.
            stored = _said_of_depth(image), _said_of_turn(getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation))
            image.load()
            named = _mislabelled(image.format or "", Path(file.name).suffix)
            picture, converted = _to_rgb(image)
            upright, turned = _turn_upright(image, picture)
            said = [named, _further_frames(image), converted, *stored, turned]
            return _Decoded(upright, list(dict.fromkeys(filter(None, said))))
    except PictureError:
        raise
    except MemoryError:  # of this picture alone: a damaged file can ask for any amount, and the others are sound
        raise PictureError("picture needs more memory than there is") from None
    except UnidentifiedImageError:
        raise PictureError("file is not a picture in a format that can be read") from None
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = _first_line(error)
        if "truncated" in reason.lower() or isinstance(error, EOFError):
            raise PictureError(f"picture is truncated ({reason})") from error
        raise PictureError(f"picture is damaged ({reason})") from error
    finally:
        _limit.pixels = None


_limit = threading.local()  # `pixels` that the picture which this thread decodes may have; None outside of that


def _check_size(size: tuple[int, int], *, error_only: bool = False) -> None:
    """Refuse a picture, or a part of one, with more pixels than are allowed; stands in for Pillow's own check."""
    width, height = size
    allowed = getattr(_limit, "pixels", None)
    if allowed is not None and width * height > allowed:
        raise PictureError(
            f"picture has {width} × {height} = {width * height / 1e6:,.1f} megapixels, "
            f"more than the {allowed / 1e6:,.1f} allowed"
        )


# Pillow asks it also where it decodes before `open` returns: the pictures within an icon, the first frame of a GIF. Its
# own function knows one limit for all threads, and lets pass what is up to twice as large.
Image._decompression_bomb_check = _check_size


def _check_bytes(file: BufferedReader, max_pixels: int) -> None:
    size = os.fstat(file.fileno()).st_size
    if size > MOST_BYTES * max_pixels + 2**20:
        raise PictureError(
            f"picture file has {size / 1e6:,.1f} MB, more than {MOST_BYTES} bytes for each of the "
            f"{max_pixels / 1e6:,.1f} megapixels allowed"
        )


def _check_work(image: ImageFile.ImageFile, file: BufferedReader, max_pixels: int) -> None:
    """Refuse what takes far more time or memory to decode than a picture of its size.

    Args:
        image: opened, not loaded.
        file: from which it was opened; is left where it stands.
        max_pixels: width × height that is still decoded.
    """
    if image.format == "TIFF":
        # A tile is decoded whole, also where it is larger than the picture.
        tags = image.tag_v2  # type: ignore[attr-defined]
        _check_size((tags.get(ExifTags.Base.TileWidth, 0), tags.get(ExifTags.Base.TileLength, 0)))
    elif image.format == "JPEG2000":
        _check_pieces(image.size, _content(file), max_pixels)
    elif image.format in ("JPEG", "MPO") and not _is_one_scan(image, file):
        # Each goes over all pixels, and may have ten bytes.
        _check_count("scans", _content(file).count(b"\xff\xda\0"), MOST_SCANS)
    elif image.format == "PPM" and image.tile[0].codec_name == "ppm_plain":
        _check_count("comments", _content(file).count(b"#"), MOST_COMMENTS)


def _check_count(what: str, found: int, allowed: int) -> None:
    if found > allowed:
        raise PictureError(f"picture has {found:,} {what}, more than the {allowed:,} allowed")


def _content(file: BufferedReader) -> bytes:
    """Return all bytes of a file, and go back to where it stood."""
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _is_one_scan(image: ImageFile.ImageFile, file: BufferedReader) -> bool:
    """Tell whether a JPEG has all its channels in its first scan, behind the head of which Pillow stopped."""
    head = 6 + 2 * len(image.getbands())  # bytes
    place = file.tell()
    file.seek(max(0, place - head))
    length = int.from_bytes(file.read(2))
    file.seek(place)
    return length == head and not image.info.get("progressive")


def _check_pieces(size: tuple[int, int], content: bytes, max_pixels: int) -> None:
    """Refuse a JPEG 2000 that is cut into far more pieces than it needs, or gives each in far more layers.

    A piece is what the standard (ISO 15444-1, B.6) calls a precinct, of one tile, channel and resolution. Markers
    are looked for in the whole file: they may lie behind boxes of any kind, and each tile may have its own.

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
        # One byte a resolution where the style says so; else what was found only looks like a marker.
        if own == (levels[0] + 1) * (style[0] & 1) and own <= len(edges):
            precincts = edges[:own] or LARGEST_PRECINCTS
            pieces = max(pieces, *(_pieces(size, tile, levels[0], precincts) for tile in tiles))
            layers = max(layers, int.from_bytes(layered))
    _check_count("pieces", channels * pieces, max_pixels // PIXELS_PER_PIECE)
    _check_count("layers of pieces", channels * pieces * layers, max_pixels)


def _pieces(size: tuple[int, int], tile: tuple[int, int], levels: int, precincts: bytes) -> int:
    """Return about how many precincts a channel has.

    Args:
        size: width and height of the picture.
        tile: and of a tile.
        levels: how often the picture is halved.
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


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = text.strip().partition("\n")[0]
    # A key that is not found, say, is nothing but a number.
    return line if re.search(r"[^\W\d]", line) else f"{type(error).__name__} {line}".strip()


@cache
def _formats_by_ending() -> dict[str, str]:
    return Image.registered_extensions()


def _mislabelled(found: str, ending: str) -> str:
    """Say that a file is something else than its name says; empty where it is not, or the name says nothing."""
    expected = _formats_by_ending().get(ending.lower(), found)
    if found in (expected, "MPO"):  # phones put several JPEGs into one file, which Pillow calls MPO
        return ""
    return f"named {ending} but {'an' if found in ('AVIF', 'ICO') else 'a'} {found}: read by its content"


def _further_frames(image: ImageFile.ImageFile) -> str:
    try:
        several = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception:  # what follows the first frame may be damaged
        several = True
    return "first frame of several" if several else ""


def _turn_upright(source: Image.Image, picture: Image.Image) -> tuple[Image.Image, str]:
    """Turn `picture` after the EXIF orientation of `source`; Pillow has turned a TIFF already."""
    try:
        orientation = source.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF data are often broken, and the picture is good nevertheless
        return picture, ""
    transposition = TRANSPOSITIONS.get(orientation)
    return picture if transposition is None else picture.transpose(transposition), _said_of_turn(orientation)


def _said_of_turn(orientation: Any) -> str:
    return f"turned upright (EXIF orientation {orientation})" if orientation in TRANSPOSITIONS else ""


def _said_of_depth(image: ImageFile.ImageFile) -> str:
    """Say that Pillow scales the values as it loads them, which the mode does not tell.

    Args:
        image: opened, not loaded.
    """
    for name, _, _, args in image.tile[:1]:
        deep = args[-1] > 255 if name.startswith("ppm") and isinstance(args, tuple) else DEEP.search(str(args))
        return "16 bits scaled to 8" if deep else ""
    return ""


def _to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return the picture in RGB, and what was done that is out of the ordinary."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, ""
    if image.mode == "F" or image.mode.startswith("I"):
        scaled, said = _scale_to_bytes(np.asarray(image))
        return Image.fromarray(scaled).convert("RGB"), said
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        alpha = seen.getchannel("A")
        canvas = Image.new("RGB", image.size, WHITE)
        canvas.paste(seen, mask=alpha)
        return canvas, "" if alpha.getextrema() == (255, 255) else "transparency laid on white"
    ordinary = image.mode in ("RGB", "L", "P", "1")
    return image.convert("RGB"), "" if ordinary else f"converted from {image.mode} to RGB"


def _scale_to_bytes(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], str]:
    """Scale grey values of more than 8 bits to 0…255.

    Whole numbers from 0 to 65535 are taken for 16 bits and floats from 0 to 1 for shares of white; floats
    from 0 to 255 stay; anything else is stretched from its least to its greatest value, as no scale is known.

    Args:
        values: H × W, integer or float.

    Returns:
        H × W, uint8, rounded; and what was done.

    Raises:
        PictureError: a value is not finite.
    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PictureError("picture has values that are not finite")
    whole = np.issubdtype(values.dtype, np.integer)
    said = "16 bits scaled to 8" if whole else "32 bits scaled to 8"
    if low < 0 or high > (65535 if whole else 255):
        offset, white = low, max(high - low, 1e-9)
        said = "32 bits stretched to 8"
    elif whole:
        offset, white = 0.0, 65535.0
    else:
        offset, white = 0.0, 1.0 if high <= 1 else 255.0
    # In float64: the range of float32 values can be wider than float32. In place: it takes eight bytes a pixel.
    scaled = values.astype(np.float64)
    scaled -= offset
    scaled *= 255 / white
    np.rint(scaled, out=scaled)
    return scaled.astype(np.uint8), said
