"""Finds a set of word vectors: a file, a member of a .zip, or a name of gensim's downloader."""

import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from huse.errors import InputError
from huse.object_copies import copied, expanded
from huse.storage import place

# What a user can do about a wrong source.
REMEDY = "Correct word_vectors.source, or set it to catalogue."


@dataclass(frozen=True)
class Source:
    """An existing set of word vectors.

    Attributes:
        path: the file.
        member: the file inside a .zip, or None.
    """

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """File name, and member, without folders."""
        return self.path.name if self.member is None else f"{self.path.name}/{self.member}"

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    def identity(self) -> dict[str, object]:
        """Identify the source without reading it: path, size, times of change."""
        state = self.path.stat()
        file = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        return {"path": str(self.path.resolve()), "member": self.member, "file": file}


def find_source(name: str, folder: Path = Path(), *, download: bool) -> Source:
    """Find a set of word vectors.

    Args:
        name: path of a file, or its URL in an object store; ``archive.zip`` if it holds one file, else
            ``archive.zip/member``; or a name of gensim's downloader such as ``glove-wiki-gigaword-300``, whose file is
            in gensim's data folder.
        folder: base of a relative path.
        download: let gensim fetch a missing set.

    Raises:
        InputError: nothing was found; a .zip holds several files and none is named; a download fails.
    """
    path = _path(name, folder)
    try:
        if path.is_file():
            return Source(path, _only_member(path)) if zipfile.is_zipfile(path) else Source(path)
        for parent in path.parents:
            if parent.is_file() and zipfile.is_zipfile(parent):
                return Source(parent, _named_member(parent, path.relative_to(parent)))
        if path.exists():
            kind = "a folder" if path.is_dir() else "something else"
            raise InputError(f"{path}: expected a file of word vectors, found {kind}. {REMEDY}")
    except OSError as error:
        raise InputError(f"{path}: expected a file of word vectors, cannot read it ({error}). {REMEDY}") from None
    if len(Path(name).parts) == 1 and not path.suffix:
        return Source(_gensim_file(name, download=download))
    raise InputError(f"{path}: expected a file of word vectors, found nothing. {REMEDY}")


def _path(name: str, folder: Path) -> Path:
    """Return the path of a file, or of a member below an archive; of an object store, the file or archive is copied."""
    named = place(name)
    if isinstance(named, Path):
        return folder / expanded(named)
    for ending in re.finditer(r"(?i)\.zip/", named.key):
        archive = replace(named, key=named.key[: ending.end() - 1])
        if archive.is_file():  # and no folder of that name
            return copied(archive) / named.key[ending.end() :]
    return copied(named)


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            files = [one.filename for one in archive.infolist() if not one.is_dir()]
            # Files that macOS adds to archives.
            return [file for file in files if not file.startswith("__MACOSX/") and not file.endswith(".DS_Store")]
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path}: not a readable .zip ({error}). Fetch it again.") from None


def _only_member(path: Path) -> str:
    members = _members(path)
    if len(members) != 1:
        raise InputError(
            f"{path}: expected one file in it, found {len(members)} ({', '.join(members[:10])}). Name one of them, "
            f"such as {path}/{members[-1] if members else 'glove.6B.300d.txt'}."
        )
    return members[0]


def _named_member(path: Path, member: Path) -> str:
    members = _members(path)
    for stored in members:
        if Path(stored) == member:
            return stored
    raise InputError(f"{path}: holds no file '{member}'; it holds {', '.join(members[:10])}. {REMEDY}")


def _gensim_file(name: str, *, download: bool) -> Path:
    # Not gensim.downloader.load(name): it uses the network even for local sets, and runs fetched code.
    folder = expanded(Path(os.environ.get("GENSIM_DATA_DIR", "~/gensim-data")))
    file = folder / name / f"{name}.gz"
    if file.is_file():
        return file
    if not download:
        raise InputError(
            f"{name}: no file of this name, and gensim's folder has no {file}. To let gensim fetch it, set "
            "word_vectors.download: true; where there is no network, run `python -m gensim.downloader --download "
            f"{name}` on a machine that has one and copy {name}/{name}.gz into {folder} (or into the folder that "
            "GENSIM_DATA_DIR names). Or name a file: its path."
        )
    import gensim.downloader  # noqa: PLC0415  reads the environment when it is imported

    try:
        return Path(gensim.downloader.load(name, return_path=True))
    except Exception as error:  # gensim raises bare Exceptions beside OSError and ValueError
        raise InputError(
            f"{name}: gensim could not fetch it ({error}). Where there is no network, run `python -m "
            f"gensim.downloader --download {name}` on a machine that has one and copy {name}/{name}.gz into "
            f"{folder}. Names that gensim knows: `python -m gensim.downloader --info name`."
        ) from None
