"""Converts whatever Pillow has read to an upright 8-bit RGB picture, and reports the conversions."""

import re
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from huse.vision.picture_error import PictureError

WHITE = (255, 255, 255)

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


def mislabelled(found: str, ending: str) -> str:
    """Say if a file's content contradicts its name; else empty."""
    expected = Image.registered_extensions().get(ending.lower(), found)
    if found in (expected, "MPO"):  # several JPEGs in one file, as from phones
        return ""
    return f"named {ending} but {'an' if found == 'AVIF' else 'a'} {found}: read by its content"


def further_frames(image: ImageFile.ImageFile) -> str:
    """Say if there are more frames than the first; else empty."""
    try:
        several = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception:  # what follows the first frame may be damaged
        several = True
    return "first frame of several" if several else ""


def turn_upright(source: Image.Image, picture: Image.Image) -> tuple[Image.Image, str]:
    """Turn `picture` by the EXIF orientation of `source`; Pillow has already turned a TIFF."""
    try:
        orientation = source.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF data are often broken, but the picture is good
        return picture, ""
    transposition = TRANSPOSITIONS.get(orientation)
    return picture if transposition is None else picture.transpose(transposition), said_of_turn(orientation)


def said_of_turn(orientation: Any) -> str:
    """Say if a picture was turned for a value of the EXIF tag Orientation; else empty."""
    return f"turned upright (EXIF orientation {orientation})" if orientation in TRANSPOSITIONS else ""


def said_of_depth(image: ImageFile.ImageFile) -> str:
    """Say if Pillow scales the values on loading, which the mode does not show; of a picture that is not loaded."""
    return "16 bits scaled to 8" if any(DEEP.search(str(tile.args)) for tile in image.tile[:1]) else ""


def scale_transparency(image: Image.Image) -> None:
    """Scale the colour that stands for transparency as Pillow has scaled the 16-bit values of a picture in colour."""
    colour = image.info.get("transparency")
    if isinstance(colour, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return the picture in RGB, and a description of unusual conversions.

    Raises:
        PictureError: its values have no known white: signed, of 32 bits, or floats.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, ""
    if image.mode in ("I", "F"):
        raise PictureError("picture has 32-bit, signed or floating-point values; save it with 8 or 16 bits a channel")
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        clear = values == image.info.get("transparency", -1)
        scaled = np.where(clear, 255, np.rint(values * (255 / 65535))).astype(np.uint8)
        said = "transparency laid on white" if clear.any() else "16 bits scaled to 8"
        return Image.fromarray(scaled).convert("RGB"), said
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        alpha = seen.getchannel("A")
        canvas = Image.new("RGB", image.size, WHITE)
        canvas.paste(seen, mask=alpha)
        return canvas, "" if alpha.getextrema() == (255, 255) else "transparency laid on white"
    ordinary = image.mode in ("RGB", "L", "P", "1")
    return image.convert("RGB"), "" if ordinary else f"converted from {image.mode} to RGB"
