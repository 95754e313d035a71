"""The two sides of every comparison in `benchmarks.text`: what the package does, and what it is held against.

Each function prepares its input and returns the work to be timed.
"""

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors
from scipy.spatial.distance import cdist

from benchmarks.harness import Work
from benchmarks.infersent_batches import HIDDEN, arrival_order, grouped, prepare
from huse.labels.graph import adjacency
from huse.text.cleaning import clean_names
from huse.text.stopwords import DROPPED
from huse.text.tfidf import TfIdf, fit_tfidf, weighted_mean
from huse.text.word_files.reading import read_words
from huse.text.word_files.source import Source
from huse.text.word_vectors import keyed_vectors

DIMENSION = 300


def read_names(path: str, count: int) -> list[str]:
    """Return the names of a catalogue, its second column, repeated until there are enough."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        names = [row[1] for row in csv.reader(file)][1:]
    return (names * (count // len(names) + 1))[:count]


def clean_loop(names: str, count: int) -> Work:
    """Clean one name after the other, looking for each word in a list of stop words, as the notebook did."""
    raw, stop_words = read_names(names, count), sorted(DROPPED)

    def work() -> npt.NDArray[Any]:
        cleaned = []
        for name in raw:
            text = re.sub("[^A-Za-z0-9]+", " ", name)
            text = re.sub("[0-9]", "", text)
            text = " ".join(word for word in text.split() if word not in stop_words)
            cleaned.append(text.lower().strip())
        return np.array(cleaned)

    return work


def clean_at_once(names: str, count: int) -> Work:
    """Clean all names at once."""
    raw = read_names(names, count)
    return lambda: np.array(clean_names(raw, fold_accents=False))


def glove_by_gensim(path: str, words: list[str]) -> Work:
    """Read a whole GloVe file with gensim, then take the words in need."""

    def work() -> npt.NDArray[Any]:
        vectors = KeyedVectors.load_word2vec_format(path, no_header=True)
        return np.asarray(vectors[words])

    return work


def glove_in_need(path: str, words: list[str]) -> Work:
    """Stream a GloVe file and parse the words in need alone."""

    def work() -> npt.NDArray[Any]:
        found = read_words(Source(Path(path)), set(words))
        return np.stack([found.vectors[word] for word in words])

    return work


def _prepared(names: str, count: int, vocabulary: int = 0) -> tuple[list[str], TfIdf, KeyedVectors]:
    """Clean names, their document frequencies, and vectors of their words, and of more up to `vocabulary`."""
    cleaned = clean_names(read_names(names, count), fold_accents=True)
    tfidf = fit_tfidf(cleaned)
    words = list(tfidf.document_frequency)
    words += [f"word{index}" for index in range(vocabulary - len(words))]
    vectors = np.random.default_rng(0).normal(size=(len(words), DIMENSION)).astype(np.float32)
    order = np.random.default_rng(1).permutation(len(words))
    return cleaned, tfidf, keyed_vectors([words[index] for index in order], vectors)


def _idf(tfidf: TfIdf) -> dict[str, float]:
    words = list(tfidf.document_frequency)
    return dict(zip(words, tfidf.idf(words).tolist(), strict=True))


def names_by_list(names: str, count: int, vocabulary: int, timed: int) -> Work:
    """Take the mean word by word, looking for each word in ``list(vocabulary)``, as the notebook did.

    The notebook's weight holds the word's count already, and it went over the words as they come; so a word that
    comes twice weighed four times. Names with such a word are left out of the comparison.
    """
    cleaned, tfidf, vectors = _prepared(names, count, vocabulary)
    idf = _idf(tfidf)

    def work() -> npt.NDArray[Any]:
        rows = []
        for name in cleaned[:timed]:
            vector, total = np.zeros(DIMENSION), 0.0
            words = name.split()
            for word in words:
                if word in list(vectors.key_to_index) and word in idf:
                    weight = idf[word] * (words.count(word) / len(words))
                    vector += vectors[word] * weight
                    total += weight
            rows.append(vector / total if total else vector)
        return np.array(rows, np.float32)

    return work


def names_by_dictionary(names: str, count: int) -> Work:
    """Take the mean word by word, weights and vectors looked up in dictionaries."""
    cleaned, tfidf, vectors = _prepared(names, count)
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


def names_by_product(names: str, count: int, vocabulary: int = 0) -> Work:
    """Take the means as one sparse product in blocks."""
    cleaned, tfidf, vectors = _prepared(names, count, vocabulary)
    return lambda: weighted_mean(cleaned, tfidf, vectors)


def distinct_words(names: str, count: int) -> Work:
    """Say of each name whether no word comes twice in it."""
    cleaned = clean_names(read_names(names, count), fold_accents=True)
    return lambda: np.array([len(set(name.split())) == len(name.split()) for name in cleaned])


def _label_vectors(labels: int, dimension: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(labels, dimension)).astype(np.float32)


def adjacency_by_cdist(labels: int, dimension: int, timed: int) -> Work:
    """Compute the first `timed` rows of the distances with SciPy."""
    vectors = _label_vectors(labels, dimension)
    return lambda: cdist(vectors[:timed], vectors, "cosine").astype(np.float32)


def adjacency_by_blocks(labels: int, dimension: int) -> Work:
    """Compute all distances."""
    vectors, names = _label_vectors(labels, dimension), [str(index) for index in range(labels)]
    return lambda: adjacency(vectors, names)


def infersent_as_they_come(labels: int) -> Work:
    """Encode labels in batches of 64 as they come, padded; the forward half, see `arrival_order`."""
    prepared = prepare(labels)
    return lambda: arrival_order(prepared)[:, :HIDDEN]


def infersent_grouped(labels: int) -> Work:
    """Encode labels with the package; the forward half."""
    prepared = prepare(labels)
    return lambda: grouped(prepared)[:, :HIDDEN]
