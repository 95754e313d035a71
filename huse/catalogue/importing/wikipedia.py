"""The Wikipedia set of Rasiwasia et al. (2010): sections of articles, each with a picture, by features alone.

In the folder itself or in one below it stand `trainset_txt_img_cat.list` and `testset_txt_img_cat.list`, whose lines
are the text, the picture and the number of the category, and `raw_features.mat` or `raw_features.npz` with `I_tr`,
`I_te`, `T_tr` and `T_te`: one row a line, bags of visual words of the pictures and topics of the texts. The names of
the categories are in `categories.list`, and pictures, where they are unpacked, in `images/CATEGORY/PICTURE.jpg`.

Letters: N pairs, V visual words, T topics.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from huse.catalogue.importing.entries import Imported, list_pictures, spoken
from huse.errors import InputError

SPLITS = {"train": "tr", "test": "te"}
FEATURES = ("raw_features.mat", "raw_features.npz")
SIDE = 16  # pixels of a visual word, in a picture that stands for one

Arrays = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class WithVectors:
    """An import whose pictures and names have vectors.

    Attributes:
        imported: the rows; the name of a text is its number, since its words are not among the features.
        images: one row a picture: `image`, and its V values.
        texts: one row a name: `name`, and its T values.
        drawn: where no pictures are unpacked, by path a picture of the features of each, uint8.
    """

    imported: Imported
    images: pd.DataFrame
    texts: pd.DataFrame
    drawn: dict[str, npt.NDArray[np.uint8]]


def import_wikipedia(folder: Path) -> WithVectors:
    """Read the data set, its split kept.

    Raises:
        InputError: a file is missing, or says something else than the others.
    """
    lists = {split: _find(folder, f"{split}set_txt_img_cat.list") for split in SPLITS}
    file = _find(folder, *FEATURES)
    features = _features(file)
    names = _categories(folder)
    unpacked = folder / "images" if (folder / "images").is_dir() else None
    imported = Imported(unpacked or folder)
    imported.tables += [*lists.values(), file]
    pictures = {Path(path).stem: path for path in list_pictures(unpacked)} if unpacked else {}
    rows: list[tuple[str, str, npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    for split, short in SPLITS.items():
        lines = lists[split].read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line for line in lines if line.strip()]
        for kind in "IT":
            count = len(features[f"{kind}_{short}"])
            if count != len(lines):
                raise InputError(
                    f"{file}: {kind}_{short}: expected a row for each of the {len(lines)} lines of "
                    f"{lists[split].name}, found {count}. Take both from the same archive."
                )
        pairs = zip(lines, features[f"I_{short}"], features[f"T_{short}"], strict=True)
        for number, (line, image, text) in enumerate(pairs, start=1):
            where = f"{lists[split].name} line {number}"
            cells = line.split("\t") if "\t" in line else line.split()
            if len(cells) != 3 or not cells[2].strip().isdecimal():
                raise InputError(f"{where}: expected text, picture and number of the category, found {line[:80]!r}.")
            article, picture, category = (cell.strip() for cell in cells)
            path = pictures.get(picture, "") if pictures else f"{picture}.png"
            name = f"text {len(rows) + 1}"
            imported.add(
                where,
                path or f"{picture}.jpg",
                name,
                [names.get(int(category), f"category {category}")],
                found=bool(path),
                split=split,
                product=article,
            )
            rows.append((path, name, image, text))
    imported.keep_by_name()
    first: dict[str, npt.NDArray[np.float32]] = {}
    for path, _, image, _ in rows:
        if path:
            first.setdefault(path, image)
    return WithVectors(
        imported,
        _table("image", list(first), np.stack(list(first.values())) if first else features["I_tr"][:0]),
        _table("name", [name for _, name, _, _ in rows], np.stack([text for *_, text in rows])),
        {} if pictures else {path: _draw(image) for path, image in first.items()},
    )


def _find(folder: Path, *names: str) -> Path:
    for name in names:
        found = sorted(path for place in ("", "*/") for path in folder.glob(f"{place}{name}") if path.is_file())
        if found:
            return found[0]
    raise InputError(f"{folder}: expected {' or '.join(names)} in it or in a folder of it, found none.")


def _features(file: Path) -> Arrays:
    """Return `I_tr`, `I_te`, `T_tr` and `T_te`, each N × V or N × T float32."""
    wanted = [f"{kind}_{short}" for kind in "IT" for short in SPLITS.values()]
    try:
        if file.suffix == ".mat":
            content = loadmat(file, variable_names=wanted)
        else:
            with np.load(file, allow_pickle=False) as archive:
                content = {name: archive[name] for name in wanted if name in archive}
    except NotImplementedError:
        raise InputError(f"{file}: is MATLAB's format 7.3. Save it with `-v7`, or as raw_features.npz.") from None
    except (ValueError, OSError, MatReadError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be read ({str(error).partition(chr(10))[0]}). Unpack it again.") from None
    missing = [name for name in wanted if name not in content]
    if missing:
        raise InputError(f"{file}: expected {', '.join(wanted)}, found no {', '.join(missing)}.")
    found: Arrays = {}
    for name in wanted:
        array = np.asarray(content[name])
        if array.ndim != 2 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise InputError(f"{file}: {name}: expected rows of finite numbers, found {array.dtype} {array.shape}.")
        found[name] = array.astype(np.float32)
    for kind in "IT":
        if found[f"{kind}_tr"].shape[1] != found[f"{kind}_te"].shape[1]:
            widths = [found[f"{kind}_{short}"].shape[1] for short in SPLITS.values()]
            raise InputError(
                f"{file}: expected {kind}_tr and {kind}_te of one width, found {widths[0]} and {widths[1]}."
            )
    return found


def _categories(folder: Path) -> dict[int, str]:
    """Return the names of the categories by number, from 1 on; empty where the list is not there."""
    try:
        lines = _find(folder, "categories.list").read_text(encoding="utf-8", errors="replace").splitlines()
    except InputError:
        return {}
    return dict(enumerate((spoken(line) for line in lines if line.strip()), start=1))


def _table(key: str, keys: list[str], vectors: npt.NDArray[np.float32]) -> pd.DataFrame:
    columns = {f"value_{number}": column for number, column in enumerate(vectors.T, start=1)}
    return pd.DataFrame({key: keys, **columns})


def _draw(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Draw V values as a square of grey tiles, the greatest white; rows of it are filled up with black."""
    side = int(np.ceil(np.sqrt(len(values))))
    tiles = np.zeros(side * side, np.float32)
    tiles[: len(values)] = values / max(float(np.abs(values).max()), 1e-12)
    grey = np.round(255 * np.clip(tiles, 0, 1)).astype(np.uint8).reshape(side, side)
    return np.kron(grey, np.ones((SIDE, SIDE), np.uint8))
