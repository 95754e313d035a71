"""A cache of vectors, keyed by what they were computed from.

An SQLite file, so that a killed process loses only what it had not stored yet, and several processes can share it.
Letters: D values a vector.
"""

import hashlib
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Result = TypeVar("Result")

TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, checksum INTEGER NOT NULL, vector BLOB NOT NULL)"

QUESTION = 500  # keys in one query
PATIENCE = 60.0  # seconds to wait for another writer


def vector_key(encoder: str, digest: str, view: str) -> bytes:
    """Return the key of a vector.

    Args:
        encoder: what determines a vector beside the picture: weights, geometry, dtype.
        digest: SHA-256 of the picture's bytes.
        view: what determines the view; empty for the plain picture.
    """
    return hashlib.sha256("\n".join((encoder, digest, view)).encode()).digest()


class VectorCache:
    """Vectors by key, in one file.

    An unusable file is no error: it acts like an empty cache that stores nothing.

    Attributes:
        fault: why the file cannot be used, for messages; empty if it can.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Args:
            path: of the file; its folder is created too.
        """
        self._path = path
        self.fault = ""
        self._do(lambda connection: None)

    def get(self, keys: Sequence[bytes], dimension: int) -> Iterator[tuple[bytes, Vector]]:
        """Yield the stored vectors that have D values and are undamaged.

        Args:
            keys: from `vector_key`, in any number.
            dimension: D.
        """
        for start in range(0, len(keys), QUESTION):
            for key, checksum, content in self._ask(keys[start : start + QUESTION]):
                if len(content) == 4 * dimension and zlib.crc32(content) == checksum:
                    yield key, np.frombuffer(content, "<f4")

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store vectors: all of them, or none if the process is killed."""
        contents = {key: vector.astype("<f4").tobytes() for key, vector in vectors.items()}
        rows = [(key, zlib.crc32(content), content) for key, content in contents.items()]
        self._do(lambda connection: connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows))

    def tell_fault(self) -> None:
        """Warn of a file that cannot be used, if it is one."""
        if self.fault:
            logging.warning("%s. Its vectors were neither found nor kept; `huse cache --clear` deletes it", self.fault)

    def _ask(self, keys: Sequence[bytes]) -> list[tuple[bytes, int, bytes]]:
        question = f"SELECT * FROM vectors WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608  marks alone
        return self._do(lambda connection: connection.execute(question, keys).fetchall()) or []

    def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        if self.fault:
            return None
        # Each call opens the file anew, so that it can be deleted between batches.
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as connection, connection:
                connection.execute(TABLE)
                return work(connection)
        except (sqlite3.Error, OSError) as error:
            self.fault = f"{self._path}: {error}"
            return None
