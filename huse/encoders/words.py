"""An encoder of names: the mean of their word vectors, weighted by TF-IDF.

Letters: N names, V words, D word dimension.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.encoders.contract import CONFIG, read_config, write_config
from huse.encoders.word_table import load_words, save_words
from huse.errors import InputError
from huse.text.cleaning import Cleaning, clean_names
from huse.text.spelling import find_spelling
from huse.text.tfidf import TfIdf, weighted_mean
from huse.text.word_table import WordTable

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

VOCABULARY, FREQUENCY = "vocabulary", "document_frequency.parquet"
CLEANING = tuple(Cleaning.model_fields)


@dataclass(frozen=True)
class WordsEncoder:
    """Encodes names by their words.

    Attributes:
        tfidf: document frequencies of the training names.
        words: the chosen vectors of the training names' words.
        vocabulary: vectors of other words, spelled as their source has them, for names without a training word.
        cleaning: see `huse.text.cleaning.clean_names`.
        spellings: those of `huse.text.spelling.STEPS` to try when looking a word up in `vocabulary`.
    """

    family: ClassVar[str] = "words"

    tfidf: TfIdf
    words: "KeyedVectors | WordTable"
    vocabulary: "KeyedVectors | WordTable"
    cleaning: Cleaning
    spellings: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.words.vector_size)

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {
            "family": self.family,
            "dimension": self.dimension,
            **{name: getattr(self.cleaning, name) for name in CLEANING},
            "spellings": list(self.spellings),
        }

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode names: Σ tf·idf·v / Σ tf·idf over the words of the training names; see `weighted_mean`.

        A name without such a word gets the plain mean of the words that the vocabulary knows: none of them occurred in
        training, so all would have the same weight.

        Args:
            items: N names as in the catalogue.

        Returns:
            N × D float32; zeros where no word is known.
        """
        names = clean_names(items, self.cleaning)
        vectors = weighted_mean(names, self.tfidf, self.words)
        for row in np.flatnonzero(~vectors.any(axis=1)).tolist():
            found = [find_spelling(word, self.vocabulary, self.spellings) for word in names[row].split()]
            known = [spelled.vector for spelled in found if spelled]
            if known:
                vectors[row] = np.mean(known, axis=0, dtype=np.float64)
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        frequency = self.tfidf.document_frequency
        known = [word for word in frequency if word in self.words.key_to_index]
        weighted = WordTable(known, self.words.vectors[[self.words.key_to_index[word] for word in known]])
        save_words(weighted, folder)
        save_words(self.vocabulary, folder, VOCABULARY)
        table = pd.DataFrame({"document_frequency": [frequency[word] for word in known]})
        table.to_parquet(folder / FREQUENCY, index=False)
        write_config(folder, {**self.config, "training_names": self.tfidf.names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`; the vectors are memory-mapped."""
        config = read_config(folder, ("training_names", "spellings", *CLEANING))
        words = load_words(folder)
        try:
            table = pd.read_parquet(folder / FREQUENCY)["document_frequency"].tolist()
            frequency = dict(zip(words.index_to_key, table, strict=True))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{folder / FREQUENCY}: missing or damaged ({error}). Copy the folder again.") from None
        spellings = tuple(config["spellings"])
        vocabulary = load_words(folder, VOCABULARY)
        try:
            cleaning = Cleaning.model_validate({name: config[name] for name in CLEANING})
        except ValueError as error:
            raise InputError(f"{folder / CONFIG}: {error}. Copy the folder again.") from None
        return cls(TfIdf(config["training_names"], frequency), words, vocabulary, cleaning, spellings)
