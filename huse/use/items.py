"""The items that a model is given: lists of pictures and names, encoded in batches; what is said of those that fail.

Letters: N items, D values of a vector.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import ItemError
from huse.errors import InputError

Errors = Literal["raise", "report"]
Item = TypeVar("Item")
OneOrSeveral: TypeAlias = Item | Sequence[Item]
Floats = npt.NDArray[np.float32]
Reporter: TypeAlias = Callable[[ItemError], None]


def refuse_one(items: Sequence[Any] | None) -> None:
    """Raise an `InputError` for a single item in place of a list."""
    if isinstance(items, str | bytes | Path) or (items is not None and not hasattr(items, "__len__")):
        one = items if isinstance(items, str | Path) else type(items).__name__
        raise InputError(f"expected a list of items, found one ({one}). Put it into a list.")


def spread_rows(rows: Floats, places: npt.NDArray[np.int64], count: int) -> Floats:
    """Return `count` rows, these at their places and NaN elsewhere."""
    if len(rows) == count:
        return rows
    spread = np.full((count, rows.shape[1]), np.nan, np.float32)
    spread[places] = rows
    return spread


def reporter(errors: Errors) -> Reporter:
    """Return what is called with an item that fails."""
    if errors not in REPORTERS:
        raise InputError(f"errors: expected {' or '.join(REPORTERS)}, found {errors!r}.")
    return REPORTERS[errors]


def raise_error(error: ItemError) -> None:
    """Stop at an item that fails."""
    raise error from None


def warn_of(error: ItemError) -> None:
    """Say which item fails, and go on."""
    logging.warning("left out: %s", error)


REPORTERS: dict[str, Reporter] = {"raise": raise_error, "report": warn_of}


def check_products(images: Sequence[Any] | None, texts: Sequence[Any] | None, report: Reporter) -> None:
    """Raise an `InputError` where there are no products, or the halves differ in length; report those with neither."""
    if images is None and texts is None:
        raise InputError("expected images, texts or both, found neither.")
    if images is not None and texts is not None and len(images) != len(texts):
        raise InputError(f"expected as many images as texts, found {len(images)} and {len(texts)}.")
    given = [items for items in (images, texts) if items is not None]
    for number, product in enumerate(zip(*given, strict=True)):
        if all(item is None for item in product):
            report(ItemError(number, "product", "expected a picture or a name, found neither"))


def encode_items(
    encode: Callable[[Sequence[Item]], Floats],
    items: Sequence[Item],
    vectors: Floats,
    entries: npt.NDArray[np.int64],
    *,
    batch_size: int,
    report: Reporter,
) -> None:
    """Encode items in batches.

    Args:
        encode: N items to N × D float32.
        items: N.
        vectors: N × D float32 to write to; rows of items that fail are left as they are.
        entries: N numbers by which errors name the items.
        batch_size: items at a time.
        report: called with each item that fails.
    """
    start = 0
    while start < len(items):
        end = start + batch_size
        try:
            vectors[start:end] = encode(items[start:end])
            start = end
        except ItemError as error:
            report(error.after(int(entries[start + error.number]) - error.number))
            end = start + error.number
            if error.number:
                vectors[start:end] = encode(items[start:end])
            start = end + 1
