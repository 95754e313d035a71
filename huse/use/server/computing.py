"""What a request gives to the model; a product that fails does so alone.

Letters: N products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from huse.errors import InputError
from huse.use.server.refused import RefusedError
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError

if TYPE_CHECKING:
    from huse.use.model import Model
    from huse.use.reading import Reading


@dataclass(frozen=True)
class Asked:
    """A product as a request gives it: the contents of its picture files, its name, or both."""

    pictures: tuple[bytes, ...] = ()
    text: str | None = None


def read(model: "Model", products: Sequence[Asked]) -> "Reading":
    """Read a batch of N products.

    Raises:
        RefusedError: 422, the model cannot read them.
    """
    pictures = [list(product.pictures) or None for product in products]
    texts = [product.text for product in products]
    try:
        return model.read(pictures if any(pictures) else None, texts if any(texts) else None, errors="report")
    except InputError as error:
        raise RefusedError(422, str(error)) from None


def refuse_unread(reading: "Reading") -> None:
    """Raise a `RefusedError`, 422, of the first picture or name that cannot be used."""
    for error in reading.errors:
        raise RefusedError(422, f"{error.kind}: {error.reason}.")
    there = [np.isfinite(embeddings).all(axis=1) for embeddings, _ in reading.parts.values()]
    if not np.any(there, axis=0).all():
        raise RefusedError(422, "this product has no embedding: nothing in it is known to the model.")


def check_picture(content: bytes, max_pixels: int) -> None:
    """Open a picture and decode it as small as its format allows, which still reads all of it.

    What is decoded is not kept, as it may be a hundred times as large: the model decodes the same bytes again, in the
    way of its encoder.

    Raises:
        RefusedError: 422, it cannot be used.
    """
    try:
        read_picture(content, max_pixels, shorter_side=1)
    except PictureError as error:
        raise RefusedError(422, f"picture: {error}.") from None
