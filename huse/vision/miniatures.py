"""Miniatures of pictures, and how far two pictures differ: copies of a picture in another size or quality are near.

Letters: N pictures, S pixels a side of a miniature.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from huse.progress import progress
from huse.storage import Place
from huse.vision.decoding import read_picture
from huse.vision.known import readers
from huse.vision.picture_error import PictureError

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SIDE, PART = 24, 2  # pixels of a miniature, and of one of the parts that are compared
READ = 192  # pixels of the shorter side, at least, that a picture is decoded to
PLAIN = 24  # steps of 256 by which a margin may differ from the corner's colour
BLOCK = 1024  # pictures compared with all others at a time
CANDIDATES = 16384  # pairs compared part by part at a time


def miniature(picture: Image.Image) -> Bytes:
    """Return a picture as a whole and without its plain margin, 2 × S × S × 3 uint8 (luma, two of colour)."""
    views = (picture, _without_margin(picture))
    return np.stack(
        [np.asarray(view.convert("YCbCr").resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for view in views]
    )


def _without_margin(picture: Image.Image) -> Image.Image:
    corner = picture.getpixel((0, 0))
    plain = Image.new("RGB", picture.size, corner)
    apart = ImageChops.difference(picture, plain).convert("L").point(lambda step: 255 * (step > PLAIN))
    return picture.crop(apart.getbbox() or (0, 0, *picture.size))


def miniatures(paths: Sequence[Place], most_pixels: int) -> tuple[Bytes, list[int]]:
    """Read pictures in threads.

    Args:
        paths: N files.
        most_pixels: width × height of a picture that is decoded.

    Returns:
        N × 2 × S × S × 3 uint8, and the numbers of those that cannot be read; theirs are zeros.
    """
    found = np.zeros((len(paths), 2, SIDE, SIDE, 3), np.uint8)
    failed = []

    def read(path: Place) -> Bytes | None:
        try:
            return miniature(read_picture(path, most_pixels, shorter_side=READ))
        except PictureError:
            return None

    with ThreadPoolExecutor(readers(paths)) as pool:
        for number, made in enumerate(
            progress(pool.map(read, paths), total=len(paths), description="pictures", unit="picture")
        ):
            if made is None:
                failed.append(number)
            else:
                found[number] = made
    return found, failed


def difference(some: Bytes, others: Bytes) -> Floats:
    """Return how far pictures differ, pair by pair, in steps of 256.

    A pair differs by its part that differs most: the mean over its pixels, in luma or in either colour. Of the two
    views, as a whole and without the margin, the nearer one counts. So it is small only where all of a picture is in
    the other, and a print of another pattern on the same shirt is not.

    Args:
        some: N miniatures.
        others: N miniatures.

    Returns:
        N float32.
    """
    count, parts = len(some), SIDE // PART
    apart = np.abs(some.astype(np.int16) - others)
    means = apart.reshape(count, 2, parts, PART, parts, PART, 3).mean((3, 5), dtype=np.float32)
    found: Floats = means.reshape(count, 2, -1).max(2).min(1)
    return found


def near_pairs(minis: Bytes, most: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Find all pairs that differ by at most so much; time grows with the square of their number.

    The luma of the parts is compared first, by one matrix product: where the root mean square over the parts is above
    `most`, some part is too.

    Args:
        minis: N miniatures.
        most: steps of 256.

    Returns:
        P × 2 numbers, the lower one first, in order; and P differences.
    """
    parts = SIDE // PART
    luma = minis[..., 0].reshape(len(minis), 2, parts, PART, parts, PART).mean((3, 5), dtype=np.float32)
    sides = [luma[:, view].reshape(len(minis), parts * parts) - np.float32(128) for view in (0, 1)]
    squares = [np.einsum("ij,ij->i", side, side) for side in sides]
    limit = parts * parts * most**2 * (1 + 1e-4) + 1  # room for rounding
    pairs, differences = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for start in progress(range(0, len(minis), BLOCK), description="compare", unit="block"):
        rows = slice(start, start + BLOCK)
        near = np.zeros((len(minis[rows]), len(minis) - start), bool)
        for side, square in zip(sides, squares, strict=True):
            near |= square[rows, None] + square[start:] - 2 * side[rows] @ side[start:].T <= limit
        first, second = np.nonzero(np.triu(near, 1))
        found = np.stack([first, second], axis=1) + start
        for some in range(0, len(found), CANDIDATES):
            part = found[some : some + CANDIDATES]
            apart = difference(minis[part[:, 0]], minis[part[:, 1]])
            pairs.append(part[apart <= most])
            differences.append(apart[apart <= most])
    return np.concatenate(pairs), np.concatenate(differences)
