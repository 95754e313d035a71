"""Finds pictures that a catalogue writes otherwise than their folder has them.

Tables come from other systems: Windows writes backslashes and knows no case, browsers write ``%20``, macOS takes
accents apart, spreadsheets make 123.0 of 123, and many name a picture without its ending, or with its folder.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from huse.catalogue.mending import mend
from huse.storage import FEW, Place, Remote

LONGEST_KEY = 1024  # bytes of the name of an object


class PictureFolder:
    """The files of a picture folder, by their names in any writing."""

    def __init__(self, folder: Place) -> None:
        """Look at nothing yet: the folder is read when the first picture is not found as written.

        A folder of an object store is listed when it is asked for more pictures than a few.
        """
        self._folder = folder
        self._looked_for: dict[str, bool] = {}  # one by one, in an object store

    def has(self, image: str) -> bool:
        """Say whether a path is there as it is written.

        Raises:
            InputError: the store of the folder fails.
        """
        if isinstance(self._folder, Remote):
            if not 0 < len(image.encode(errors="replace")) <= LONGEST_KEY or image.startswith("/") or "\0" in image:
                return False
            if "_objects" in vars(self) or (len(self._looked_for) >= FEW and image not in self._looked_for):
                return image in self._objects
            if image not in self._looked_for:
                self._looked_for[image] = (self._folder / image).is_file()
            return self._looked_for[image]
        # Not Path.is_file, which raises for a name that is too long.
        return not Path(image).is_absolute() and os.path.isfile(self._folder / image)  # noqa: PTH113

    def find(self, image: str) -> str | None:
        """Return the one file that an otherwise written path can mean, relative to the folder.

        A path is compared without case, accents composed, slashes forward, ``%20``, ``&amp;`` and the like undone, with
        and without ending, and from the name of the picture folder on, where it is in the path.

        Args:
            image: as the catalogue writes it.

        Returns:
            None where no file or several files fit, and for URLs, but for those of files in the folder.
        """
        if not image or "://" in image:
            inside = image.removeprefix(f"{self._folder}/")
            return inside if inside != image and self.has(inside) else None
        for key in _writings(image, self._folder.name):
            files = self._files.get(key, set())
            if files:
                return next(iter(files)) if len(files) == 1 else None
        return None

    def is_there(self) -> bool:
        """Whether there is such a folder; of an object store, whether it holds an object."""
        if "_objects" in vars(self):
            return bool(self._objects)
        return any(self._looked_for.values()) or self._folder.is_dir()

    @cached_property
    def _objects(self) -> dict[str, str]:
        return self._folder.objects() if isinstance(self._folder, Remote) else {}

    @cached_property
    def _files(self) -> dict[str, set[str]]:
        files: dict[str, set[str]] = {}
        for path in self._paths():
            for key in {key_of(str(path)), key_of(str(path.with_suffix("")))}:
                files.setdefault(key, set()).add(str(path))
        return files

    def _paths(self) -> Iterator[PurePosixPath]:
        if isinstance(self._folder, Remote):
            yield from map(PurePosixPath, self._objects)
            return
        for place, _, names in os.walk(self._folder):
            for name in names:
                yield PurePosixPath(Path(place, name).relative_to(self._folder))


def key_of(path: str) -> str:
    """Return what a path is known by in any case, with accents composed or not."""
    return unicodedata.normalize("NFC", path).casefold()


def _writings(image: str, folder: str) -> list[str]:
    """Return the keys by which a path may be found, the nearest to what is written first."""
    written = image.replace("\\", "/")
    paths = [PurePosixPath(path) for path in (written, unquote(written), mend(written)[0])]
    for path in list(paths):
        names = [key_of(part) for part in path.parts]
        if key_of(folder) in names:
            paths.append(PurePosixPath(*path.parts[names.index(key_of(folder)) + 1 :]))
    whole = [key_of(str(path).lstrip("/")) for path in paths]
    return [*whole, *(re.sub(r"\.0$", "", key) for key in whole)]
