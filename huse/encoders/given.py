"""An encoder that knows the vectors of names beforehand: those that the user gives.

Letters: M given names, N names, D values a vector.
"""

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from gensim.models import KeyedVectors
from pydantic import Field

from huse.encoders.contract import ItemError, read_config, write_config
from huse.encoders.word_table import load_words, save_words
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.settings import Settings
from huse.text.word_vectors import keyed_vectors

NAMES = "names"  # in the folder of the encoder
SHOWN = 3  # examples

Floats = npt.NDArray[np.float32]


class GivenSettings(Settings):
    """Vectors that the user has."""

    file: str | None = Field(
        default=None, description="Parquet with a column of lists of numbers, or several columns of numbers; or .npy"
    )
    names: str = Field(
        default="name",
        min_length=1,
        description="the column of names; of a .npy, a text file with the name of each row",
    )
    max_missing: float = Field(
        default=0.05, ge=0, le=1, description="a larger share of names without a given vector stops the run"
    )


@dataclass(frozen=True, eq=False)
class GivenEncoder:
    """Looks the vectors of names up.

    Attributes:
        vectors: by name, white space and the composition of letters aside.
        fingerprint: of the file that gave them.
    """

    family: ClassVar[str] = "given"

    vectors: KeyedVectors
    fingerprint: str

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.vectors.vector_size)

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, "given_sha256": self.fingerprint}

    def encode(self, items: Sequence[str]) -> Floats:
        """Look names up.

        Args:
            items: N names as in the catalogue.

        Returns:
            N × D float32; zeros of an empty name.

        Raises:
            ItemError: a name has no given vector; names the first.
        """
        found = np.zeros((len(items), self.dimension), np.float32)
        for number, item in enumerate(items):
            name = _key(item)
            if name in self.vectors.key_to_index:
                found[number] = self.vectors.vectors[self.vectors.key_to_index[name]]
            elif name:
                reason = "no vector was given for this name, and this encoder can make none"
                raise ItemError(number, "text", reason, repr(item))
        return found

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        save_words(self.vectors, folder, NAMES)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`; the vectors are memory-mapped."""
        return cls(load_words(folder, NAMES), read_config(folder, ("given_sha256",))["given_sha256"])


def open_given(settings: GivenSettings, root: Path, names: Sequence[str]) -> GivenEncoder:
    """Read given vectors; names of the catalogue without one get zeros, and how many is said.

    Args:
        settings: which file.
        root: base of a relative path.
        names: N of the catalogue; empty ones need no vector.

    Raises:
        InputError: as `read_given`; or too many names have no vector.
    """
    given = read_given(settings, root)
    wanted = dict.fromkeys(filter(None, map(_key, names)))
    missing = [name for name in wanted if name not in given.vectors.key_to_index]
    if not missing:
        return given
    first = ", ".join(map(repr, missing[:SHOWN]))
    said = f"{len(missing)} of {len(wanted)} different names have no vector in {settings.file}, first {first}"
    if len(missing) > settings.max_missing * len(wanted):
        raise InputError(
            f"{said}. More than max_missing = {settings.max_missing:.0%}: add them, by the names in "
            "data/catalogue/products.parquet, or raise it."
        )
    logging.warning("%s: they get zeros", said)
    known = given.vectors
    vectors = np.concatenate([known.vectors, np.zeros((len(missing), given.dimension), np.float32)])
    return GivenEncoder(keyed_vectors([*known.index_to_key, *missing], vectors), given.fingerprint)


def read_given(settings: GivenSettings, root: Path = Path()) -> GivenEncoder:
    """Read given vectors, all of them.

    Of a name that comes twice with different vectors the first counts, and how many such there are is said.

    Raises:
        InputError: a file is missing or damaged, holds no names or vectors, or they do not fit.
    """
    if settings.file is None:
        raise InputError("given.file: expected a file of vectors, found null. Name a Parquet or .npy file.")
    file = root / settings.file
    try:
        if file.suffix == ".npy":
            names = (root / settings.names).read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vectors = np.load(file, allow_pickle=False)
        else:
            names, vectors = _columns(pd.read_parquet(file), settings.names)
        vectors = np.ascontiguousarray(vectors, np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or file}: not found. Expected names and their vectors.") from None
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"{file}: cannot be read as names and their vectors ({error}).") from None
    if vectors.ndim != 2 or len(names) != len(vectors) or not vectors.size:
        shape = " × ".join(map(str, vectors.shape))
        raise InputError(f"{file}: expected a vector a name, found {len(names)} names and an array of {shape}.")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise InputError(
            f"{file}: the vector of {names[broken[0]]!r} (row {broken[0]}) has a value that is not finite."
        )
    rows: dict[str, int] = {}
    again = [number for number, name in enumerate(map(_key, names)) if rows.setdefault(name, number) != number]
    other = [names[number] for number in again if (vectors[rows[_key(names[number])]] != vectors[number]).any()]
    if other:
        first = ", ".join(map(repr, other[:SHOWN]))
        logging.warning(
            "%s: %d names come again with another vector, first %s: the first counts", file, len(other), first
        )
    return GivenEncoder(keyed_vectors(list(rows), vectors[list(rows.values())]), fingerprint_file(file))


def _columns(table: pd.DataFrame, column: str) -> tuple[list[str], npt.NDArray[Any]]:
    """Return names, and M × D numbers: of the one column of lists, or else of all columns of numbers."""
    if column not in table or not all(isinstance(name, str) for name in table[column]):
        raise ValueError(
            f"expected texts in a column `{column}`, found the columns {', '.join(map(str, table.columns))}"
        )
    numbers = table.drop(columns=column).select_dtypes("number")
    lists = [name for name in table if name != column and isinstance(table[name].iloc[:1].squeeze(), np.ndarray)]
    if len(lists) == 1:
        return table[column].tolist(), np.stack(table[lists[0]].tolist())
    if lists or numbers.empty:
        raise ValueError(
            f"expected one column of lists or some of numbers beside `{column}`, found {len(lists)} of lists"
        )
    return table[column].tolist(), numbers.to_numpy()


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())
