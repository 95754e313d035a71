"""Word vectors as gensim's KeyedVectors, and their means.

D word dimension.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors

from huse.text.tokens import known_tokens


def keyed_vectors(words: Sequence[str], vectors: npt.NDArray[np.float32]) -> KeyedVectors:
    """Return words and their vectors as KeyedVectors; the array is not copied, so it may be memory-mapped.

    Args:
        words: V different words.
        vectors: V × D float32.
    """
    keyed = KeyedVectors(vectors.shape[1], count=0, dtype=np.float32)
    keyed.index_to_key = list(words)
    keyed.key_to_index = {word: index for index, word in enumerate(words)}
    keyed.vectors = vectors
    return keyed


def mean_word_vectors(sentences: Sequence[str], vectors: KeyedVectors, version: int) -> npt.NDArray[np.float32]:
    """Encode S sentences as the means of their words' vectors, S × D float32; a word without one is left out.

    `version` is that of InferSent's tokens.

    Raises:
        InputError: no word of a sentence has a vector.
    """
    tokens = known_tokens(sentences, vectors.key_to_index, version=version, marks=False)
    return np.stack([vectors[words].mean(axis=0) for words in tokens]).astype(np.float32)
