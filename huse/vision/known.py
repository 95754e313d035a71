"""What is known of pictures in object stores, so that an object that has not changed is not read again.

A store tells the version of each object in its listings. Beside it stand here the SHA-256 of the bytes, and what a
check of the picture said. An SQLite file, shared by all runs of this user; an unusable one is no error: all is read.
"""

import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

import PIL

import huse.kinds
from huse.engine.cores import cores
from huse.errors import InputError
from huse.files import PARTIAL_PREFIX, fingerprint_file
from huse.object_copies import kept
from huse.storage import READERS, Place, Remote, any_remote, versions

Result = TypeVar("Result")

FILE = "pictures.sqlite"
COPIES = "pictures"
DIGEST = "sha256"
TABLE = (
    "CREATE TABLE IF NOT EXISTS known (place TEXT, how TEXT, version TEXT NOT NULL, said TEXT NOT NULL, "
    "PRIMARY KEY (place, how))"
)
QUESTION = 500  # objects in one query
PATIENCE = 60.0  # seconds to wait for another writer


class Known:
    """What is known of some objects, as they are now."""

    def __init__(self, places: Iterable[Place]) -> None:
        """Ask the store for the versions of those places that are objects.

        Raises:
            InputError: the store cannot be read.
        """
        objects = list(dict.fromkeys(one for one in places if isinstance(one, Remote)))
        self._versions = {one: version for one, version in versions(objects).items() if version} if objects else {}

    def get(self, how: str) -> dict[Place, str]:
        """Return what was said of them in some way, of the versions that they have now."""
        objects, found = list(self._versions), dict[Place, str]()
        for start in range(0, len(objects), QUESTION):
            asked = {str(one): one for one in objects[start : start + QUESTION]}
            for name, version, said in _ask(how, list(asked)):
                if version == self._versions[asked[name]]:
                    found[asked[name]] = said
        return found

    def put(self, how: str, said: Mapping[Place, str]) -> None:
        """Remember what was said of them, as they were when this was made."""
        rows = [
            (str(one), how, self._versions[one], text)
            for one, text in said.items()
            if isinstance(one, Remote) and one in self._versions
        ]
        if rows:
            _do(lambda file: file.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", rows))


def _ask(how: str, names: Sequence[str]) -> list[tuple[str, str, str]]:
    marks = ",".join("?" * len(names))
    question = f"SELECT place, version, said FROM known WHERE how = ? AND place IN ({marks})"  # noqa: S608  marks alone
    return _do(lambda file: file.execute(question, (how, *names)))


def _do(work: Callable[[sqlite3.Connection], Iterable[Result]]) -> list[Result]:
    place = kept() / FILE
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(place, timeout=PATIENCE)) as connection, connection:
            connection.execute(TABLE)
            return list(work(connection))
    except (sqlite3.Error, OSError):
        return []


@cache
def checked_by(max_pixels: int) -> str:
    """Return what a check of a picture depends on beside its bytes: the limit, the decoders, this room's code."""
    code = [*sorted(Path(__file__).parent.glob("*.py")), Path(huse.kinds.__file__)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in code)).hexdigest()
    return json.dumps({"max_pixels": max_pixels, "pillow": PIL.__version__, "code": digest})


def readers(places: Sequence[object]) -> int:
    """Return how many threads read pictures: one a core, and more where an object store answers late."""
    return max(READERS, cores()) if any_remote(places) else cores()


def copy_of(place: Place, digest: str) -> Place:
    """Return the copy of an object that has these bytes, where there is one; else the place itself."""
    if not isinstance(place, Remote):
        return place
    return _copy(place, digest) if _is_copied(place, digest) else place


def copied_pictures(places: Sequence[Place]) -> list[Path]:
    """Return files of pictures; an object of a store is copied where no copy of its bytes is there.

    For those who read every picture many times. Copies have the SHA-256 of their bytes for a name.

    Raises:
        InputError: an object is not there, or the store cannot be read.
    """
    if not any_remote(places):
        return [one for one in places if isinstance(one, Path)]
    known = Known(places)
    digests = known.get(DIGEST)

    def copied(one: Remote) -> str:
        digest = digests.get(one, "")
        if not _is_copied(one, digest):
            content = content_of(one)
            digest = hashlib.sha256(content).hexdigest()
            file = _copy(one, digest)
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{threading.get_ident()}")
            partial.write_bytes(content)
            partial.replace(file)
        return digest

    objects = list(dict.fromkeys(one for one in places if isinstance(one, Remote)))
    new = sum(not _is_copied(one, digests.get(one, "")) for one in objects)
    if new:
        logging.info("%s pictures, such as %s, are copied to %s", f"{new:,}", objects[0], kept() / COPIES)
    with ThreadPoolExecutor(READERS) as pool:
        of = dict(zip(objects, pool.map(copied, objects), strict=True))
    known.put(DIGEST, dict(of.items()))
    return [_copy(one, of[one]) if isinstance(one, Remote) else one for one in places]


def content_of(one: Remote) -> bytes:
    """Read a picture of a store that the catalogue has.

    Raises:
        InputError: it is not there any more, or the store cannot be read.
    """
    try:
        return one.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{one}: picture file does not exist. Check the catalogue again.") from None


def _copy(one: Remote, digest: str) -> Path:
    return kept() / COPIES / digest[:2] / f"{digest}{PurePosixPath(one.key).suffix}"


def _is_copied(one: Remote, digest: str) -> bool:
    """Whether there is a copy of these bytes that is not damaged."""
    file = _copy(one, digest)
    return bool(digest) and file.is_file() and fingerprint_file(file) == digest
