"""The word vectors in use, on disk; part of the edge, like `huse.run.artifacts`."""

from pathlib import Path

from gensim.models import KeyedVectors

from huse.run.artifacts import read_described_array, read_table
from huse.text.word_vectors import keyed_vectors


def read_word_vectors(vectors_path: Path, words_path: Path) -> KeyedVectors:
    """Open V words and their V × D float32 vectors, as stages/word_vectors.py wrote them; these are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    words = read_table(words_path, ["word"])["word"].tolist()
    vectors, _ = read_described_array(vectors_path, shape=(len(words), None), mapped=True)
    return keyed_vectors(words, vectors)
