"""A tree of folders with pictures, whose folders are the class levels; with or without a table of captions."""

from collections import Counter
from pathlib import Path

from huse.catalogue.importing.entries import ENDINGS, Imported, spoken
from huse.catalogue.importing.lines import Lines
from huse.catalogue.importing.pictures import Pictures
from huse.catalogue.importing.splits import take_splits
from huse.catalogue.records import find_columns
from huse.errors import InputError
from huse.wording import counted

IMAGE_HEADERS = ("image", "file", "filename", "file_name", "picture", "path")
NAME_HEADERS = ("caption", "name", "title", "text", "description")

SHOWN = 8  # endings in a remark


def import_folders(
    folder: Path,
    captions: Path | None,
    image: str | None = None,
    name: str | None = None,
    *,
    split_folders: bool | None = None,
    names: bool = True,
) -> Imported:
    """Read a folder tree.

    Args:
        folder: of pictures; one in ``shoes/boots`` is of the class ``shoes<boots``.
        captions: table of text with a header. Names pictures by path below the folder or, if unique, by
            file name, in any writing; and captions. None: products are named by their files.
        image: header of the column of pictures; None: the first of `IMAGE_HEADERS` found.
        name: header of the column of captions; None: the first of `NAME_HEADERS` found.
        names: whether files name their products, where there are no captions; else products have no name.
        split_folders: whether folders such as ``train`` are splits, not levels; None: see `take_splits`.

    Raises:
        InputError: the folder or the table is missing; no picture lies in a folder below it; the table lacks a column
            or has it several times; or split folders are wanted, but there are none.
    """
    imported = Imported(folder)
    known = Pictures(imported)
    pictures = known.paths
    imported.left_out += [f"the path is not UTF-8, rename it: {path}" for path in known.unnamed]
    if captions is None:
        named = {picture: spoken(Path(picture).stem) for picture in pictures if names}
        how = "are named by their files (--no-names leaves them without)" if names else "have no names"
        imported.remarks.append(f"no captions were given, so products {how}")
    else:
        named = _captions(imported, known, captions, image, name)
    imported.remarks += _others_remark(folder, known.others, captions)
    tree = [tuple(picture.split("/")[:-1]) for picture in pictures]
    if pictures and not any(tree):
        raise InputError(
            f"{folder}: expected pictures in folders that are named after their classes, such as shoes/boots/4711.jpg; "
            f"found {counted(len(pictures), 'picture')} side by side. `huse import table` takes classes of a table."
        )
    for picture, taken in zip(pictures, take_splits(imported, tree, split_folders), strict=True):
        if taken is None:
            imported.left_out.append(f"not in a folder of a split: {picture}")
        else:
            split, folders = taken
            imported.add(picture, picture, named.get(picture, ""), [spoken(level) for level in folders], split=split)
    return imported


def _others_remark(folder: Path, files: list[str], captions: Path | None) -> list[str]:
    """Return a remark on files that are no pictures by their endings, other than the table of captions."""
    others = [file for file in files if captions is None or (folder / file).resolve() != captions.resolve()]
    if not others:
        return []
    counts = Counter(Path(file).suffix.lower() or "without an ending" for file in others)
    told = ", ".join(f"{count:,} × {ending}" for ending, count in counts.most_common(SHOWN))
    return [
        f"{counted(len(others), 'file')} of other kinds passed over: {told}{', …' if len(counts) > SHOWN else ''}, "
        f"first {others[0]}. Pictures are {', '.join(ENDINGS)}"
    ]


def _captions(
    imported: Imported, pictures: Pictures, path: Path, image: str | None, name: str | None
) -> dict[str, str]:
    lines = Lines(imported, path, wanted=[column for column in (image, name) if column is not None])
    columns = lines.header
    asked = (("--image", image, IMAGE_HEADERS), ("--name", name, NAME_HEADERS))
    at = [_column(path, columns, option, wanted, known) for option, wanted, known in asked]
    imported.remarks.append(f"{path.name}: pictures are in column {columns[at[0]]}, captions in {columns[at[1]]}")
    found: dict[str, str] = {}
    for where, record in lines.rows(at):
        picture = pictures.find_named(record[at[0]])
        if not picture:
            imported.left_out.append(f"a caption without a picture: {where}, {record[at[0]]}")
        elif picture in found:
            imported.left_out.append(f"a second caption: {where}, {picture}")
        else:
            found[picture] = record[at[1]]
    pictures.say()
    return found


def _column(path: Path, columns: list[str], option: str, wanted: str | None, known: tuple[str, ...]) -> int:
    lower = [column.lower() for column in columns]
    column = wanted if wanted is not None else next((name for name in known if name in lower), None)
    if column is None:
        expected, found = ", ".join(known), ", ".join(columns)
        raise InputError(f"{path}: expected a column one of {expected}, found {found}. Name it: {option}")
    return find_columns(path, columns, {option: column})[0]
