"""N-grams of names: by hand, and as scikit-learn has them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from huse.errors import InputError
from huse.text.cleaning import clean_names
from huse.text.ngrams import CLEANING, Ngrams, NgramSettings, character_grams, word_grams

NAMES = [
    "Red Lipstick Red",
    "Matte red lipstick, 12 ml",
    "iPhone 13 case red lipstick",
    "Crème hydratante visage",
    "Кроссовки мужские 42",
    "口红 红色",
    "???",
    "A b",
]
OTHERS = ["red lipstick matte red lipstick", "unbekannt", "", "кроссовки", "13"]


def scikit_learn(
    training: list[str], names: list[str], settings: NgramSettings
) -> tuple[npt.NDArray[np.float64], list[list[str]]]:
    """The rows by scikit-learn's vectorisers, and their n-grams."""
    training, names = clean_names(training, CLEANING), clean_names(names, CLEANING)
    kinds: list[dict[str, Any]] = []
    if settings.words:
        kinds.append({"token_pattern": r"\S+", "ngram_range": (1, settings.words)})
    if settings.characters:
        kinds.append({"analyzer": "char_wb", "ngram_range": (2, settings.characters)})
    made = [TfidfVectorizer(lowercase=False, min_df=settings.min_names, **kind).fit(training) for kind in kinds]
    terms = [list(each.get_feature_names_out()) for each in made]
    return hstack([each.transform(names) for each in made]).toarray(), terms


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"min_names": 1},
        {"words": 3, "min_names": 1},
        {"words": 4, "characters": 3, "min_names": 2},
        {"words": 0, "min_names": 1},
        {"characters": 0, "min_names": 1},
        {"words": 1, "characters": 8, "min_names": 1},
    ],
)
def test_rows_are_those_of_scikit_learn(settings: dict[str, int]) -> None:
    chosen = NgramSettings(**settings)
    ngrams = Ngrams.fit(NAMES, chosen)
    expected, terms = scikit_learn(NAMES, [*NAMES, *OTHERS], chosen)
    assert [those.terms for those in (ngrams.words, ngrams.characters) if those.terms] == terms
    weighted = ngrams.weigh([*NAMES, *OTHERS])
    assert weighted.rows().dtype == np.float32
    np.testing.assert_allclose(weighted.rows().toarray(), expected, atol=1e-6)


def test_a_row_by_hand() -> None:
    """Two names, n-grams of one word: `red` is in both, its idf is 1; `lip` in one, ln(3/2) + 1."""
    ngrams = Ngrams.fit(["red", "lip red red"], NgramSettings(words=1, characters=0, min_names=1))
    assert ngrams.words.terms == ["lip", "red"]
    lip, red = np.log(3 / 2) + 1, 2.0
    np.testing.assert_allclose(
        ngrams.weigh(["red", "lip red red", "blue"]).rows().toarray(),
        [[0, 1], np.array([lip, red]) / np.hypot(lip, red), [0, 0]],
        atol=1e-6,
    )


def test_the_product_with_a_matrix_is_that_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    ngrams = Ngrams.fit(NAMES, NgramSettings(min_names=1))
    matrix = np.random.default_rng(1).standard_normal((ngrams.size, 7)).astype(np.float32)
    weighted = ngrams.weigh([*NAMES, *OTHERS])
    expected = weighted.rows() @ matrix
    np.testing.assert_allclose(weighted.times(matrix), expected, atol=1e-5)
    of_known = ngrams.known @ matrix[len(ngrams.words.terms) :]
    np.testing.assert_allclose(weighted.times(matrix, of_known), expected, atol=1e-5)
    monkeypatch.setattr("huse.text.ngrams.BLOCK_COLUMNS", 3)
    weighted.transposed_times(expected, out=matrix)
    np.testing.assert_allclose(matrix, weighted.rows().T @ expected, atol=1e-5)


def test_n_grams_of_words_and_characters() -> None:
    assert word_grams(["a", "b", "c"], 2) == ["a", "b", "c", "a b", "b c"]
    assert word_grams(["a"], 3) == ["a"]
    assert word_grams(["a", "b"], 0) == []
    assert character_grams("ab", 3) == [" a", "ab", "b ", " ab", "ab "]
    assert character_grams("a", 5) == [" a", "a ", " a "]
    assert character_grams("a", 0) == []


def test_without_n_grams_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"are in 2 of 2 training names, found none. Lower text_vectors.ngrams.min_na"):
        Ngrams.fit(["abc", "xyz"], NgramSettings(characters=0))
    with pytest.raises(ValidationError, match="found neither"):
        NgramSettings(words=0, characters=1)


def test_no_training_names_give_no_n_grams() -> None:
    ngrams = Ngrams.fit([], NgramSettings())
    assert ngrams.size == 0
    assert ngrams.weigh(["red"]).rows().shape == (1, 0)
