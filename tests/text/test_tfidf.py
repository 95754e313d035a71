import math
from collections import Counter

import numpy as np
import pytest
from gensim.models import KeyedVectors

from huse.errors import InputError
from huse.text.tfidf import fit_tfidf, weighted_mean


def keyed(words, numbers):
    vectors = KeyedVectors(numbers.shape[1])
    vectors.add_vectors(words, numbers.astype(np.float32))
    return vectors


def naive(names, training, vectors):
    result = np.zeros((len(names), vectors.vector_size))
    for row, name in enumerate(names):
        total = 0.0
        for word, count in Counter(name.split()).items():
            frequency = sum(word in other.split() for other in training)
            if frequency and word in vectors:
                weight = count * (math.log((1 + len(training)) / (1 + frequency)) + 1)
                result[row] += weight * vectors[word]
                total += weight
        if total:
            result[row] /= total
    return result


def test_by_hand():
    vectors = keyed(["red", "dress"], np.array([[1.0, 0.0], [0.0, 1.0]]))
    # 2 training names: red in both, so idf 1; dress in one, so idf ln(3/2) + 1.
    tfidf = fit_tfidf(["red dress", "red boot"])
    dress = math.log(1.5) + 1
    expected = [[1 / (1 + dress), dress / (1 + dress)], [2 / (2 + dress), dress / (2 + dress)], [1, 0], [0, 0], [0, 0]]
    names = ["red dress", "red dress red", "red boot unseen", "boot", ""]
    np.testing.assert_allclose(weighted_mean(names, tfidf, vectors), expected, rtol=1e-6)


def test_equals_the_loop():
    rng = np.random.default_rng(1)
    words = [f"w{index}" for index in range(30)]
    names = [" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(200)]
    vectors = keyed([*words[5:], "other"], rng.normal(size=(26, 6)))
    result = weighted_mean(names, fit_tfidf(names[:60]), vectors)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, naive(names, names[:60], vectors), atol=1e-6)


def test_words_of_one_letter_count_and_case_is_kept():
    vectors = keyed(["x", "X"], np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(weighted_mean(["x X"], fit_tfidf(["x X"]), vectors), [[2]])


def test_no_shared_word_gives_zeros():
    vectors = keyed(["other"], np.ones((1, 4)))
    assert (weighted_mean(["red"], fit_tfidf(["red"]), vectors) == np.zeros((1, 4))).all()


def test_training_names_without_words_are_refused():
    with pytest.raises(InputError, match="found none in 2 cleaned names"):
        fit_tfidf(["", ""])
