"""Fingerprints of files."""

import hashlib
from pathlib import Path


def fingerprint_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
