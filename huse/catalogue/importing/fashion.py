"""Kaggle's Fashion Product Images: `styles.csv`, one product a line, and `images/ID.jpg`.

Copies have the columns in other orders and more of them. Pictures may be named as at the URLs in `images.csv`, where
`filename` is `ID.jpg` and `link` the URL.
"""

from pathlib import Path

from huse.catalogue.importing.entries import Imported
from huse.catalogue.importing.lines import Lines
from huse.catalogue.importing.pictures import Pictures
from huse.catalogue.records import find_columns

LEVELS = ("masterCategory", "subCategory", "articleType")
IDENTITY, NAME = "id", "productDisplayName"
LINKS = ("filename", "link")


def import_fashion(folder: Path) -> Imported:
    """Read the data set; a class has three levels, from master category to article type.

    Some lines have too many fields, because a name has a comma and no quotes. The surplus fields belong to the name,
    wherever it stands: no other column is free text.

    Raises:
        InputError: the table or the picture folder is missing, or the table lacks a column.
    """
    path, imported = folder / "styles.csv", Imported(folder / "images", folder / "styles.csv")
    pictures = Pictures(imported)
    wanted = {"the id": IDENTITY, "the name": NAME} | {f"level {depth}": level for depth, level in enumerate(LEVELS, 1)}
    lines = Lines(imported, path, surplus=True, wanted=wanted.values())
    needed = find_columns(path, lines.header, wanted)
    for place, column in zip(needed, wanted.values(), strict=True):
        lines.header[place] = column  # which the table may have in another case
    at = lines.header.index(NAME)
    links = _links(imported, folder / "images.csv")
    asked = set()
    for where, record in lines.rows(needed):
        end = at + len(record) - len(lines.header) + 1
        if end > at + 1:
            imported.repaired.append(f"unquoted comma in the name: {where}")
        row = dict(zip(lines.header, [*record[:at], ",".join(record[at:end]), *record[end:]], strict=True))
        identity = row[IDENTITY].strip()
        name = f"{identity}.jpg"
        picture = pictures.find(name) or (pictures.find(links[name]) if name in links else "")
        asked.add(picture)
        levels = [row[level] for level in LEVELS]
        imported.add(where, picture or name, row[NAME], levels, found=bool(picture), product=identity)
    imported.keep_by_name()
    imported.left_out += [f"a picture without a line: {picture}" for picture in pictures.paths if picture not in asked]
    pictures.say()
    return imported


def _links(imported: Imported, path: Path) -> dict[str, str]:
    """Map the pictures of `images.csv` to their URLs; none, if there is no such file."""
    if not path.is_file():
        return {}
    lines = Lines(imported, path, wanted=LINKS)
    name, link = find_columns(path, lines.header, {column: column for column in LINKS})
    return {record[name].strip(): record[link] for _, record in lines.rows((name, link))}
