"""Vectors that were computed before, found by what they were computed from.

An SQLite file, so that a killed process loses no more than what it had not yet put there, and several processes can
use it at once. Letters: D values a vector.
"""

import hashlib
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
PATIENCE = 60.0  # seconds to wait for another process that writes


def vector_key(encoder: str, digest: str, view: str) -> bytes:
    """Return the key of a vector.

    Args:
        encoder: all that decides what a network makes of a picture: weights, geometry, dtype.
        digest: SHA-256 of the picture's bytes.
        view: all that decides the view; empty for the plain picture.
    """
    return hashlib.sha256("\n".join((encoder, digest, view)).encode()).digest()


class VectorCache:
    """Vectors by key, in one file.

    A file that cannot be used is no error: nothing is found in it, and nothing put there any more.

    Attributes:
        fault: why the file cannot be used, for people; empty while it can.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Args:
            path: its folder is made too.
        """
        self._path = path
        self.fault = ""
        self._do(lambda connection: None)

    def get(self, keys: Sequence[bytes], dimension: int) -> Iterator[tuple[bytes, Vector]]:
        """Yield the vectors that are there, of D values and undamaged.

        Args:
            keys: from `vector_key`, in any number.
            dimension: D.
        """
        for start in range(0, len(keys), QUESTION):
            for key, checksum, content in self._ask(keys[start : start + QUESTION]):
                if len(content) == 4 * dimension and zlib.crc32(content) == checksum:
                    yield key, np.frombuffer(content, "<f4")

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Keep vectors, all of them or, where the process is killed, none."""
        contents = {key: vector.astype("<f4").tobytes() for key, vector in vectors.items()}
        rows = [(key, zlib.crc32(content), content) for key, content in contents.items()]
        self._do(lambda connection: connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows))

    def _ask(self, keys: Sequence[bytes]) -> list[tuple[bytes, int, bytes]]:
        question = f"SELECT * FROM vectors WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608  marks alone
        return self._do(lambda connection: connection.execute(question, keys).fetchall()) or []

    def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        if self.fault:
            return None
        # All anew for each call: nothing is open between batches, so that the file can be deleted at any time.
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as connection, connection:
                connection.execute(TABLE)
                return work(connection)
        except (sqlite3.Error, OSError) as error:
            self.fault = f"{self._path}: {error}"
            return None


def count_vectors(path: Path) -> int:
    """Return how many vectors a cache holds.

    Raises:
        sqlite3.Error: it is damaged, or something else.
    """
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM vectors").fetchone()
        return int(count)
