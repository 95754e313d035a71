"""Checks every row of a catalogue: names, class paths, pictures, duplicate rows."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Literal, Protocol

from huse.catalogue.finding import PictureFolder
from huse.catalogue.mending import EMPTY, says_nothing
from huse.catalogue.reading import Action, Rejected, Row
from huse.catalogue.splitting import SPLITS
from huse.errors import InputError
from huse.storage import Place, Remote
from huse.taxonomy import LEVEL_SEPARATOR, split_path
from huse.wording import counted

NO_PATH, NO_FILE = "the picture's path is empty", "picture file does not exist"
LONGEST_NAME = 2000  # characters; a longer one is a description, or a damaged file
# What people write where there is no name, beside what programs write.
NO_NAMES = {
    *EMPTY,
    "untitled",
    "no name",
    "no title",
    "default title",
    "product",
    "item",
    "unknown",
    "missing",
    "tbd",
    "tba",
}


NONE = ("no picture: ", "no name: ", "no id of its product: ")  # of a cell that was taken as empty, in a row's repairs

Missing = Literal["keep", "drop"]


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
    """A row that passed all checks: a picture, a name, or both.

    Attributes:
        image: the picture, relative to the picture folder; empty where there is none.
        name: empty where there is none.
        digest: hash of the picture's bytes; empty where there is none.
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


@dataclass(frozen=True)
class Checked:
    """The result of checking.

    Attributes:
        products: in the order of the rows.
        rejected: rows left out, each with the reason.
        in_part: rows among the products whose picture or name was given but cannot be used, with the reason.
    """

    products: list[Product]
    rejected: list[Rejected]
    in_part: list[Rejected]


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


def why_no_name(name: str) -> str:
    """Return why a name cannot be used; empty: it can."""
    if not name:
        return "the name is empty"
    if says_nothing(name, NO_NAMES):
        return f"the name {name!r} says nothing"
    if len(name) > LONGEST_NAME:
        return f"the name has {len(name):,} characters, more than {LONGEST_NAME:,}"
    return ""


def picture_path(folder: Place, image: str) -> Place:
    """Return the picture's path, which must lie in `folder` as it is written.

    Links in the folder are the user's own: DVC makes them, where its cache is linked. A path with ``..`` is followed;
    object stores know none.

    Raises:
        ValueError: the path is empty, absolute, or leaves the folder.
    """
    if not image:
        raise ValueError(NO_PATH)
    if Path(image).is_absolute():
        raise ValueError("the picture's path is absolute; give it relative to the picture folder")
    if "\0" in image:
        raise ValueError("the picture's path has a zero byte")
    if isinstance(folder, Remote):
        if normpath(image).startswith(".."):
            raise ValueError("the picture's path leaves the picture folder")
        return folder / image
    path = folder / image
    if ".." in Path(image).parts:
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError) as error:
            raise ValueError(f"the picture's path cannot be followed ({error})") from error
        if not inside:
            raise ValueError("the picture's path leaves the picture folder")
    return path


def names_no_picture(image: str, pictures: PictureFolder) -> bool:
    """Say whether the cell of a picture says nothing, as ``nan`` does, and no picture is called so."""
    return bool(image) and says_nothing(image, NO_NAMES) and not (pictures.has(image) or pictures.find(image))


def locate_picture(image: str, pictures: PictureFolder) -> str:
    """Return a picture's path as the folder has it; as it is written where no file fits.

    Raises:
        ValueError: it is a URL.
    """
    if pictures.has(image):
        return image
    found = pictures.find(image)
    if found is None and "://" in image:
        raise ValueError("the picture is a URL, and nothing is downloaded; give the path of a file")
    return found or image


def check_rows(
    rows: Sequence[Row],
    folder: Place,
    inspect: Callable[[Sequence[Place]], Iterable[Inspection]],
    *,
    missing: Missing = "keep",
    by_id: bool = False,
    track: Callable[[Iterable[Inspection]], Iterable[Inspection]] = lambda inspections: inspections,
) -> Checked:
    """Check rows and open their pictures.

    Args:
        rows: as read.
        folder: the picture folder, local or of an object store.
        inspect: opens pictures, each path once, and gives an inspection of each, in their order.
        missing: ``keep`` rows that have only a picture or only a name, or ``drop`` them.
        by_id: whether rows of different ids that say the same are different products, all kept. In training they are
            variants of one, of which the first is enough: else its picture would be learned from and tested on.
        track: wraps the inspections, to show progress.

    Raises:
        InputError: rows name pictures, and the picture folder does not exist, or its store fails.
    """
    checked, pictures = Checked([], [], []), PictureFolder(folder)
    sound = list(_sound(rows, checked, pictures))
    located = [_with_picture(row, folder, pictures) for row in sound]
    if any(row.image for row in sound) and not pictures.is_there():
        raise InputError(
            f"{folder}: no such folder (catalogue.images, or --images). Give the folder that holds the pictures."
        )
    paths = list(dict.fromkeys(path for _, path in located if not isinstance(path, str)))
    inspections = dict(zip(paths, track(inspect(paths)), strict=True))
    judged = [_Judged(row, inspections[path] if not isinstance(path, str) else path) for row, path in located]
    return _kept(judged, checked, missing, by_id=by_id)


@dataclass(frozen=True)
class _NotOpened:
    """Stands for a picture that nobody has opened; its path tells it from others."""

    digest: str
    problem: None = None
    repair: str = ""


def check_table(rows: Sequence[Row], folder: Place, missing: Missing = "keep") -> Checked:
    """Check rows as far as the table tells, as if the pictures were sound.

    Only those that several rows name are looked for: a missing one does not make these rows one product.

    Args:
        rows: as read.
        folder: the picture folder.
        missing: see `check_rows`.
    """
    checked, pictures = Checked([], [], []), PictureFolder(folder)
    sound = list(_sound(rows, checked, pictures))
    times = Counter(row.image for row in sound)
    there = {image: image and (times[image] == 1 or pictures.has(image) or pictures.find(image)) for image in times}
    judged = [
        _Judged(row, _NotOpened(normpath(row.image)) if there[row.image] else NO_FILE if row.image else NO_PATH)
        for row in sound
    ]
    return _kept(judged, checked, missing)


def _sound(rows: Iterable[Row], checked: Checked, pictures: PictureFolder) -> Iterator[Row]:
    """Yield the rows whose split and class path are sound, without words for no picture; the others are rejected."""
    for row in rows:
        try:
            yield _without_words(_checked(row), pictures)
        except ValueError as error:
            checked.rejected.append(Rejected.of(row, str(error)))


def _without_words(row: Row, pictures: PictureFolder) -> Row:
    """Return the row, its picture's cell emptied if it says nothing, as ``nan``, and no picture is called so."""
    if not names_no_picture(row.image, pictures):
        return row
    return replace(row, image="", repairs=(*row.repairs, f"no picture: {row.image!r} says nothing"))


def _kept(judged: Sequence["_Judged"], checked: Checked, missing: Missing, *, by_id: bool = False) -> Checked:
    """Sort rows into those that are kept, kept in part and rejected, and return them."""

    def said(row: Row) -> tuple[str, str, str | None]:
        return row.name, row.classes, row.product if by_id else None

    named = {said(one.row) for one in judged if not one.no_picture}
    first_line: dict[tuple[str, tuple[str, str, str | None]], int] = {}
    for one in judged:
        reason, half, repeated = one.reason, one.half, False
        if (half.image or half.name) and (missing == "keep" or not reason):
            earlier = first_line.setdefault((normpath(half.image), said(half)), half.line)
            repeated = earlier != half.line and not one.lost
            reason = f"the same as line {earlier}" if earlier != half.line else ""
            if one.lost and not half.image and said(half) in named:
                reason = "the name stands in another row"  # without its picture, the row adds nothing
            reason = "; ".join(filter(None, (one.lost, reason))) if reason else ""
        if reason:
            checked.rejected.append(Rejected.of(one.row, reason, "repeated" if repeated else "left out"))
            continue
        checked.products.append(one.product())
        if one.lost:
            checked.in_part.append(Rejected.of(one.row, one.lost, "kept in part"))
    checked.rejected.sort(key=lambda row: row.line)
    return checked


def _located(row: Row, pictures: PictureFolder) -> Row:
    """Return the row with its picture's path as the folder has it, where the catalogue writes it otherwise."""
    found = locate_picture(row.image, pictures)
    if found == row.image:
        return row
    return replace(row, image=found, repairs=(*row.repairs, f"picture path written otherwise ({row.image})"))


def _checked(row: Row) -> Row:
    if row.split is not None and row.split not in SPLITS:
        raise ValueError(f"the split is {row.split!r}; expected {', '.join(SPLITS)}")
    classes = LEVEL_SEPARATOR.join(class_path(row.classes))
    return row if classes == row.classes else replace(row, classes=classes)


def _with_picture(row: Row, folder: Place, pictures: PictureFolder) -> tuple[Row, Place | str]:
    """Return the row with its picture located, and the picture's path, or why there can be none."""
    try:
        located = _located(row, pictures) if row.image else row
        path = picture_path(folder, located.image)
        if isinstance(path, Remote) and not pictures.has(located.image):
            raise ValueError(NO_FILE)
        return located, path
    except ValueError as error:
        return row, str(error)


@dataclass(frozen=True)
class _Judged:
    """A row with a sound class path, and the inspection of its picture or why there is no picture."""

    row: Row
    picture: Inspection | str

    @property
    def no_picture(self) -> str:
        """Why there is no picture that can be used; empty if there is one."""
        return self.picture if isinstance(self.picture, str) else self.picture.problem or ""

    @cached_property
    def no_name(self) -> str:
        """Why there is no name that can be used; empty if there is one."""
        return why_no_name(self.row.name)

    @property
    def reason(self) -> str:
        """What is missing; empty for a whole product."""
        return "; ".join(filter(None, (self.no_picture, self.no_name)))

    @property
    def lost(self) -> str:
        """Why a picture or a name that was given cannot be used; a name that says nothing was not given."""
        if self.row.image and self.no_picture:
            return f"without its picture, {self.no_picture}"
        return f"without its name, {self.no_name}" if len(self.row.name) > LONGEST_NAME else ""

    @cached_property
    def half(self) -> Row:
        """The row with what can be used of it."""
        if not self.no_picture and not self.no_name:
            return self.row
        return replace(
            self.row, image="" if self.no_picture else self.row.image, name="" if self.no_name else self.row.name
        )

    def product(self) -> Product:
        """Return what can be used of the row."""
        row = self.half
        digest, of_picture = ("", "") if isinstance(self.picture, str) else (self.picture.digest, self.picture.repair)
        of_name = f"no name: {self.no_name}" if self.row.name and self.no_name and not self.lost else ""
        return Product(
            row.line,
            row.image,
            row.name,
            row.classes,
            digest if row.image else "",
            "; ".join(filter(None, (*row.repairs, of_name, of_picture if row.image else ""))),
            row.split,
            row.product,
        )


def repaired(products: Iterable[Product]) -> list[Rejected]:
    """Return the products with something repaired, or a cell taken as empty, as rows of the table of odd rows."""
    return [
        Rejected(product.line, product.image, product.name, product.classes, product.repair, _action(product.repair))
        for product in products
        if product.repair
    ]


def _action(repair: str) -> Action:
    return "taken as empty" if all(each.startswith(NONE) for each in repair.split("; ")) else "repaired"


def tell_repaired(rows: Iterable[Rejected]) -> list[str]:
    """Return a line on repairs and one on cells taken as empty, if there are any: the most frequent kinds first.

    A row may count in both, and as several kinds.
    """
    repairs = [(row, repair) for row in rows for repair in row.reason.split("; ")]
    lines = []
    for emptied in (False, True):
        those = [(row, repair) for row, repair in repairs if repair.startswith(NONE) == emptied]
        if not those:
            continue
        count = len({row.line for row, _ in those})
        kinds = Counter(_without_details(repair) for _, repair in those)
        said = ", ".join(f"{times} × {kind}" for kind, times in kinds.most_common())
        told = f"{counted(count, 'row')} repaired: {said}"
        if emptied:
            told = f"{counted(count, 'row has', 'rows have')} cells that say nothing and are taken as empty: {said}"
        lines.append(f"{told}; the first: line {those[0][0].line}, {those[0][1]}")
    return lines


def count_lost(rejected: Iterable[Rejected]) -> int:
    """Return with how many of the rows something is lost that nobody has asked to leave out."""
    return sum(row.action not in ("repeated", "chosen") for row in rejected)


def share_lost(sound: int, rejected: Collection[Rejected], in_part: Iterable[Rejected]) -> float:
    """Return the share of the rows of a table with which something is lost; `sound` of them became products."""
    return (count_lost(rejected) + count_lost(in_part)) / (sound + len(rejected))


def summarise_rejected(rejected: Sequence[Rejected], shown: int = 10) -> str:
    """Summarise what was left out in a few lines: counts by kind of reason, then the first rows."""
    kinds = Counter(kind_of_reason(row.reason) for row in rejected)
    lines = [f"  {count} × {kind}" for kind, count in kinds.most_common()]
    lines += [f"  line {row.line}: {row.image[:60] or '(no picture)'}: {row.reason}" for row in rejected[:shown]]
    if len(rejected) > shown:
        lines.append(f"  … and {len(rejected) - shown} more")
    return "\n".join(lines)


def kind_of_reason(reason: str) -> str:
    """Drop the parts that differ by row: brackets, text after a colon, quoted text, numbers."""
    return re.sub(r"(?<!\w)'.*'(?!\w)|\d[\d,.]*", "…", _without_details(reason))


def _without_details(reason: str) -> str:
    return re.split(r" \(|: ", reason, maxsplit=1)[0]
