"""What a search found as one page, which needs nothing else: a contact sheet."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from huse.use.index import Hit
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError
from huse.vision.thumbnails import MISSING, Thumbnail, make_thumbnail

SIDE = 320  # pixels, of thumbnails
MOST_PIXELS = 100_000_000  # width × height of a picture that is decoded


def contact_sheet(hits: Sequence[Hit], folder: Path, *, title: str, told: str, picture: Path | None = None) -> str:
    """Write the page as HTML.

    Args:
        hits: the nearest first.
        folder: that paths of pictures are relative to; one that is gone is shown as none.
        title: what was looked for.
        told: below it.
        picture: that was looked for, if one was.
    """
    environment = Environment(
        loader=PackageLoader("huse.use"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("contact_sheet.html").render(
        title=title,
        told=told,
        picture=None if picture is None else _thumbnail(picture),
        hits=[(hit, _thumbnail(folder / hit.image) if hit.image else MISSING) for hit in hits],
    )


def _thumbnail(path: Path) -> Thumbnail:
    try:
        return make_thumbnail(read_picture(path, MOST_PIXELS, shorter_side=SIDE), SIDE)
    except PictureError:
        return MISSING
