"""Products that are added to the index of a server, and removed from it.

An answer comes when the index has them. Letters: R rows, one a picture of a product.
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huse.encoders.contract import ItemError
from huse.errors import InputError
from huse.files import PARTIAL_PREFIX
from huse.storage import Place, at
from huse.use.server.asking import New, check_number, checked_text, contents
from huse.use.server.computing import check_picture
from huse.use.server.limits import Limits
from huse.use.server.refused import RefusedError
from huse.use.server.shop import Shelf, Shop
from huse.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from huse.use.index import Index

SUFFIXES = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"II*", ".tif"))
WRITTEN = re.compile(r"[0-9a-f]{64}\.\w+")  # names of files that are kept
OTHER = ".picture"  # of formats without a short sign; what a file is, its content says


@dataclass(frozen=True)
class Checks:
    """Checks of the catalogue, so that what is added could stand in it.

    Attributes:
        cell: a text of a column (`name`, `classes` or any other), in one line and mended as the catalogue's.
        class_path: a class path to how it is written; raises a ValueError that says why not.
        why_no_name: why a name cannot be used; empty: it can.
    """

    cell: Callable[[str, str], str]
    class_path: Callable[[str], str]
    why_no_name: Callable[[str], str]


@dataclass(frozen=True)
class Checked:
    """A product that may be added."""

    id: str
    name: str
    classes: str
    pictures: tuple[bytes, ...]
    further: dict[str, Any]


def check_new(products: Sequence[New], shop: Shop, checks: Checks, limits: Limits) -> list[Checked]:
    """Check products that are to be added; takes a while, as it decodes their pictures.

    Raises:
        RefusedError: 403, their pictures have no place; 413, they are too many; 422, one of them cannot be used.
    """
    if len(products) > limits.products:
        raise RefusedError(413, f"expected at most {limits.products} products in a request, found {len(products)}.")
    check_number(sum(len(product.pictures) for product in products), limits)
    found = [_checked(number, product, shop, checks, limits) for number, product in enumerate(products)]
    ids = [product.id for product in found]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise RefusedError(422, f"{twice[:80]}: expected each product once, found it twice. Put its pictures together.")
    pictures = [picture for product in found for picture in product.pictures]
    if pictures and shop.places.uploads is None:
        raise RefusedError(403, "this server keeps no pictures. Start it with --uploads FOLDER, or add names alone.")
    for picture in pictures:
        check_picture(picture, limits.pixels)
    return found


def _checked(number: int, product: New, shop: Shop, checks: Checks, limits: Limits) -> Checked:
    at = f"product {number}"

    def cell(column: str, text: str | None) -> str:
        return checks.cell(column, checked_text(text, f"{at}: {column}", limits) or "")

    name = cell("name", product.name)
    pictures = contents(product.pictures)
    reason = checks.why_no_name(name) if name else ""
    if reason:
        raise RefusedError(422, f"{at}: {reason}. Give another name, or none.")
    if not name and not pictures:
        raise RefusedError(422, f"{at}: expected a name, pictures or both, found neither.")
    knows = shop.model.knows
    if not (name and knows("text")) and not (pictures and knows("image")):
        unknown, known = ("pictures", "a name") if knows("text") else ("names", "pictures")
        raise RefusedError(422, f"{at}: the model has learned from no {unknown}. Give {known}.")
    index = shop.shelf.index
    others = [column for column in product.further if column not in index.further]
    if others:
        columns = ", ".join(index.further) or "none"
        raise RefusedError(422, f"{at}: further: expected columns of the index ({columns}), found {others[0][:80]!r}.")
    further: dict[str, str | float | None] = {}
    for column, value in product.further.items():
        further[column] = cell(column, value) or None if isinstance(value, str) else value
        if further[column] is not None and (column in index.numbers) != isinstance(value, float):
            wanted = "a number" if column in index.numbers else "a text"
            raise RefusedError(422, f"{at}: further: the column {column} holds {wanted}, found {value!r:.80}.")
    try:
        classes = checks.class_path(cell("classes", product.classes))
    except ValueError as error:
        raise RefusedError(422, f"{at}: classes: {error}. Write it as shoes<boots.") from None
    known_by = cell("id", product.id) or name or _file_name(pictures[0])
    return Checked(known_by, name, classes, pictures if knows("image") else (), further)


def _file_name(content: bytes) -> str:
    """Return the name under which a picture is kept: the same picture is kept once."""
    suffix = next((suffix for sign, suffix in SUFFIXES if content.startswith(sign)), OTHER)
    return f"{hashlib.sha256(content).hexdigest()}{suffix}"


def add(shop: Shop, products: Sequence[Checked], embed: Callable[["pd.DataFrame", Place], Any]) -> dict[str, int]:
    """Keep pictures, embed products and put them into the index, in one commit.

    Args:
        shop: whose index grows.
        products: that were checked.
        embed: R rows and the folder of their pictures to rows and embeddings of an index.

    Raises:
        RefusedError: 422, the model cannot read a product; 503, the index cannot be written. Nothing is added then.
    """
    from huse.use.index import Index  # noqa: PLC0415  a second to import

    shelf, new = shop.shelf, list[Path]()
    rows = _rows(shelf, products, shop.places.uploads, new)
    try:
        entries, embeddings = embed(rows, shelf.folder)
        index = Index.open(shelf.index.folder, shop.model)
        known = index.known([product.id for product in products])
        old = _uploaded(index, known, shelf, shop.places.uploads)
        index.put(entries, embeddings)
    except Exception as error:
        _delete(new, shelf)  # it may have failed after the commit
        if isinstance(error, ItemError):
            raise RefusedError(422, f"{error.kind}: {error.reason}.") from None
        raise
    shop.follow()
    _delete(old, shelf)
    return {"added": len(products) - len(known), "replaced": len(known), "embeddings": len(index)}


def remove(shop: Shop, products: Sequence[str]) -> dict[str, Any]:
    """Remove products, all in one commit.

    Raises:
        RefusedError: 404, none of them is there.
    """
    from huse.use.index import Index  # noqa: PLC0415  a second to import

    ids, shelf = list(dict.fromkeys(products)), shop.shelf
    index = Index.open(shelf.index.folder, shop.model)
    known = index.known(ids)
    if not known:
        others = f", nor of {counted(len(ids) - 1, 'other')}," if len(ids) > 1 else ""
        raise RefusedError(404, f"{ids[0][:80]}: no product of that id{others} is in the index.")
    old = _uploaded(index, known, shelf, shop.places.uploads)
    removed = index.remove(ids)
    shop.follow()
    _delete(old, shelf)
    return {"removed": removed, "unknown": [one for one in ids if one not in known], "embeddings": len(index)}


def _uploaded(index: "Index", products: set[str], shelf: Shelf, uploads: Path | None) -> list[Path]:
    """Return the files of products' pictures that `add` has written; others, and the catalogue's, stay."""
    from huse.use.index import ADDED, in_list  # noqa: PLC0415  a second to import

    if uploads is None or not products:
        return []
    rows = index.rows(f"kind = 'pictures' AND origin = '{ADDED}' AND {in_list('product', sorted(products))}")
    files = [at(shelf.folder, image) for image in set(rows["image"])]
    return [
        file
        for file in files
        if isinstance(file, Path) and WRITTEN.fullmatch(file.name) and file == _place(file.name, uploads)
    ]


def _delete(files: Sequence[Path], shelf: Shelf) -> None:
    """Delete uploaded pictures that no row of the index names, as it is now; those that cannot be deleted stay."""
    from huse.use.index import Index, in_list  # noqa: PLC0415  a second to import

    named = {name: file for file in files for name in (str(file), _told(file, shelf.folder))}
    with suppress(OSError, InputError):
        there = set(Index.open(shelf.index.folder).rows(in_list("image", sorted(named)))["image"]) if named else set()
        for file in set(files) - {named[name] for name in there}:
            file.unlink(missing_ok=True)


def _rows(shelf: Shelf, products: Sequence[Checked], uploads: Path | None, new: list[Path]) -> "pd.DataFrame":
    """Keep the pictures of products, and return R rows as `huse.use.growing.embed` takes them."""
    import pandas as pd  # noqa: PLC0415

    rows = []
    for product in products:
        images = [_kept(picture, uploads, shelf.folder, new) for picture in product.pictures if uploads is not None]
        own = {"product": product.id, "name": product.name, "classes": product.classes, "split": ""}
        rows += [{**own, "image": image, **product.further} for image in images or [""]]
    return pd.DataFrame(rows)


def _kept(content: bytes, uploads: Path, images: Place, new: list[Path]) -> str:
    """Write a picture, whole or not at all, and return its path as the index has it."""
    name = _file_name(content)
    place = _place(name, uploads)
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{name}")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
        new.append(place)
    return _told(place, images)


def _place(name: str, uploads: Path) -> Path:
    return uploads.absolute() / name[:2] / name


def _told(file: Path, images: Place) -> str:
    """Return the path of a picture as the index has it."""
    if isinstance(images, Path) and file.is_relative_to(images):
        return file.relative_to(images).as_posix()
    return str(file)
