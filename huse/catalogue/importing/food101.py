"""UPMC Food-101: pictures of dishes, each with the title of the web page that it was found on.

Beside `images/train/CLASS/NAME.jpg` and `images/test/CLASS/NAME.jpg` stand, in the folder itself or in `texts`,
`train_titles.csv` and `test_titles.csv`: without a header, of the columns picture, title, class.
"""

from pathlib import Path

from huse.catalogue.importing.entries import Imported, list_pictures, spoken
from huse.catalogue.importing.lines import Lines
from huse.errors import InputError

SPLITS = ("train", "test")
PLACES = ("texts", ".")
HEADER = ["image", "title", "class"]


def import_food101(folder: Path) -> Imported:
    """Read the data set, its split kept.

    If a title has unquoted commas, the line has more than three fields; all between the first and the last are the
    title.

    Raises:
        InputError: a file of titles, or the picture folder, is missing.
    """
    imported = Imported(folder / "images")
    pictures = set(list_pictures(imported.images))
    asked: set[str] = set()
    for split in SPLITS:
        lines = Lines(imported, _titles(folder, split), header=HEADER, surplus=True, delimiter=",")
        for where, record in lines.rows(range(len(HEADER))):
            image, *title, name = record
            picture = f"{split}/{name.strip()}/{image.strip()}"
            found = picture in pictures
            if found and len(title) > 1:
                imported.repaired.append(f"unquoted commas in the title: {where}")
            asked.add(picture)
            imported.add(where, picture, ",".join(title), [spoken(name)], found=found, split=split)
    imported.keep_by_name()
    imported.left_out += [f"a picture without a title: {picture}" for picture in sorted(pictures - asked)]
    return imported


def _titles(folder: Path, split: str) -> Path:
    name = f"{split}_titles.csv"
    for place in PLACES:
        if (folder / place / name).is_file():
            return folder / place / name
    raise InputError(f"{folder}: expected {name} in it or in texts/, found none. Unpack the whole data set there.")
