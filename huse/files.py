"""Fingerprints of files, whether a folder has the files that are described, and arrays as files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.errors import InputError

PARTIAL_PREFIX = ".partial-"  # of a name: of a file or folder that is not whole yet


def fingerprint_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(folder: Path, sha256: Mapping[str, str], described_by: str) -> None:
    """Compare the files of a folder with their SHA-256.

    Args:
        folder: of the files.
        sha256: by path in the folder.
        described_by: name of the file that has these, for messages.

    Raises:
        InputError: one is missing or another, or lies outside the folder.
    """
    for name, digest in sha256.items():
        file = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise InputError(f"{folder / described_by}: names a file outside the folder: {name}. Get the model again.")
        if not file.is_file():
            raise InputError(f"{file}: not found. A part of the model is missing; copy the whole folder.")
        if fingerprint_file(file) != digest:
            raise InputError(f"{file}: not the file that {described_by} describes. Copy the whole folder again.")


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array as ``.npy``, memory-mappable.

    Not into the file itself: NumPy then leaves Python's way of writing, and with it the reason why a write failed.
    """
    with path.open("wb") as file:
        np.save(SimpleNamespace(write=file.write), np.ascontiguousarray(array), allow_pickle=False)
