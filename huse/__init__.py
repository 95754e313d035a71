"""HUSE: one space for product pictures, product names and product classes (arXiv 1911.05978)."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from huse.engine.threads import bound_spinning

if TYPE_CHECKING:
    from huse.use.model import Model

try:
    __version__ = version("huse")
except PackageNotFoundError:  # run from the source folder
    __version__ = "0"

bound_spinning()  # must run before any module imports torch


def load(folder: str | Path) -> "Model":
    """Load a trained model; it needs nothing else of the pipeline, and downloads nothing.

    Args:
        folder: that the stage `model` wrote, ``data/model``, or a copy of it anywhere.

    Raises:
        huse.errors.InputError: the folder is no model, or a file in it is missing or damaged.
    """
    from huse.use.model import Model  # noqa: PLC0415  half a second that `import huse` does without

    return Model.load(folder)
