"""Getting words out of a GloVe file: streaming it, beside gensim."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors

from benchmarks.harness import Work
from huse.text.word_files.reading import read_words
from huse.text.word_files.source import Source


def by_gensim(path: str, words: list[str]) -> Work:
    """Read a whole GloVe file with gensim, then take the needed words."""

    def work() -> npt.NDArray[Any]:
        vectors = KeyedVectors.load_word2vec_format(path, no_header=True)
        return np.asarray(vectors[words])

    return work


def in_need(path: str, words: list[str]) -> Work:
    """Stream a GloVe file and parse only the needed words."""

    def work() -> npt.NDArray[Any]:
        found = read_words(Source(Path(path)), set(words))
        return np.stack([found.vectors[word] for word in words])

    return work
