"""From a fresh process to the first vectors, beside torch alone; the module imports nothing that is timed."""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Work


def first_vectors(folder: str, picture: str, name: str) -> Work:
    """Load a model, and encode one picture and one name."""

    def work() -> npt.ArrayLike:
        import huse  # noqa: PLC0415  timed

        model = huse.load(folder)
        return np.concatenate([model.encode_images([Path(picture)]), model.encode_texts([name])], axis=1)

    return work


def first_class(folder: str, picture: str, name: str) -> Work:
    """Load a model, and classify one product; the result is the seconds until it was loaded."""

    def work() -> npt.ArrayLike:
        start = time.perf_counter()

        import huse  # noqa: PLC0415  timed

        model = huse.load(folder)
        loaded = time.perf_counter() - start
        model.classify([Path(picture)], [name])
        return [loaded]

    return work


def torch_alone() -> Work:
    """Import torch."""

    def work() -> npt.ArrayLike:
        import torch  # noqa: PLC0415  timed

        return torch.zeros(1).numpy()

    return work
