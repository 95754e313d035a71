"""How much each token of a name counts: the TF-IDF of the word that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

from huse.text.cleaning import Cleaning, clean_names
from huse.text.tfidf import TfIdf

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}'\u2019]*")


@dataclass(frozen=True)
class Salience:
    """Weights of tokens.

    Attributes:
        tfidf: document frequencies of the training names.
        cleaning: how the words of those names were made.
    """

    tfidf: TfIdf
    cleaning: Cleaning

    def weights(self, name: str, spans: Sequence[tuple[int, int]]) -> npt.NDArray[np.float32]:
        """Weigh the tokens of a name.

        A token has the inverse document frequency of its word; a word that comes twice counts twice by its tokens. A
        word that cleaning drops (a stop word), punctuation, and what stands outside the name weigh 0. Of a word that
        cleaning cuts into several, as in Chinese, it is their mean.

        Args:
            name: as in the catalogue.
            spans: T pairs, the first character of each token and the one after its last; both 0 of no text.

        Returns:
            T float32; all 1 where no token has a weight.
        """
        found = list(_WORD.finditer(name))
        weights = np.zeros(len(name) + 1, np.float32)  # of each character
        for word, cleaned in zip(found, clean_names([word[0] for word in found], self.cleaning), strict=True):
            if cleaned:
                weights[slice(*word.span())] = self.tfidf.idf(cleaned.split()).mean()
        # A token may begin with the space before its word.
        tokens = np.array([weights[start:end].max(initial=0) for start, end in spans], np.float32)
        return tokens if tokens.any() else np.ones(len(spans), np.float32)
