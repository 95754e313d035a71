"""Fingerprints of files, and whether a folder has the files that are described."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from huse.errors import InputError


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
