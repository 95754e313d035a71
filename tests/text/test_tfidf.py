import math
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from huse.errors import InputError
from huse.text import tfidf as tfidf_module
from huse.text.tfidf import TfIdf, fit_tfidf, weighted_mean
from huse.text.word_vectors import keyed_vectors


def keyed(words, numbers):
    return keyed_vectors(words, numbers.astype(np.float32))


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


def test_golden_numbers_of_three_words():
    """3 training names: a in 3 of them, b in 2, c in 1; idf 1, ln(4/3) + 1 = 1.287682, ln 2 + 1 = 1.693147."""
    tfidf = fit_tfidf(["a b c", "a b b", "a"])
    assert tfidf == TfIdf(3, {"a": 3, "b": 2, "c": 1})
    np.testing.assert_allclose(tfidf.idf(["a", "b", "c"]), [1, 1.2876820724517808, 1.6931471805599454], rtol=1e-15)
    vectors = keyed(["a", "b", "c"], np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]))
    # a b: (1, 1.287682) / 2.287682.  a a c: (2 + 3.386294, 3.386294) / (2 + 1.693147).
    expected = [[0.4371238, 0.5628762], [1.4584566, 0.9169127], [2, 2], [0, 1]]
    np.testing.assert_allclose(weighted_mean(["a b", "a a c", "c", "b d"], tfidf, vectors), expected, rtol=1e-6)


@pytest.mark.parametrize("block", [1, 7, 200, 10_000])
def test_equals_the_loop(monkeypatch, block):
    monkeypatch.setattr(tfidf_module, "BLOCK", block)
    rng = np.random.default_rng(1)
    words = [f"w{index}" for index in range(30)]
    names = [" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(200)]
    vectors = keyed([*words[5:], "other"], rng.normal(size=(26, 6)))
    for some in (names, names[:40] * 5):  # few names that are the same, and many
        result = weighted_mean(some, fit_tfidf(names[:60]), vectors)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, naive(some, names[:60], vectors), atol=1e-6)


def test_frequencies_are_scikit_learns():
    rng = np.random.default_rng(2)
    names = [" ".join(rng.choice(list("abcdefgh"), rng.integers(1, 9))) for _ in range(100)]
    theirs = TfidfVectorizer(analyzer=str.split, norm=None).fit(names)
    ours = fit_tfidf(names)
    words = list(theirs.get_feature_names_out())
    assert words == list(ours.document_frequency)
    np.testing.assert_allclose(ours.idf(words), theirs.idf_, rtol=1e-14)


def test_no_names_give_no_vectors():
    assert weighted_mean([], fit_tfidf(["a"]), keyed(["a"], np.ones((1, 3)))).shape == (0, 3)


def test_words_of_one_letter_count_and_case_is_kept():
    vectors = keyed(["x", "X"], np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(weighted_mean(["x X"], fit_tfidf(["x X"]), vectors), [[2]])


def test_no_shared_word_gives_zeros():
    vectors = keyed(["other"], np.ones((1, 4)))
    assert (weighted_mean(["red"], fit_tfidf(["red"]), vectors) == np.zeros((1, 4))).all()


def test_training_names_without_words_are_refused():
    with pytest.raises(InputError, match="found none in 2 cleaned names"):
        fit_tfidf(["", ""])
