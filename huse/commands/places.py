"""Folders and files that a command is given, looked at before it begins; imports next to nothing."""

import os
from pathlib import Path

from huse.errors import InputError
from huse.storage import Place, place


def check_writable(output: Path) -> None:
    """Refuse an output in a folder that cannot be written to, before anything is computed for it.

    Raises:
        InputError: names the folder.
    """
    folder = next(place for place in output.absolute().parents if place.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{output}: cannot be written, since nothing can be written to {folder}. Give another place.")


def check_images(given: str | None) -> Place | None:
    """Return the folder of pictures that the option names, if it does; refuse one that is not there."""
    folder = None if given is None else place(given)
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: no such folder (--images). Give the folder that holds the pictures.")
    return folder
