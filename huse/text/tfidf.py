"""Vectors of product names: the mean of the words' vectors, weighted by TF-IDF.

Letters: N names, V words of the training names, D word dimension.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from huse.errors import InputError

if TYPE_CHECKING:  # n-grams need these weights without it, and importing it takes a second
    from gensim.models import KeyedVectors

BLOCK = 4096  # names at a time: the loop costs little, and they fit the CPU's cache


@dataclass(frozen=True)
class TfIdf:
    """Document frequencies of the training names, from which the words of any name are weighted.

    Attributes:
        names: n, the number of training names.
        document_frequency: word → df, the number of names with the word.
    """

    names: int
    document_frequency: dict[str, int]

    def idf(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the inverse document frequencies; df is 0 of a new word."""
        return smooth_idf(np.array([self.document_frequency.get(word, 0) for word in words], np.int64), self.names)


def smooth_idf(document_frequency: npt.NDArray[np.int64], names: int) -> npt.NDArray[np.float64]:
    """Return the inverse document frequencies ln((1 + n) / (1 + df)) + 1, float64, of words that are in df of n names.

    As scikit-learn's: an additional name has every word, so no df is 0.
    """
    idf: npt.NDArray[np.float64] = np.log((1 + names) / (1 + document_frequency)) + 1
    return idf


def fit_tfidf(training_names: Iterable[str]) -> TfIdf:
    """Count in how many of the training names each word occurs.

    Args:
        training_names: cleaned; only those of the training split, so that nothing is learned from the test split.

    Raises:
        InputError: there are training names, and they hold no word.
    """
    frequency: Counter[str] = Counter()
    names = 0
    for name in training_names:
        frequency.update(set(name.split()))
        names += 1
    if names and not frequency:
        raise InputError(
            f"expected words in the names of the training products, found none in {names} cleaned names. "
            "preprocess_text says what cleaning keeps: letters, digits."
        )
    return TfIdf(names, dict(sorted(frequency.items())))


def weighted_mean(names: Sequence[str], tfidf: TfIdf, vectors: "KeyedVectors") -> npt.NDArray[np.float32]:
    """Mean of the words' vectors, weighted by TF-IDF: Σ tf·idf·v / Σ tf·idf over the words of a name.

    Term frequency is the count in the name, so a word that comes twice counts twice. (In the published notebook it
    counted four times, by mistake.) Only words with both a document frequency and a vector take part. A name without
    such words gets zeros.

    Returns:
        N × D float32, of N cleaned names.
    """
    # Pictures of a product share its name; where most names differ, merging equal ones would cost more than it saves.
    row = {name: index for index, name in enumerate(dict.fromkeys(names))}
    if 2 * len(row) > len(names):
        return _weighted_mean(names, tfidf, vectors)
    return _weighted_mean(list(row), tfidf, vectors)[[row[name] for name in names]]


def _weighted_mean(names: Sequence[str], tfidf: TfIdf, vectors: "KeyedVectors") -> npt.NDArray[np.float32]:
    there = dict.fromkeys(chain.from_iterable(name.split() for name in names))  # one name need not go over all words
    words = [word for word in there if word in tfidf.document_frequency and word in vectors.key_to_index]
    column = {word: index for index, word in enumerate(words)}
    idf = tfidf.idf(words)
    known = vectors.vectors[[vectors.key_to_index[word] for word in words]]  # V' × D, words with both
    means = np.empty((len(names), vectors.vector_size), np.float32)
    for start in range(0, len(names), BLOCK):
        block = [name.split() for name in names[start : start + BLOCK]]
        columns, ends = _columns(block, column)
        name = np.repeat(np.arange(len(block)), np.diff(ends))
        # A repeated word has two entries, which the product adds up: this is the term frequency.
        shares = (idf[columns] / np.bincount(name, idf[columns])[name]).astype(np.float32)
        means[start : start + len(block)] = csr_matrix((shares, columns, ends), shape=(len(block), len(words))) @ known
    return means


def _columns(names: Sequence[Sequence[str]], column: dict[str, int]) -> tuple[npt.NDArray[np.int32], ...]:
    """Return the columns of all names' known words in one list, and where each name's end; the first bound is 0."""
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    running = np.fromiter(map(column.get, chain.from_iterable(names), repeat(-1)), np.int32, int(lengths.sum()))
    known = running >= 0
    ends = np.concatenate([[0], np.cumsum(known)])[np.concatenate([[0], np.cumsum(lengths)])]
    return running[known], ends.astype(np.int32)
