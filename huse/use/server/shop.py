"""What a server answers from: a model, an index as it was at one moment, and the folder of its pictures."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from huse.errors import InputError
from huse.storage import Place, Remote, place
from huse.use.server.refused import RefusedError, busy

if TYPE_CHECKING:
    import numpy.typing as npt

    from huse.use.index import Index
    from huse.use.model import Model

WORD = "a name"  # that the model reads before the first request, as its encoders are read at their first use
PICTURE = np.full((32, 32, 3), 255, np.uint8)


@dataclass(frozen=True)
class Places:
    """Folders of a server.

    Attributes:
        model: that `huse.load` reads: a folder, or its URL.
        index: of that model; None: embeddings and classes alone are served.
        images: that paths of the index are relative to; None: what the index says.
        uploads: for pictures of products that are added; None: they are refused.
    """

    model: str | Path
    index: Path | None = None
    images: Place | None = None
    uploads: Path | None = None


@dataclass(frozen=True)
class Shelf:
    """An index as it was at one moment.

    Attributes:
        index: that nobody writes to by this object.
        folder: that paths of pictures are relative to.
        state: of the index in its folder.
    """

    index: "Index"
    folder: Place
    state: frozenset[tuple[str, int]]

    @cached_property
    def classes(self) -> dict[str, int]:
        """How many products each class path has."""
        return self.index.classes()

    def only(self, where: str, *, embeddings: bool = False) -> list[dict[str, Any]]:
        """Return the rows that a condition in SQL holds for."""
        found: list[dict[str, Any]] = self.index.rows(where, embeddings=embeddings).to_dict("records")  # type: ignore[assignment]
        return found


class Shop:
    """Loads model and index, and follows the index while others write to it.

    Attributes:
        places: see `Places`.
        problem: why the index cannot be asked; empty if it can.
    """

    def __init__(self, places: Places) -> None:
        """Load nothing yet."""
        self.places = places
        self.problem = ""
        self._model: Model | None = None
        self._shelf: Shelf | None = None
        self._following = threading.Lock()

    def load(self) -> None:
        """Load model and index, and ask each once; takes seconds.

        Raises:
            InputError: one of them is missing or damaged, they do not fit each other, or a package is missing.
        """
        try:
            self._load()
        except ImportError as error:
            raise InputError(f"{self.places.model}: needs {error.name}, which is not installed. Install it.") from error

    def _load(self) -> None:
        import huse  # noqa: PLC0415  these take seconds to import

        model = huse.load(self.places.model)
        embeddings = []
        if model.knows("text"):
            embeddings.append(model.encode_texts([WORD]))
        if model.knows("image"):
            embeddings.append(model.encode_images([PICTURE]))
        if self.places.index is not None:
            self._shelf = self._opened(self.places.index, model)
            self._shelf.index.search(embedding=embeddings[0][0], k=1)
        self._model = model

    def _opened(self, folder: Path, model: "Model") -> Shelf:
        from huse.use.index import Index, state_of  # noqa: PLC0415

        state = state_of(folder)  # before it is opened: what comes in between is looked at again
        index = Index.open(folder, model)
        images = place(index.about["images"]) if self.places.images is None else self.places.images
        return Shelf(index, images.absolute() if isinstance(images, Path) else images, state)

    def follow(self) -> None:
        """Open the index again if it has changed; `problem` says why it cannot be."""
        folder = self.places.index
        if folder is None or self._model is None:
            return
        from huse.use.index import state_of  # noqa: PLC0415

        with self._following:
            if self._shelf is not None and state_of(folder) == self._shelf.state and not self.problem:
                return
            try:
                self._shelf, self.problem = self._opened(folder, self._model), ""
            except InputError as error:
                self.problem = str(error)

    @property
    def why_not(self) -> str:
        """Why it is not ready; empty if it is."""
        return "model and index are being loaded." if self._model is None else self.problem

    @property
    def model(self) -> "Model":
        """The model; 503 until it is loaded."""
        if self._model is None:
            raise busy("the model is being loaded. Ask again in a moment.")
        return self._model

    @property
    def shelf(self) -> Shelf:
        """The index as it is now; 503 until it is there, 404 where the server has none."""
        if self.places.index is None:
            raise RefusedError(404, "this server has no index, and nothing to search. Start it with --index FOLDER.")
        if self.why_not or self._shelf is None:
            raise busy(self.why_not)
        return self._shelf

    @property
    def embeddings(self) -> int:
        """How many the index has; 0 without one."""
        return 0 if self._shelf is None else len(self._shelf.index)

    def picture(self, shelf: Shelf, image: str) -> Place:
        """Return the file, or the object of a store, of a picture that a row names.

        Links are followed: they are the owner's, as DVC makes them.

        Raises:
            RefusedError: 404, it lies outside the folders that are served.
        """
        if isinstance(shelf.folder, Remote) and not image.startswith("/"):
            inside = image.removeprefix(f"{shelf.folder}/")
            if "://" in inside or normpath(inside).startswith(".."):
                raise RefusedError(404, "the picture lies outside the folder that is served (--images).")
            return shelf.folder / inside
        path = Path(normpath(image if isinstance(shelf.folder, Remote) else shelf.folder / image))
        allowed: Sequence[Place | None] = (shelf.folder, self.places.uploads)
        if not any(isinstance(folder, Path) and path.is_relative_to(normpath(folder.absolute())) for folder in allowed):
            raise RefusedError(404, "the picture lies outside the folders that are served (--images, --uploads).")
        return path


def embedding_of(shelf: Shelf, product: str) -> "npt.NDArray[np.float32]":
    """Return the embedding of a product as a whole, D float32.

    Raises:
        RefusedError: 404, there is no such product.
    """
    from huse.use.index import quoted  # noqa: PLC0415

    rows = shelf.only(f"kind = 'products' AND product = {quoted(product)}", embeddings=True)
    if not rows:
        raise RefusedError(404, f"{product[:200]}: no product of that id is in the index.")
    return np.asarray(rows[0]["embedding"], np.float32)
