"""Pages that a person opens in a browser and that need nothing else: pictures, style and program are in the file.

One shows what a search found. The other asks for decisions, product by product, keeps them in the browser, and exports
them as CSV.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huse.storage import Place, at
from huse.templates import templates
from huse.use.index import Hit
from huse.vision.decoding import read_picture
from huse.vision.limits import MOST_PIXELS
from huse.vision.picture_error import PictureError
from huse.vision.thumbnails import MISSING, Thumbnail, make_thumbnail

LARGE, SMALL = 320, 200  # pixels, longer side of a thumbnail: of a sheet, of a decision


@dataclass(frozen=True)
class Choice:
    """One of several answers.

    Attributes:
        label: on its button, and in the column `decision` of the CSV.
        cells: of the CSV, where this answer changes them.
    """

    label: str
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """A product as it is shown.

    Attributes:
        picture: its file, if it has one.
        title: its name, or its id.
        lines: below it.
        cells: of its row in the CSV, by column.
        choices: what can be decided on it; none: it is shown beside a decision.
    """

    picture: Place | None
    title: str
    lines: Sequence[str] = ()
    cells: Mapping[str, str] = field(default_factory=dict)
    choices: Sequence[Choice] = ()


@dataclass(frozen=True)
class Case:
    """Something to decide on.

    Attributes:
        heading: in a few words.
        told: why it is asked.
        cards: products to decide on.
        beside: products to compare them with.
        of: what `beside` is called, such as ``neighbours``.
    """

    heading: str
    told: str
    cards: Sequence[Card]
    beside: Sequence[Card] = ()
    of: str = ""


def review(cases: Sequence[Case], *, title: str, told: Sequence[str], file: str) -> str:
    """Write a page of decisions as HTML.

    Args:
        cases: the most urgent first.
        title: of the page.
        told: paragraphs below it: what the page is, and how to use it.
        file: name of the CSV that it exports.
    """
    cards = [card for case in cases for card in case.cards]
    columns = dict.fromkeys(
        column for card in cards for cells in (card.cells, *(one.cells for one in card.choices)) for column in cells
    )
    rows = [
        {"cells": dict(card.cells), "choices": [[one.label, dict(one.cells)] for one in card.choices]} for card in cards
    ]
    return _rendered(
        "review.html", cases=cases, title=title, told=told, data={"file": file, "columns": [*columns], "rows": rows}
    )


def shown_path(classes: str) -> str:
    """Return a class path as people read it: ``shoes › boots``."""
    return classes.replace("<", " › ")


def contact_sheet(hits: Sequence[Hit], folder: Place, *, title: str, told: str, picture: Place | None = None) -> str:
    """Write what a search found as HTML.

    Args:
        hits: the nearest first.
        folder: that paths of pictures are relative to; one that is gone is shown as none.
        title: what was looked for.
        told: below it.
        picture: that was looked for, if one was.
    """
    shown = [(hit, at(folder, hit.image) if hit.image else None) for hit in hits]
    return _rendered("contact_sheet.html", title=title, told=told, picture=picture, hits=shown)


def _rendered(template: str, **values: Any) -> str:
    environment = templates("huse.use")
    environment.filters["path"] = shown_path
    environment.globals |= {"thumbnail": _thumbnail, "LARGE": LARGE, "SMALL": SMALL}
    return environment.get_template(template).render(**values)


def _thumbnail(path: Place | None, side: int) -> Thumbnail:
    if path is None:
        return MISSING
    try:
        return make_thumbnail(read_picture(path, MOST_PIXELS, shorter_side=side), side)
    except PictureError:
        return MISSING
