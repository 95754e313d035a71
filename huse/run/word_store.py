"""The word vectors in use, on disk.

Part of the edge, like `huse.run.artifacts`. V words, D word dimension.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from gensim.models import KeyedVectors

from huse.run.artifacts import Outputs, read_described_array, read_table
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
    outputs.described_array(vectors_path, vectors, about)
    outputs.table(words_path, words)


def read_word_vectors(vectors_path: Path, words_path: Path) -> KeyedVectors:
    """Open what `write_word_vectors` wrote; the vectors are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    words = read_table(words_path, ["word"])["word"].tolist()
    vectors, _ = read_described_array(vectors_path, shape=(len(words), None), mapped=True)
    return keyed_vectors(words, vectors)
