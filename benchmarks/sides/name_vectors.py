"""Names to vectors: one sparse product, beside loops over words."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors

from benchmarks.harness import Work
from benchmarks.sides.cleaning import read_names
from huse.text.cleaning import Cleaning, clean_names
from huse.text.tfidf import TfIdf, fit_tfidf, weighted_mean
from huse.text.word_vectors import keyed_vectors

DIMENSION = 300


def _prepared(names: str, count: int, different: bool, vocabulary: int = 0) -> tuple[list[str], TfIdf, KeyedVectors]:
    """Clean names, their document frequencies, and vectors of their words, and of more up to `vocabulary`."""
    cleaned = clean_names(read_names(names, count, different=different), Cleaning())
    tfidf = fit_tfidf(cleaned)
    words = list(tfidf.document_frequency)
    words += [f"word{index}" for index in range(vocabulary - len(words))]
    vectors = np.random.default_rng(0).normal(size=(len(words), DIMENSION)).astype(np.float32)
    order = np.random.default_rng(1).permutation(len(words))
    return cleaned, tfidf, keyed_vectors([words[index] for index in order], vectors)


def _idf(tfidf: TfIdf) -> dict[str, float]:
    words = list(tfidf.document_frequency)
    return dict(zip(words, tfidf.idf(words).tolist(), strict=True))


def by_list(names: str, count: int, different: bool, vocabulary: int, timed: int) -> Work:
    """Take the mean word by word, looking up each word in ``list(vocabulary)``, as the notebook did.

    The notebook's weight includes the word's count, and its loop visits repeated words; so a word that comes twice
    counted four times. Here it counts twice, as in the package.
    """
    cleaned, tfidf, vectors = _prepared(names, count, different, vocabulary)
    idf = _idf(tfidf)

    def work() -> npt.NDArray[Any]:
        rows = []
        for name in cleaned[:timed]:
            vector, total = np.zeros(DIMENSION), 0.0
            words = name.split()
            for word in dict.fromkeys(words):
                if word in list(vectors.key_to_index) and word in idf:
                    weight = idf[word] * (words.count(word) / len(words))
                    vector += vectors[word] * weight
                    total += weight
            rows.append(vector / total if total else vector)
        return np.array(rows, np.float32)

    return work


def by_dictionary(names: str, count: int, different: bool) -> Work:
    """Take the mean word by word, weights and vectors looked up in dictionaries."""
    cleaned, tfidf, vectors = _prepared(names, count, different)
    idf = _idf(tfidf)
    vector_of = {word: vectors[word] for word in vectors.index_to_key}

    def work() -> npt.NDArray[Any]:
        result = np.zeros((len(cleaned), DIMENSION), np.float32)
        for row, name in enumerate(cleaned):
            total = 0.0
            for word in name.split():
                weight = idf.get(word)
                vector = vector_of.get(word)
                if weight is not None and vector is not None:
                    result[row] += weight * vector
                    total += weight
            if total:
                result[row] /= total
        return result

    return work


def by_product(names: str, count: int, different: bool, vocabulary: int = 0) -> Work:
    """Take the means as one sparse product in blocks."""
    cleaned, tfidf, vectors = _prepared(names, count, different, vocabulary)
    return lambda: weighted_mean(cleaned, tfidf, vectors)
