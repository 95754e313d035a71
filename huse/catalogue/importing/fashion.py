"""Kaggle's Fashion Product Images: `styles.csv`, one product a line, and `images/ID.jpg`."""

from pathlib import Path

from huse.catalogue.importing.entries import Imported, list_pictures
from huse.catalogue.importing.lines import Lines
from huse.errors import InputError

LEVELS = ("masterCategory", "subCategory", "articleType")
IDENTITY, NAME = "id", "productDisplayName"


def import_fashion(folder: Path) -> Imported:
    """Read the data set; a class has three levels, from master category to article type.

    Some lines have too many fields, because a name has a comma and no quotes. The name is the last column, so the
    surplus fields belong to it.

    Raises:
        InputError: the table or the picture folder is missing, or the table lacks a column.
    """
    path, imported = folder / "styles.csv", Imported(folder / "images")
    pictures = set(list_pictures(imported.images))
    lines = Lines(imported, path, surplus=True, wanted=(IDENTITY, *LEVELS, NAME))
    columns, last = _columns(path, lines.header), len(lines.header) - 1
    asked = set()
    for where, record in lines:
        if len(record) > last + 1:
            imported.repaired.append(f"unquoted comma in the name: {where}")
        picture, name = f"{record[columns[IDENTITY]].strip()}.jpg", ",".join(record[last:])
        if picture not in pictures:
            imported.left_out.append(f"no picture: {where}, {picture}")
            continue
        asked.add(picture)
        imported.add(where, picture, name, [record[columns[level]] for level in LEVELS])
    imported.left_out += [f"a picture without a line: {picture}" for picture in sorted(pictures - asked)]
    return imported


def _columns(path: Path, names: list[str]) -> dict[str, int]:
    missing = [name for name in (IDENTITY, *LEVELS, NAME) if name not in names]
    if missing or names[-1] != NAME:
        wrong = f"no column {missing[0]}" if missing else f"{names[-1]} as the last column"
        raise InputError(
            f"{path}: expected {IDENTITY}, {', '.join(LEVELS)} and, as the last, {NAME} in its header; found {wrong}."
        )
    return {name: names.index(name) for name in names}
