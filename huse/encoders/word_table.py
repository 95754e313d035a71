"""Words and their vectors in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from huse.encoders.keyed_table import load_keyed, save_keyed
from huse.text.word_table import WordTable

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

WORDS = "words"


def save_words(words: "KeyedVectors | WordTable", folder: Path, name: str = WORDS) -> None:
    """Write words and their vectors; see `huse.encoders.keyed_table.save_keyed`."""
    save_keyed(words.index_to_key, words.vectors, folder, name)


def load_words(folder: Path, name: str = WORDS) -> WordTable:
    """Open what `save_words` wrote; see `huse.encoders.keyed_table.load_keyed`."""
    return WordTable(*load_keyed(folder, name))
