"""Thumbnails of the pictures that the index names; the last ones are kept."""

import hashlib
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from huse.errors import InputError
from huse.storage import Place, Remote
from huse.use.server.refused import RefusedError, busy
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError
from huse.vision.thumbnails import small_webp

SIDES = (160, 320, 640)  # pixels
KEPT = 64 * 2**20  # bytes of thumbnails
METHOD = 2  # a fifth of the time of the smallest files


@dataclass(frozen=True)
class Small:
    """A thumbnail: WebP, and what it is known by."""

    content: bytes
    tag: str


class Thumbnails:
    """Makes thumbnails; safe to call from many threads."""

    def __init__(self, max_pixels: int) -> None:
        """Keep none yet."""
        self._max_pixels = max_pixels
        self._made: OrderedDict[str, Small] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, file: Place, side: int) -> Small:
        """Return the thumbnail of a file, or of an object of a store, whose version is asked for each time.

        Raises:
            RefusedError: 404, the file is gone, or is no picture any more; 503, its store fails.
        """
        try:
            tag = hashlib.sha256(f"{file} {_state(file)} {side}".encode()).hexdigest()[:32]
            with self._lock:
                if tag in self._made:
                    self._made.move_to_end(tag)
                    return self._made[tag]
            picture = read_picture(file, self._max_pixels, shorter_side=side)
        except (OSError, ValueError):
            raise RefusedError(
                404, "the file of this picture is gone. Make the index again, or give --images."
            ) from None
        except InputError as error:
            logging.warning("%s", error)
            raise busy("the store of the pictures cannot be read.") from None
        except PictureError as error:
            raise RefusedError(404, f"the file of this picture cannot be shown: {error}.") from None
        small = Small(small_webp(picture, side, METHOD)[0], tag)
        with self._lock:
            if tag not in self._made:
                self._made[tag] = small
                self._bytes += len(small.content)
            while self._bytes > KEPT:
                self._bytes -= len(self._made.popitem(last=False)[1].content)
        return small


def _state(file: Place) -> str:
    if isinstance(file, Remote):
        return file.version()
    found = file.stat()
    return f"{found.st_mtime_ns} {found.st_size}"
