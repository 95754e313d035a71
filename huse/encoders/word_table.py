"""Words and their vectors in a folder: a Parquet of the words, a ``.npy`` of the vectors, row by row.

Letters: V words, D word dimension.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from gensim.models import KeyedVectors

from huse.errors import InputError
from huse.text.word_vectors import keyed_vectors


def save_words(words: KeyedVectors, folder: Path, name: str = "words") -> None:
    """Write V words and their V × D float32 vectors as ``<name>.parquet`` and ``<name>.npy``."""
    pd.DataFrame({"word": words.index_to_key}, dtype=str).to_parquet(folder / f"{name}.parquet", index=False)
    with (folder / f"{name}.npy").open("wb") as file:
        np.save(file, np.ascontiguousarray(words.vectors, np.float32), allow_pickle=False)


def load_words(folder: Path, name: str = "words") -> KeyedVectors:
    """Open what `save_words` wrote; the vectors are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or the two do not fit.
    """
    try:
        words = pd.read_parquet(folder / f"{name}.parquet")["word"].tolist()
        vectors = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        if vectors.ndim != 2 or len(vectors) != len(words) or vectors.dtype != np.float32:
            raise ValueError(f"{len(words)} words, {' × '.join(map(str, vectors.shape))} {vectors.dtype} vectors")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{folder}: expected {name}.parquet and {name}.npy, found one missing or damaged ({error}). "
            "Copy the folder again."
        ) from None
    return keyed_vectors(words, vectors)
