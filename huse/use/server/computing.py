"""What a batch asks of the model; a product that fails does so alone.

Letters: N products.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from huse.encoders.contract import ItemError
from huse.errors import InputError
from huse.use.server.problem import Problem
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


def run_with(model: "Model") -> Callable[[Hashable, list[Asked]], list[Any]]:
    """Return what computes a batch: N products to N results, one of which may be a `Problem`."""

    def run(kind: Any, products: list[Asked]) -> list[Any]:
        name, precision = kind
        results: list[Any] = [None] * len(products)
        places = list(range(len(products)))
        while places:
            try:
                values = _call(model, name, precision, [products[place] for place in places])
            except ItemError as error:
                results[places.pop(error.number)] = Problem(422, f"{error.kind}: {error.reason}.")
            except InputError as error:
                return [Problem(422, str(error))] * len(products)
            else:
                for place, value in zip(places, values, strict=True):
                    results[place] = value
                break
        return results

    return run


def _call(model: "Model", name: str, precision: float | None, products: list[Asked]) -> Sequence[Any]:
    pictures = [list(product.pictures) or None for product in products]
    texts = [product.text for product in products]
    given = {"images": pictures if any(pictures) else None, "texts": texts if any(texts) else None}
    if name == DECIDE:
        return model.decide(**given, precision=precision)
    rows = model.encode(**given) if name == EMBED else model.class_probabilities(**given)
    whole = np.isfinite(rows).all(axis=1)
    return [
        row if is_whole else Problem(422, "this product has no embedding: nothing in it is known to the model.")
        for row, is_whole in zip(rows, whole, strict=True)
    ]


def check_picture(content: bytes, max_pixels: int) -> None:
    """Open a picture and decode it as small as its format allows, which still reads all of it.

    What is decoded is not kept, as it may be a hundred times as large: the model decodes the same bytes again, in the
    way of its encoder.

    Raises:
        Problem: 422, it cannot be used.
    """
    try:
        read_picture(content, max_pixels, shorter_side=1)
    except PictureError as error:
        raise Problem(422, f"picture: {error}.") from None
