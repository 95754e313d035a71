"""Words and their vectors in a folder."""

from pathlib import Path

from gensim.models import KeyedVectors

from huse.encoders.keyed_table import load_keyed, save_keyed
from huse.text.word_vectors import keyed_vectors

WORDS = "words"


def save_words(words: KeyedVectors, folder: Path, name: str = WORDS) -> None:
    """Write words and their vectors; see `huse.encoders.keyed_table.save_keyed`."""
    save_keyed(words.index_to_key, words.vectors, folder, name)


def load_words(folder: Path, name: str = WORDS) -> KeyedVectors:
    """Open what `save_words` wrote; see `huse.encoders.keyed_table.load_keyed`."""
    return keyed_vectors(*load_keyed(folder, name))
