"""Checks every row of a catalogue: names, class paths, pictures, duplicate rows."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath
from typing import Protocol

from huse.catalogue.finding import PictureFolder
from huse.catalogue.reading import Rejected, Row
from huse.catalogue.splitting import SPLITS
from huse.errors import InputError
from huse.taxonomy import LEVEL_SEPARATOR, split_path

LONGEST_NAME = 2000  # characters; a longer one is a description, or a damaged file
# What exports write where there is no name.
NO_NAMES = {
    "nan",
    "none",
    "null",
    "n/a",
    "#n/a",
    "<na>",
    "undefined",
    "untitled",
    "no name",
    "no title",
    "product",
    "item",
}


class Inspection(Protocol):
    """The result of inspecting a picture file."""

    @property
    def digest(self) -> str:
        """Hash of the file's bytes."""

    @property
    def problem(self) -> str | None:
        """Why the picture cannot be used, or None."""

    @property
    def repair(self) -> str:
        """How it was repaired; empty if it was not."""


@dataclass(frozen=True)
class Product:
    """A row that passed all checks.

    Attributes:
        digest: hash of the picture's bytes.
        repair: of picture, name and class path, for messages.
        split: the one given by the catalogue, or None.
        product: id given by the catalogue, or None.
    """

    line: int
    image: str
    name: str
    classes: str
    digest: str
    repair: str
    split: str | None = None
    product: str | None = None


def class_path(classes: str) -> tuple[str, ...]:
    """Split ``a < b<c`` into its levels, each stripped; a separator at the end separates nothing.

    Raises:
        ValueError: there is no level, or an empty one.
    """
    levels = tuple(level.strip() for level in split_path(classes))
    while len(levels) > 1 and not levels[-1]:
        levels = levels[:-1]
    if levels == ("",):
        raise ValueError("the class path is empty")
    if "" in levels:
        raise ValueError(f"the class path {classes!r} has an empty level")
    return levels


def picture_path(folder: Path, image: str) -> Path:
    """Return the picture's path, which must lie in `folder` as it is written.

    Links in the folder are the user's own: DVC makes them, where its cache is linked. A path with ``..`` is followed.

    Raises:
        ValueError: the path is absolute, or leaves the folder.
    """
    if Path(image).is_absolute():
        raise ValueError("the picture's path is absolute; give it relative to the picture folder")
    if "\0" in image:
        raise ValueError("the picture's path has a zero byte")
    path = folder / image
    if ".." in Path(image).parts:
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError) as error:
            raise ValueError(f"the picture's path cannot be followed ({error})") from error
        if not inside:
            raise ValueError("the picture's path leaves the picture folder")
    return path


def check_rows(
    rows: Sequence[Row],
    folder: Path,
    inspect: Callable[[Path], Inspection],
    *,
    workers: int,
    track: Callable[[Iterable[Inspection]], Iterable[Inspection]] = lambda inspections: inspections,
) -> tuple[list[Product], list[Rejected]]:
    """Check rows and open their pictures.

    Args:
        rows: as read.
        folder: the picture folder.
        inspect: opens a picture; called from threads, once a path.
        workers: threads.
        track: wraps the inspections, to show progress.

    Returns:
        Products in the order of the rows, and the rows left out with the reason.

    Raises:
        InputError: the picture folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder (catalogue.images). Give the folder that holds the pictures.")
    rejected: list[Rejected] = []
    sound: list[tuple[Row, Path]] = []
    first_line: dict[tuple[str, str, str], int] = {}
    pictures = PictureFolder(folder)
    for row in rows:
        try:
            located = _located(row, pictures)
            sound.append((_checked(located, first_line), picture_path(folder, located.image)))
        except ValueError as error:
            rejected.append(Rejected.of(row, str(error)))
    paths = list(dict.fromkeys(path for _, path in sound))
    with ThreadPoolExecutor(workers) as pool:
        inspections = dict(zip(paths, track(pool.map(inspect, paths)), strict=True))
    products = []
    for row, path in sound:
        inspection = inspections[path]
        if inspection.problem is not None:
            rejected.append(Rejected.of(row, inspection.problem))
        else:
            repair = "; ".join(filter(None, (*row.repairs, inspection.repair)))
            own = {name: getattr(row, name) for name in ("line", "image", "name", "classes", "split", "product")}
            products.append(Product(**own, digest=inspection.digest, repair=repair))
    return products, sorted(rejected, key=lambda row: row.line)


def _located(row: Row, pictures: PictureFolder) -> Row:
    """Return the row with its picture's path as the folder has it, where the catalogue writes it otherwise."""
    if pictures.has(row.image):
        return row
    found = pictures.find(row.image)
    if found is not None:
        return replace(row, image=found, repairs=(*row.repairs, f"picture path written otherwise ({row.image})"))
    if "://" in row.image:
        raise ValueError("the picture is a URL, and nothing is downloaded; give the path of a file")
    return row


def _checked(row: Row, first_line: dict[tuple[str, str, str], int]) -> Row:
    if not row.image:
        raise ValueError("the picture's path is empty")
    if not row.name:
        raise ValueError("the name is empty")
    if row.name.casefold() in NO_NAMES or not any(map(str.isalnum, row.name)):
        raise ValueError(f"the name {row.name!r} says nothing")
    if len(row.name) > LONGEST_NAME:
        raise ValueError(f"the name has {len(row.name):,} characters, more than {LONGEST_NAME:,}")
    if row.split is not None and row.split not in SPLITS:
        raise ValueError(f"the split is {row.split!r}; expected {', '.join(SPLITS)}")
    row = replace(row, classes=LEVEL_SEPARATOR.join(class_path(row.classes)))
    earlier = first_line.setdefault((normpath(row.image), row.name, row.classes), row.line)
    if earlier != row.line:
        raise ValueError(f"the same as line {earlier}")
    return row


def repaired(products: Iterable[Product]) -> list[Rejected]:
    """Return the products with something repaired, as rows of the table of rejected and repaired rows."""
    return [
        Rejected(product.line, product.image, product.name, product.classes, product.repair, "repaired")
        for product in products
        if product.repair
    ]


def summarise_repaired(rows: Iterable[Rejected]) -> str:
    """Summarise repairs in one line: counts by kind, the most frequent first; a picture may count twice."""
    kinds = Counter(_without_details(repair) for row in rows for repair in row.reason.split("; "))
    return ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())


def summarise_rejected(rejected: Sequence[Rejected], shown: int = 10) -> str:
    """Summarise what was left out in a few lines: counts by kind of reason, then the first rows."""
    kinds = Counter(_kind(row.reason) for row in rejected)
    lines = [f"  {count} × {kind}" for kind, count in kinds.most_common()]
    lines += [f"  line {row.line}: {row.image[:60] or '(no picture)'}: {row.reason}" for row in rejected[:shown]]
    if len(rejected) > shown:
        lines.append(f"  … and {len(rejected) - shown} more")
    return "\n".join(lines)


def _kind(reason: str) -> str:
    """Drop the parts that differ by row: brackets, text after a colon, quoted text, numbers."""
    return re.sub(r"'.*'|\d[\d,.]*", "…", _without_details(reason))


def _without_details(reason: str) -> str:
    return re.split(r" \(|: ", reason, maxsplit=1)[0]
