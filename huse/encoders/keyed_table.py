"""Keys and their vectors in a folder: a Parquet of the keys, a ``.npy`` of the vectors, row by row.

Letters: M keys, D values a vector.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.errors import InputError
from huse.files import write_array


def save_keyed(keys: Sequence[str], vectors: npt.NDArray[np.float32], folder: Path, name: str) -> None:
    """Write M keys and their M × D float32 vectors as ``<name>.parquet`` and ``<name>.npy``."""
    pd.DataFrame({"word": list(keys)}, dtype=str).to_parquet(folder / f"{name}.parquet", index=False)
    write_array(folder / f"{name}.npy", vectors.astype(np.float32, copy=False))


def load_keyed(folder: Path, name: str) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Open what `save_keyed` wrote; the vectors are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or the two do not fit.
    """
    try:
        keys = pd.read_parquet(folder / f"{name}.parquet")["word"].tolist()
        vectors = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        if vectors.ndim != 2 or len(vectors) != len(keys) or vectors.dtype != np.float32:
            raise ValueError(f"{len(keys)} {name}, {' × '.join(map(str, vectors.shape))} {vectors.dtype} vectors")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{folder}: expected {name}.parquet and {name}.npy, found one missing or damaged ({error}). "
            "Copy the folder again."
        ) from None
    return keys, vectors
