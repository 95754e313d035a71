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
    """Load a trained model; it needs nothing else of the pipeline, and downloads nothing from the web.

    Args:
        folder: that the stage `model` wrote, ``data/model``, or a copy of it anywhere; or its URL in an object store,
            such as ``s3://shop/models/7``, of which a copy is made on this machine, once, and is said.

    Raises:
        huse.errors.InputError: the folder is no model, or a file in it is missing or damaged, or its store fails.
    """
    from huse.object_copies import copied_model  # noqa: PLC0415  as below
    from huse.storage import Remote, place  # noqa: PLC0415
    from huse.use.model import Model  # noqa: PLC0415  half a second that `import huse` does without

    found = place(folder)
    return Model.load(copied_model(found) if isinstance(found, Remote) else found)
