"""Words and their vectors, as gensim's KeyedVectors has them, without gensim, which takes a second to import.

Letters: V words, D word dimension.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class WordTable:
    """Looks vectors up; the names of its parts are gensim's, so that either can take the other's place.

    Attributes:
        index_to_key: V different words.
        vectors: V × D float32; may be memory-mapped.
    """

    index_to_key: Sequence[str]
    vectors: Floats

    @cached_property
    def key_to_index(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.index_to_key)}

    @property
    def vector_size(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __getitem__(self, words: str | Sequence[str]) -> Floats:
        """Return the D numbers of a word, or the rows of several; raises a `KeyError` where one is not there."""
        rows = self.key_to_index
        found: Floats = self.vectors[rows[words] if isinstance(words, str) else [rows[word] for word in words]]
        return found
