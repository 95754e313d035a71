"""The word vectors in use, on disk.

Part of the edge, like `huse.artifacts`. V words, D word dimension.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from gensim.models import KeyedVectors

from huse.artifacts import Outputs, manifest_path, read_json, read_table
from huse.errors import InputError
from huse.text.word_vectors import keyed_vectors


def write_word_vectors(
    outputs: Outputs,
    vectors_path: Path,
    words_path: Path,
    words: pd.DataFrame,
    vectors: npt.NDArray[np.float32],
    *,
    about: Mapping[str, Any],
) -> None:
    """Write the vectors of words.

    Args:
        outputs: of the stage.
        vectors_path: ``.npy``; a ``.json`` beside it says what it is.
        words_path: Parquet.
        words: V rows with `word`, and what else is to be known of each.
        vectors: V × D float32.
        about: where the vectors are from.
    """
    outputs.array(vectors_path, vectors)
    outputs.table(words_path, words)
    form = {"shape": list(vectors.shape), "dtype": "float32", "sha256": hashlib.sha256(vectors.data).hexdigest()}
    outputs.json(manifest_path(vectors_path), {**form, **about})


def read_word_vectors(vectors_path: Path, words_path: Path) -> KeyedVectors:
    """Open what `write_word_vectors` wrote; the vectors are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    words = read_table(words_path, ["word"])["word"].tolist()
    manifest = read_json(manifest_path(vectors_path), ["shape", "sha256"])
    vectors = _map(vectors_path)
    if list(vectors.shape) != manifest["shape"] or len(vectors) != len(words):
        raise InputError(f"{vectors_path}: not the vectors of the {len(words)} words of {words_path}. Run `dvc repro`.")
    if hashlib.sha256(vectors.data).hexdigest() != manifest["sha256"]:
        raise InputError(f"{vectors_path}: not what {manifest_path(vectors_path)} describes. Run `dvc repro`.")
    return keyed_vectors(words, vectors)


def _map(path: Path) -> npt.NDArray[np.float32]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a readable array ({error}). Delete it and run `dvc repro`.") from None
