"""Keeps large libraries from the terminal and the log while they make a network."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huse.vision.torchvision_ops import import_torchvision


@contextmanager
def quiet() -> Iterator[None]:
    """Do what `silence` does; import torchvision first, which these libraries import too, and may fail to."""
    import_torchvision()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # they warn where a process forks later
    with silence():
        yield


@contextmanager
def silence() -> Iterator[None]:
    """Silence logging and warnings."""
    logs = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logs)
