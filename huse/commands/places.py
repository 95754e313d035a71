"""Folders and files that a command is given, looked at before it begins; imports next to nothing."""

import os
from pathlib import Path

from huse.errors import InputError
from huse.storage import FILE, SCHEMES, Place, place

NO_PATHS = {f"{scheme}:" for scheme in (*SCHEMES, FILE, "http", "https")}  # as the first part of one


def check_writable(output: Path) -> None:
    """Refuse an output in a folder that cannot be written to, before anything is computed for it.

    Raises:
        InputError: names the folder.
    """
    folder = next(place for place in output.absolute().parents if place.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{output}: cannot be written, since nothing can be written to {folder}. Give another place.")


def refuse_url(path: Path) -> None:
    """Refuse a URL where a path is expected: as a path, it would be a folder here that is called like its scheme.

    Raises:
        InputError: names it.
    """
    if path.parts and path.parts[0].lower() in NO_PATHS:
        raise InputError(
            f"{path}: expected a local path, found a URL. Nothing is written to object stores, and not all is read "
            "from them (docs/object-stores.md). Give a path."
        )


def check_images(given: str | None) -> Place | None:
    """Return the folder of pictures that the option names, if it does; refuse one that is not there."""
    folder = None if given is None else place(given)
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: no such folder (--images). Give the folder that holds the pictures.")
    return folder
