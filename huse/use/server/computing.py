"""What a batch asks of the model; a product that fails does so alone.

Letters: N products.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huse.encoders.contract import ItemError
from huse.errors import InputError
from huse.use.server.refused import RefusedError
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError

if TYPE_CHECKING:
    from huse.use.model import Model

EMBED, PROBABILITIES, DECIDE = "embed", "probabilities", "decide"
Kind = tuple[str, float | None]  # one of these, and the precision of a decision


@dataclass(frozen=True)
class Asked:
    """A product as a request gives it: the contents of its picture files, its name, or both."""

    pictures: tuple[bytes, ...] = ()
    text: str | None = None


def run_with(model: Callable[[], "Model"]) -> Callable[[Hashable, list[Asked]], list[Any]]:
    """Return what computes a batch: N products to N results, one of which may be a `RefusedError`."""

    def run(kind: Any, products: list[Asked]) -> list[Any]:
        name, precision = kind
        results: list[Any] = [None] * len(products)
        places = list(range(len(products)))
        while places:
            try:
                values = _call(model(), name, precision, [products[place] for place in places])
            except ItemError as error:
                results[places.pop(error.number)] = RefusedError(422, f"{error.kind}: {error.reason}.")
            except InputError as error:
                return [RefusedError(422, str(error))] * len(products)
            else:
                for place, value in zip(places, values, strict=True):
                    results[place] = value
                break
        return results

    return run


def _call(model: "Model", name: str, precision: float | None, products: list[Asked]) -> Sequence[Any]:
    pictures = [list(product.pictures) or None for product in products]
    texts = [product.text for product in products]
    images, names = pictures if any(pictures) else None, texts if any(texts) else None
    if name == DECIDE:
        return model.decide(images, names, precision)
    rows = model.encode(images, names) if name == EMBED else model.class_probabilities(images, names)
    unknown = RefusedError(422, "this product has no embedding: nothing in it is known to the model.")
    return [row if np.isfinite(row).all() else unknown for row in rows]


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
