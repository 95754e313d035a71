"""Where a run of the pipeline is: its folder, and by that its artefacts, its parameters and its caches."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from huse.errors import InputError
from huse.object_copies import copied_model
from huse.run import paths
from huse.run.params.reader import SectionType, read_section, read_seed
from huse.storage import Place, Remote, place


@dataclass(frozen=True)
class Run:
    """One run: ``here / paths.PRODUCTS`` is its table of products.

    Attributes:
        root: folder of ``params.yaml`` and ``dvc.yaml``. Messages name files as it is given: relative to the working
            directory where it is relative.
        cache: folder of what need not be computed again: HUSE_CACHE of the environment, else data/cache.
    """

    root: Path
    cache: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", self / os.environ.get("HUSE_CACHE", paths.CACHE))

    @classmethod
    def find(cls) -> Self:
        """Return the run that the working directory lies in, as Git and DVC do; where there is none, of itself."""
        start = Path.cwd()
        for folder in (start, *start.parents):
            if (folder / paths.PARAMS).is_file() and (folder / paths.MAP).is_file():
                return cls(Path(os.path.relpath(folder)))
        return cls(Path())

    def __truediv__(self, path: str | Path) -> Path:
        """Return where a path of the layout, or a file that a parameter names, lies; an absolute one stays."""
        return self.root / path

    def place(self, named: str) -> Place:
        """Return where a path or the URL of an object store lies that a parameter names.

        Raises:
            InputError: see `huse.storage.place`.
        """
        found = place(named)
        return found if isinstance(found, Remote) else self / found

    def model(self, named: str) -> Path:
        """Return the folder of an earlier model that a parameter names; of a URL its copy.

        Raises:
            InputError: it is the model of this run, which the run replaces; see `huse.storage.place`, `copied_model`.
        """
        found = self.place(named)
        if isinstance(found, Remote):
            return copied_model(found)
        if found.resolve() == (self / paths.MODEL).resolve():
            raise InputError(
                f"{named}: expected an earlier model, found the folder that this run writes to, so that each run would "
                "begin from another. Copy it, such as to data/previous-model, and name the copy."
            )
        return found

    def named(self, path: Path) -> str:
        """Return a path as ``params.yaml`` is to name it: the inverse of ``/``, absolute where it leaves the root.

        A relative one would be another in the copies of the repository in which DVC runs experiments.
        """
        relative = os.path.relpath(path, self.root)
        if path.is_absolute():
            return str(path)
        return os.path.normpath(path.absolute()) if relative.startswith(os.pardir) else relative

    def section(self, kind: type[SectionType], name: str) -> SectionType:
        """Read a section of the parameters; errors of `huse.run.params.reader.read_section`."""
        return read_section(kind, name, self / paths.PARAMS)

    def seed(self) -> int:
        """Read the one seed; errors of `huse.run.params.reader.read_seed`."""
        return read_seed(self / paths.PARAMS)
