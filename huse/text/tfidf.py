"""Vectors of product names: the mean of the words' vectors, weighted by TF-IDF.

N names, V words of the training names, D word dimension.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors
from sklearn.feature_extraction.text import TfidfVectorizer

from huse.errors import InputError


def fit_tfidf(training_names: Sequence[str]) -> TfidfVectorizer:
    """Learn the inverse document frequencies of the training names, and of no others.

    idf = ln((1 + n) / (1 + df)) + 1 over n names, a word in df of them; term frequency is the count in a name.

    Raises:
        InputError: the training names hold no word.
    """
    # No normalisation: `weighted_mean` divides by the weights of the words that have a vector.
    tfidf = TfidfVectorizer(analyzer=str.split, norm=None, dtype=np.float32)
    if not any(name.split() for name in training_names):
        raise InputError(
            f"expected words in the names of the training products, found none in {len(training_names)} "
            "cleaned names. Only the letters a to z are kept: digits are dropped, and other scripts are lost."
        )
    return tfidf.fit(training_names)


def weighted_mean(names: Sequence[str], tfidf: TfidfVectorizer, vectors: KeyedVectors) -> npt.NDArray[np.float32]:
    """Mean of the words' vectors, weighted by TF-IDF: Σ w·v / Σ w over the words of a name.

    Only words that have both a weight and a vector take part; a word that comes twice weighs twice. A name
    without such a word gets zeros.

    Args:
        names: N cleaned names.
        tfidf: from `fit_tfidf`.
        vectors: of words.

    Returns:
        N × D float32.
    """
    vocabulary = tfidf.get_feature_names_out()
    shared = [column for column, word in enumerate(vocabulary) if word in vectors]
    if not shared:
        return np.zeros((len(names), vectors.vector_size), np.float32)
    weights = tfidf.transform(names)[:, shared]  # N × V', sparse
    total = np.asarray(weights.sum(axis=1)).reshape(-1, 1)
    summed = weights @ vectors[list(vocabulary[shared])]
    mean: npt.NDArray[np.float32] = (summed / np.where(total > 0, total, 1)).astype(np.float32)
    return mean
