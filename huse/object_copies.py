"""Local copies of what lies in object stores: files, models and other folders, each made once a version.

A copy is whole or absent; one that lacks files, as some programs delete what is old, is made again.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from posixpath import normpath
from tempfile import TemporaryDirectory, gettempdir

from huse.errors import InputError, call
from huse.files import PARTIAL_PREFIX, check_files
from huse.storage import READERS, Remote, place

FILES, MODELS = "files", "models"  # copies of them, in folders of what is kept
MODEL = "config.json"  # of a model: has the SHA-256 of its other files
CARD = "README.md"
ATTEMPTS = 5  # to put a copy in place of a broken one, beside others that do


def kept() -> Path:
    """Return the folder of what was copied of objects, and of what is known of them; safe to delete at any time.

    It is the user's, not the run's: models are loaded without a run, and the copies of the repository in which DVC runs
    experiments need not read objects again.
    """
    given = os.environ.get("HUSE_OBJECTS")
    if given:
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huse", "objects")
    except RuntimeError:  # a user without a home, as in a container that is run under any number
        return Path(gettempdir(), f"huse-objects-{os.getuid()}")


def local(root: Path, text: str) -> Path:
    """Return the file that a parameter names: below `root`, or the copy of an object, which is made once a version.

    Raises:
        InputError: the object is not there, or its store cannot be read; what `place` raises.
    """
    named = place(text)
    return root / named if isinstance(named, Path) else copied(named)


def local_folder(root: Path, text: str) -> Path:
    """Return the folder that a parameter names: below `root`, or the copy of one in a store, made once a version.

    Raises:
        InputError: nothing lies there in the store, or it cannot be read; what `place` raises.
    """
    named = place(text)
    return root / expanded(named) if isinstance(named, Path) else copied_folder(named)


def expanded(path: Path) -> Path:
    """Return a path with the home of a user in place of ``~``; as it is where there is no such user, or no home."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def copied(one: Remote) -> Path:
    """Return the local copy of an object, which is made where there is none of this version; that is said.

    Raises:
        InputError: it is not there, or its store cannot be read.
    """
    try:
        version = one.version()
        folder = kept() / FILES / _short(f"{one}\n{version or time.time_ns()}")  # a store that tells none: each time
        call(folder / one.name, str(one))
        _ensure(folder, one, lambda partial: one.copy_to(partial / one.name), {one.name: version})
    except FileNotFoundError:
        found = (
            "is a folder. Name a file in it" if one.is_dir() else "not found. Look at the URL, or put the object there"
        )
        raise InputError(f"{one}: {found}.") from None
    return folder / one.name


def copied_model(one: Remote) -> Path:
    """Return the local copy of a model's folder, which is made where there is none of these files; that is said.

    The config of the model has the SHA-256 of all other files, so one small read tells whether a copy is still it.

    Raises:
        InputError: there is no model, a file of it is missing or another, or the store cannot be read.
    """
    try:
        config = (one / MODEL).read_bytes()
        sha256 = {name: str(digest) for name, digest in json.loads(config)["sha256"].items()}
    except FileNotFoundError:
        raise InputError(f"{one / MODEL}: not found. Expected the folder of a model, such as data/model.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{one / MODEL}: does not describe a model ({error}). Copy the folder again.") from None
    _refuse_outside(one / MODEL, sha256)
    folder = kept() / MODELS / _short(config.decode())

    def write(partial: Path) -> None:
        (partial / MODEL).write_bytes(config)
        card = [CARD] if (one / CARD).is_file() else []
        _copy(one, [*(name for name in sha256 if name != CARD), *card], partial)
        try:
            check_files(partial, sha256, MODEL)
        except InputError as error:
            raise InputError(str(error).replace(str(partial), str(one))) from None

    _ensure(folder, one, write, dict.fromkeys([MODEL, *sha256], ""))
    call(folder, str(one))
    return folder


def copied_folder(one: Remote) -> Path:
    """Return the local copy of a folder, such as one of a published network; it is made once for what lies there.

    Raises:
        InputError: nothing lies there, or the store cannot be read.
    """
    objects = one.objects()
    if not objects:
        found = "an object" if one.is_file() else "nothing"
        raise InputError(f"{one}: expected a folder, found {found}. Look at the URL, or put its files there.")
    _refuse_outside(one, objects)
    # A store that does not tell versions is read each time.
    version = json.dumps(objects, sort_keys=True) if all(objects.values()) else str(time.time_ns())
    folder = kept() / MODELS / _short(f"{one}\n{version}")
    files = {f"{one.name}/{name}": told for name, told in objects.items()}
    call(folder / one.name, str(one))
    _ensure(folder, one, lambda partial: _copy(one, objects, partial / one.name), files)
    return folder / one.name


def _ensure(folder: Path, one: Remote, write: Callable[[Path], None], files: Mapping[str, str]) -> None:
    """Make the copy of a place in a folder, where it is not there whole; that is said."""
    if not _is_whole(folder, files):
        logging.warning("%s: is copied to %s", one, folder)
        _written(folder, write, files)


def _is_whole(folder: Path, files: Mapping[str, str]) -> bool:
    """Return whether a copy has its files, whose sizes are in their versions where these are told."""
    for name, version in files.items():
        file = folder / name
        if not file.is_file() or (version and file.stat().st_size != json.loads(version)["size"]):
            return False
    return True


def _refuse_outside(told: Remote, names: Iterable[str]) -> None:
    names = list(names)
    outside = [name for name in names if name.startswith("/") or normpath(name).startswith("..")]
    if outside:
        raise InputError(f"{told}: names a file outside the folder: {outside[0]}. Get the folder again.")
    folders = {str(folder) for name in names for folder in Path(name).parents}
    both = [name for name in names if name in folders]
    if both:
        raise InputError(f"{told}/{both[0]}: is an object and a folder, which no disk can have. Rename one of them.")


def _copy(one: Remote, names: Iterable[str], folder: Path) -> None:
    """Copy objects below a place to the same names in a folder."""

    def copy(name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            (one / name).copy_to(folder / name)
        except FileNotFoundError:
            raise InputError(f"{one / name}: not found. A part is missing; copy the whole folder.") from None

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(copy, names))


def _written(folder: Path, write: Callable[[Path], None], files: Mapping[str, str]) -> Path:
    """Make a folder with these files whole or not at all; another process may make the same one meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=folder.parent, ignore_cleanup_errors=True) as within:
        partial = Path(within, folder.name)
        partial.mkdir()
        write(partial)
        for attempt in range(ATTEMPTS):
            try:
                partial.rename(folder)
                break
            except OSError:
                if _is_whole(folder, files):
                    break
                if attempt == ATTEMPTS - 1:
                    raise
                with suppress(FileNotFoundError):  # another may have moved the broken one
                    folder.rename(Path(within, f"broken-{attempt}"))
    return folder


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
