"""Reads picture files of every common kind as 8-bit RGB, and says in plain words why one cannot be used.

Nothing here imports torch: the catalogue is checked without it.
"""

import hashlib
import warnings
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

# Pillow's other formats are no product pictures, and some of them start foreign programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")

# Pillow's own limit is fixed and only a warning at first; `max_pixels` takes its place, before anything is
# decoded. The switch is global because Python's filters of warnings are not safe among threads.
Image.MAX_IMAGE_PIXELS = None

# Pillow warns of broken tags beside a good picture, without the file's name.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

WHITE = (255, 255, 255)

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
    """

    digest: str
    problem: str | None


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
        return _decode(file, max_pixels, shorter_side)


def inspect_picture(path: Path, max_pixels: int) -> Inspection:
    """Check a picture and take the digest of its file; safe to call from many threads.

    Args:
        path: the file.
        max_pixels: width × height that is still decoded.

    Returns:
        Digest and problem; never raises for a bad file.
    """
    digest = ""
    try:
        with _open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            # A JPEG at 1/8 of its size is several times faster, and its whole stream is still read.
            _decode(file, max_pixels, shorter_side=1)
    except PictureError as error:
        return Inspection(digest, str(error))
    return Inspection(digest, None)


def _open_file(path: Path) -> BufferedReader:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise PictureError("picture is a folder")
        if size == 0:
            raise PictureError("picture file is empty")
        return path.open("rb")
    except FileNotFoundError:
        raise PictureError("picture file does not exist") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error


def _decode(file: BufferedReader, max_pixels: int, shorter_side: int | None) -> Image.Image:
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_pixels(image, max_pixels)
            if shorter_side is not None:
                image.draft(None, (shorter_side, shorter_side))
            image.load()
            return _turn_upright(image, _to_rgb(image))
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PictureError("file is not a picture in a format that can be read") from None
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = _first_line(error)
        if "truncated" in reason.lower() or isinstance(error, EOFError):
            raise PictureError(f"picture is truncated ({reason})") from error
        raise PictureError(f"picture is damaged ({reason})") from error


def _check_pixels(image: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"picture has {width} × {height} = {width * height / 1e6:,.1f} megapixels, "
            f"more than the {max_pixels / 1e6:,.1f} allowed"
        )


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().partition("\n")[0] or type(error).__name__


def _turn_upright(source: Image.Image, picture: Image.Image) -> Image.Image:
    """Turn `picture` after the EXIF orientation of `source`; Pillow has turned a TIFF already."""
    try:
        orientation = source.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF data are often broken, and the picture is good nevertheless
        return picture
    transposition = TRANSPOSITIONS.get(orientation)
    return picture if transposition is None else picture.transpose(transposition)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_scale_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, WHITE)
        canvas.paste(seen, mask=seen.getchannel("A"))
        return canvas
    return image.convert("RGB")


def _scale_to_bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale grey values of more than 8 bits to 0…255.

    Whole numbers from 0 to 65535 are taken for 16 bits and floats from 0 to 1 for shares of white; floats
    from 0 to 255 stay; anything else is stretched from its least to its greatest value, as no scale is known.

    Args:
        values: H × W, integer or float.

    Returns:
        H × W, uint8, rounded.

    Raises:
        PictureError: a value is not finite.
    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PictureError("picture has values that are not finite")
    whole = np.issubdtype(values.dtype, np.integer)
    if low < 0 or high > (65535 if whole else 255):
        offset, white = low, max(high - low, 1e-9)
    elif whole:
        offset, white = 0.0, 65535.0
    else:
        offset, white = 0.0, 1.0 if high <= 1 else 255.0
    scaled: npt.NDArray[np.uint8] = np.rint((values - offset) * (255 / white)).astype(np.uint8)
    return scaled
