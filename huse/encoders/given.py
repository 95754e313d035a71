"""An encoder that knows vectors beforehand: those that the user gives, of names, classes or pictures.

Letters: M given vectors, N items, D values a vector.
"""

import logging
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from huse.encoders.contract import ItemError, read_config, write_config
from huse.encoders.keyed_table import load_keyed, save_keyed
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.object_copies import local
from huse.settings import Settings
from huse.storage import Remote
from huse.vision.given_pictures import GivenPictureSettings

NAMES = "names"  # in the folder of the encoder
Kind = Literal["text", "picture"]
SHOWN = 3  # examples
LARGEST = 1e15  # of a value; the squares of larger ones, summed up, are too large for float32

OTHER_KINDS = "cmM"  # of values, complex and of time: NumPy makes other numbers of them without an error

Floats = npt.NDArray[np.float32]


class GivenFileSettings(Settings):
    """A file of vectors that the user has."""

    file: str | None = Field(
        default=None, description="Parquet with a column of lists of numbers, or several columns of numbers; or .npy"
    )
    names: str = Field(
        default="name",
        min_length=1,
        description="the column of names; of a .npy, a text file with the name of each row",
    )


class GivenSettings(GivenFileSettings):
    """Vectors of names that the user has."""

    max_missing: float = Field(
        default=0.05, ge=0, le=1, description="a larger share of names without a given vector stops the run"
    )


class GivenLabelSettings(GivenFileSettings):
    """Vectors of classes that the user has."""

    names: str = Field(
        default="classes",
        min_length=1,
        description="the column of class paths; of a .npy, a text file with the class path of each row",
    )


@dataclass(frozen=True, eq=False)
class GivenEncoder:
    """Looks vectors up.

    Attributes:
        keys: M, each once: names or classes, white space and the composition of letters aside; or paths of pictures.
        vectors: M × D float32.
        fingerprint: of the file that gave them.
        kind: of the items.
    """

    family: ClassVar[str] = "given"

    keys: Sequence[str]
    vectors: Floats
    fingerprint: str
    kind: Kind = "text"

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, "given_sha256": self.fingerprint, "kind": self.kind}

    def encode(self, items: Sequence[Any]) -> Floats:
        """Look items up.

        Args:
            items: N names as in the catalogue; or N paths of pictures, which may have folders before them.

        Returns:
            N × D float32; zeros of an empty name.

        Raises:
            ItemError: an item has no given vector; names the first.
        """
        found = np.zeros((len(items), self.dimension), np.float32)
        for number, item in enumerate(items):
            row = self._row(item)
            if row is not None:
                found[number] = self.vectors[row]
            elif self.kind == "picture" or _key(item):
                raise ItemError(number, self.kind, self._reason(item), repr(str(item)) if _told(item) else "")
        return found

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    def _row(self, item: Any) -> int | None:
        if self.kind == "picture" and not _told(item):
            return None
        keys = _ends(str(item)) if self.kind == "picture" else [_key(item)]
        return next((self.rows[key] for key in keys if key in self.rows), None)

    def _reason(self, item: Any) -> str:
        if _told(item):
            what = "name" if self.kind == "text" else "picture"
            return f"no vector was given for this {what}, and this encoder can make none"
        return f"expected the path of a picture whose vector was given, found {type(item).__name__}"

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        save_keyed(self.keys, self.vectors, folder, NAMES)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`; the vectors are memory-mapped."""
        config = read_config(folder, ("given_sha256", "kind"))
        return cls(*load_keyed(folder, NAMES), config["given_sha256"], config["kind"])


def open_given(settings: GivenFileSettings, root: Path, names: Sequence[str], *, of: str = "names") -> GivenEncoder:
    """Read given vectors of names or classes; those of the catalogue without one get zeros, and how many is said.

    Args:
        settings: which file.
        root: base of a relative path.
        names: N of the catalogue; empty ones need no vector.
        of: what they are called in messages.

    Raises:
        InputError: as `read_given`; or too many names have no vector.
    """
    if settings.file is None:
        raise InputError("given.file: expected a file of vectors, found null. Name a Parquet or .npy file.")
    given = read_given(local(root, settings.file), settings.names, root)
    wanted = list(dict.fromkeys(filter(None, map(_key, names))))
    most = settings.max_missing if isinstance(settings, GivenSettings) else 0.0
    return _with_zeros(given, wanted, most, settings.file, of)


def open_given_pictures(
    file: str, settings: GivenPictureSettings, root: Path, images: Sequence[str], products: Sequence[str] | None
) -> GivenEncoder:
    """Read given vectors of pictures; pictures of the catalogue without one get zeros, and how many is said.

    Args:
        file: Parquet or .npy.
        settings: how its rows are told.
        root: base of a relative path.
        images: N paths of the catalogue's pictures.
        products: N ids of products, where the catalogue has them.

    Raises:
        InputError: as `read_given`; or too many pictures have no vector; or the catalogue has no ids.
    """
    given = read_given(local(root, file), settings.column, root)
    if settings.by == "product":
        if products is None:
            raise InputError(
                "backbone.given.by: product needs the ids of products, and the catalogue has none. Set "
                "catalogue.columns.product to their column, or `by` to image."
            )
        row = given.rows
        pairs = [(_key(image), _key(product)) for image, product in zip(images, products, strict=True)]
        known = {image: row[product] for image, product in pairs if product in row}
        places = np.fromiter(known.values(), np.int64, len(known))
        given = GivenEncoder(list(known), given.vectors[places], given.fingerprint)
    given = _with_zeros(given, list(dict.fromkeys(map(_key, images))), settings.max_missing, file, "pictures")
    return replace(given, kind="picture")


def _with_zeros(given: GivenEncoder, wanted: Sequence[str], most: float, file: str, of: str) -> GivenEncoder:
    """Add zeros for what has no vector; raises an `InputError` where that is more than a share of `most`."""
    missing = [name for name in wanted if name not in given.rows]
    if not missing:
        return given
    first = ", ".join(map(repr, missing[:SHOWN]))
    said = f"{len(missing)} of {len(wanted)} different {of} have no vector in {file}, first {first}"
    if len(missing) > most * len(wanted):
        raise InputError(
            f"{said}. More than max_missing = {most:.0%}: add them, as they are written in "
            "data/catalogue/products.parquet, or raise it."
        )
    logging.warning("%s: they get zeros", said)
    vectors = np.concatenate([given.vectors, np.zeros((len(missing), given.dimension), np.float32)])
    return GivenEncoder([*given.keys, *missing], vectors, given.fingerprint)


def read_given(file: Path, column: str, root: Path = Path()) -> GivenEncoder:
    """Read given vectors, all of them.

    Of a key that comes twice with different vectors the first counts, and how many such there are is said.

    Args:
        file: Parquet with a column of lists of numbers, or several columns of numbers; or .npy.
        column: of the keys; of a .npy, a text file with the key of each row.
        root: base of the text file.

    Raises:
        InputError: a file is missing or damaged, holds no keys or vectors, or they do not fit.
    """
    try:
        if file.suffix == ".npy":
            names = local(root, column).read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
            vectors = np.load(file, allow_pickle=False)
        else:
            names, vectors = _columns(pd.read_parquet(file), column)
        if vectors.dtype.kind in OTHER_KINDS:
            raise ValueError(f"expected numbers, found {vectors.dtype}")
        vectors = np.ascontiguousarray(vectors, np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or file}: not found. Expected names and their vectors.") from None
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"{file}: cannot be read as names and their vectors ({error}).") from None
    if vectors.ndim != 2 or len(names) != len(vectors) or not vectors.size:
        shape = " × ".join(map(str, vectors.shape))
        raise InputError(f"{file}: expected a vector a name, found {len(names)} names and an array of {shape}.")
    broken = np.flatnonzero(~(np.abs(vectors) <= LARGEST).all(axis=1))
    if len(broken):
        raise InputError(
            f"{file}: the vector of {names[broken[0]]!r} (row {broken[0]}) has a value that is not finite, or above "
            f"{LARGEST:g}. Give others."
        )
    rows: dict[str, int] = {}
    again = [number for number, name in enumerate(map(_key, names)) if rows.setdefault(name, number) != number]
    other = [names[number] for number in again if (vectors[rows[_key(names[number])]] != vectors[number]).any()]
    if other:
        first = ", ".join(map(repr, other[:SHOWN]))
        logging.warning(
            "%s: %d names come again with another vector, first %s: the first counts", file, len(other), first
        )
    return GivenEncoder(list(rows), vectors[list(rows.values())], fingerprint_file(file))


def _columns(table: pd.DataFrame, column: str) -> tuple[list[str], npt.NDArray[Any]]:
    """Return names, and M × D numbers: of the one column of lists, or else of all columns of numbers.

    A row with null in place of a list gives no vector.
    """
    if column in table and pd.api.types.is_integer_dtype(table[column]):  # ids of products
        table = table.astype({column: str})
    if column not in table or not all(isinstance(name, str) for name in table[column]):
        raise ValueError(
            f"expected texts in a column `{column}`, found the columns {', '.join(map(str, table.columns))}"
        )
    numbers = table.drop(columns=column).select_dtypes("number")
    others = [name for name in table if name != column]
    lists = [name for name in others if any(isinstance(value, np.ndarray) for value in table[name])]
    if len(lists) == 1:
        there = table.dropna(subset=lists)
        return there[column].tolist(), np.stack(there[lists[0]].tolist())
    if lists or numbers.empty:
        raise ValueError(
            f"expected one column of lists or some of numbers beside `{column}`, found {len(lists)} of lists"
        )
    return table[column].tolist(), numbers.to_numpy()


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _told(item: Any) -> bool:
    return isinstance(item, str | Path | Remote)


def _ends(path: str) -> Iterator[str]:
    """Yield a path, and what is left of it without one folder after the other."""
    yield _key(path)
    parts = (PureWindowsPath(path) if "\\" in path else PurePosixPath(path)).parts
    yield from (_key("/".join(parts[start:])) for start in range(len(parts)))
