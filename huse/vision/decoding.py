"""Reads picture files of every common format as 8-bit RGB, and says why one cannot be used.

Nothing here imports torch, which checking the catalogue does not need.
"""

import hashlib
import logging
import os
import re
import warnings
from dataclasses import dataclass
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from huse.kinds import HEAD, PICTURES, kind_of
from huse.storage import Place, Remote
from huse.vision.conversion import (
    further_frames,
    mislabelled,
    said_of_depth,
    said_of_turn,
    scale_transparency,
    to_rgb,
    turn_upright,
)
from huse.vision.limits import check_bytes, check_size, check_work, most_bytes, pixel_limit
from huse.vision.picture_error import PictureError

# Pillow's other formats are no product pictures, and some of them start foreign programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")

# What a whole file has near its end. It may be missing from one that can be read, and in one that cannot be.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
TAIL = 4096  # bytes; some programs write more behind the end

# Pillow warns about broken tags of good pictures, without the file's name.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting a picture file.

    Attributes:
        digest: SHA-256 of the file's bytes, hexadecimal; empty where the file cannot be read.
        problem: why the picture cannot be used; None if it can.
        repair: how it was made usable, for messages; empty if not needed.
    """

    digest: str
    problem: str | None
    repair: str


@dataclass(frozen=True)
class SentPicture:
    """A picture file on its way to a machine that does not have it; from `send_picture`.

    Attributes:
        name: of the file; its ending is told from the content.
        content: its bytes; none where it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    name: str
    content: bytes
    problem: str


def send_picture(path: Place, max_pixels: int) -> SentPicture:
    """Read the file of a picture, which is checked where it arrives; safe to call from many threads.

    Args:
        path: the file, or an object of a store.
        max_pixels: width × height that is still decoded; a file that is too large for it is not read.

    Raises:
        InputError: the store of an object fails. That is no fault of the picture.
    """
    try:
        if isinstance(path, Remote):
            return SentPicture(path.name, _read_object(path, max_pixels), "")
        with _open_file(path) as file:
            check_bytes(file, max_pixels)
            return SentPicture(path.name, _content(file), "")
    except PictureError as error:
        return SentPicture(path.name, b"", str(error))


def read_picture(
    source: Place | bytes | SentPicture, max_pixels: int, *, shorter_side: int | None = None, digest: str | None = None
) -> Image.Image:
    """Read a picture as it should be shown.

    The first frame of an animation; upright after the EXIF orientation; transparency on white; 16 bits scaled to 8.

    Args:
        source: the file, an object of a store, its content, or both as they were sent.
        max_pixels: width × height that is still decoded.
        shorter_side: pixels; a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size if its shorter side keeps this many.
            None: full size.
        digest: SHA-256 that the file's bytes must have; None: any.

    Returns:
        An RGB picture, 8 bits a channel.

    Raises:
        PictureError: the file is missing, empty, damaged, too large, no picture, or has other bytes than `digest`.
        InputError: the store of an object fails.
    """
    with _open(source, max_pixels) as file:
        if digest is not None and _digest(file) != digest:
            raise PictureError("picture file changed while it was in use")
        return _decode(file, max_pixels, shorter_side)[0]


def digest_picture(path: Path) -> str:
    """Return the SHA-256 of a picture's bytes, hexadecimal; safe to call from many threads.

    Raises:
        PictureError: the file cannot be read.
    """
    with _open_file(path) as file:
        return _digest(file)


def inspect_picture(source: Place | SentPicture, max_pixels: int) -> Inspection:
    """Check a picture and take the digest of its file; never raises for a bad file; safe to call from many threads.

    Args:
        source: the file, an object of a store, or as it was sent.
        max_pixels: width × height that is still decoded.

    Raises:
        InputError: the store of an object fails.
    """
    digest = ""
    try:
        with _open(source, max_pixels) as file:
            digest = _digest(file)
            # A JPEG at 1/8 of its size is several times faster, and its whole stream is still read.
            _, repairs = _decode(file, max_pixels, shorter_side=1)
    except PictureError as error:
        return Inspection(digest, str(error), "")
    return Inspection(digest, None, "; ".join(repairs))


def glance_at_picture(path: Place, max_pixels: int) -> Inspection:
    """Look at the first and the last bytes of a picture alone; where they look wrong, `inspect_picture` decides.

    An object of a store is read whole.

    Raises:
        InputError: the store of an object fails.
    """
    source = send_picture(path, max_pixels) if isinstance(path, Remote) else path
    try:
        with _open(source, max_pixels) as file, pixel_limit(max_pixels), Image.open(file, formats=FORMATS) as picture:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            if ENDS.get(picture.format or "", b"") in file.read():
                return Inspection("", None, "")
    except Exception:  # noqa: S110  decoders raise nearly anything
        pass
    return inspect_picture(source, max_pixels)


def _digest(file: BufferedReader | BytesIO) -> str:
    """Return the SHA-256 of a newly opened file, and go back to its start."""
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error
    file.seek(0)
    return digest


def _content(file: BufferedReader) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error


SMALL_READ = 2**16  # bytes that a read may ask for beyond the end


class _File(BufferedReader):
    """A file that limits reads to its size: a damaged length field would reserve gigabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes."""
        if size is not None and 0 <= size <= SMALL_READ:  # fast path: Pillow reads some headers byte by byte
            return super().read(size)
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


class _Sent(BytesIO):
    """The content of a file, with its name."""

    def __init__(self, picture: SentPicture) -> None:
        super().__init__(picture.content)
        self.name = picture.name


def _open(source: Place | bytes | SentPicture, max_pixels: int) -> BufferedReader | BytesIO:
    if isinstance(source, Remote):
        source = SentPicture(source.name, _read_object(source, max_pixels), "")
    if isinstance(source, SentPicture):
        if source.problem:
            raise PictureError(source.problem)
        return _Sent(source)
    return BytesIO(source) if isinstance(source, bytes) else _open_file(source)


def _read_object(place: Remote, max_pixels: int) -> bytes:
    """Read an object; of one that is too large, enough for `check_bytes` to say so."""
    try:
        content = place.read_bytes(most_bytes(max_pixels) + 1)
    except FileNotFoundError:
        raise PictureError("picture file does not exist") from None
    if not content:
        raise PictureError("picture file is empty")
    return content


def _open_file(path: Path) -> BufferedReader:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise PictureError("picture is a folder")
        if size == 0:
            raise PictureError("picture file is empty")
        return _File(path)
    except FileNotFoundError:
        link = next((place for place in (path, *path.parents) if place.is_symlink() and not place.exists()), None)
        if link is not None:  # of a folder too, such as of a disk that is not there
            raise PictureError(f"picture is a link to what does not exist ({link.resolve()})") from None
        raise PictureError("picture file does not exist") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"picture file cannot be read ({_first_line(error)})") from error


def _decode(file: BufferedReader | BytesIO, max_pixels: int, shorter_side: int | None) -> tuple[Image.Image, list[str]]:
    """Return a picture in RGB, and what was done to make it that."""
    try:
        check_bytes(file, max_pixels)
        with pixel_limit(max_pixels), Image.open(file, formats=FORMATS) as image:
            check_size(image.size)
            check_work(image, file)
            if shorter_side is not None:
                image.draft(None, (shorter_side, shorter_side))
            # Read before loading, which drops both and turns a TIFF.
            stored = said_of_depth(image), said_of_turn(getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation))
            image.load()
            if stored[0]:
                scale_transparency(image)
            named = mislabelled(image.format or "", Path(getattr(file, "name", "")).suffix)
            picture, converted = to_rgb(image)
            upright, turned = turn_upright(image, picture)
            said = [named, further_frames(image), converted, *stored, turned]
            return upright, list(dict.fromkeys(filter(None, said)))
    except PictureError:
        raise
    except MemoryError:  # concerns this picture only: a damaged file can ask for any amount
        raise PictureError("picture needs more memory than there is") from None
    except UnidentifiedImageError:
        file.seek(0)
        kind = kind_of(file.read(HEAD))
        found = f", but {kind}" if kind and kind not in PICTURES else ""
        raise PictureError(f"file is not a picture of the formats {', '.join(FORMATS)}{found}") from None
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = _first_line(error)
        if "truncated" in reason.lower() or isinstance(error, EOFError):
            raise PictureError(f"picture is truncated ({reason})") from error
        raise PictureError(f"picture is damaged ({reason})") from error


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = text.strip().partition("\n")[0]
    # A key that is not found, say, is nothing but a number.
    return line if re.search(r"[^\W\d]", line) else f"{type(error).__name__} {line}".strip()
