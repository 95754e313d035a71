"""Any table with one row a picture; the user names its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huse.catalogue.importing.entries import Imported, list_pictures
from huse.catalogue.importing.lines import Lines
from huse.catalogue.records import find_columns
from huse.errors import InputError

NAMES_OF_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Columns:
    """Headers of a table.

    Attributes:
        image: the picture's path below the picture folder.
        name: the product's name.
        classes: the class: one column a level, coarse to fine, or one with the whole path.
        split: the split, if the table has one.
        separator: between the levels of a class path in one column.
    """

    image: str
    name: str
    classes: Sequence[str]
    split: str | None = None
    separator: str = "<"


def import_table(path: Path, images: Path, columns: Columns, *, delimiter: str | None, encoding: str) -> Imported:
    """Read a table.

    Args:
        path: the file, with a header.
        images: the picture folder.
        columns: their headers.
        delimiter: see `huse.catalogue.records.Records`.
        encoding: see `huse.catalogue.records.Records`.

    Raises:
        InputError: the table or the folder is missing, or the table lacks a column; or the delimiter is no character.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise InputError(f"--delimiter: expected one character, found {delimiter!r}. A tab: --delimiter $'\\t'")
    imported = Imported(images)
    pictures = set(list_pictures(images))
    wanted = {"--image": columns.image, "--name": columns.name}
    wanted |= {f"--classes {name}": name for name in columns.classes}
    wanted |= {} if columns.split is None else {"--split": columns.split}
    lines = Lines(imported, path, delimiter=delimiter, encoding=encoding, wanted=wanted.values())
    find_columns(path, lines.header, wanted)
    for where, record in lines:
        _take(imported, where, dict(zip(lines.header, record, strict=True)), columns, pictures)
    return imported


def _take(imported: Imported, where: str, row: dict[str, str], columns: Columns, pictures: set[str]) -> None:
    image = row[columns.image].strip().removeprefix("./")
    if image not in pictures:
        imported.left_out.append(f"no picture: {where}, {image}")
        return
    split = None
    if columns.split:
        split = NAMES_OF_SPLITS.get(row[columns.split].strip().lower())
        if split is None:
            imported.left_out.append(f"no known split: {where}, {row[columns.split]!r}")
            return
    levels = [row[name] for name in columns.classes]
    if len(levels) == 1:
        levels = levels[0].split(columns.separator)
    imported.add(where, image, row[columns.name], levels, split)
