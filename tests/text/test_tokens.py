import nltk
import pandas as pd
import pytest
from nltk.tokenize import word_tokenize

from huse.errors import InputError
from huse.text.tokens import known_tokens, name_some, tokenize, without_words


def test_tokens_keep_case_and_split_contractions():
    assert tokenize("Men's T-shirts (new)", 1) == ["Men", "'s", "T-shirts", "(", "new", ")"]
    assert tokenize("I don't know", 1) == ["I", "do", "n't", "know"]


def test_version_2_joins_negations_as_moses_does():
    assert tokenize("I don't know", 2) == ["I", "don", "'t", "know"]
    # Nothing follows here, so the published replacement does not find " n't ".
    assert tokenize("I don't", 2) == ["I", "do", "n't"]


def test_unknown_tokens_and_marks_are_dropped():
    known = {"dress", "</s>"}
    assert known_tokens(["red dress"], known, version=1, marks=True) == [["dress", "</s>"]]
    assert known_tokens(["red dress"], known, version=1, marks=False) == [["dress"]]


def test_the_end_mark_stands_alone_where_no_word_is_known():
    assert known_tokens(["qqq"], {"</p>"}, version=2, marks=True) == [["</p>"]]
    assert without_words(["qqq", "red qqq"], {"</p>", "red"}, 2) == ["qqq"]


def test_names_every_sentence_without_a_vector():
    with pytest.raises(InputError, match=r"found none for 2: 'qqq', 'zzz zz'\. Use .*tree.*path") as error:
        known_tokens(["qqq", "dress", "zzz zz"], {"dress"}, version=1, marks=True)
    assert "lower case" not in str(error.value)


def test_says_that_lower_case_would_help():
    with pytest.raises(InputError, match="lower case"):
        known_tokens(["Dress"], {"dress"}, version=1, marks=False)


def test_names_ten_and_counts_the_rest():
    assert name_some(["a", "b"]) == "'a', 'b'"
    assert name_some(list("abcdefghijkl")).endswith("'j' and 2 more")


def test_tokens_are_the_same_with_nltks_sentence_splitter(shared, monkeypatch):
    monkeypatch.setattr(nltk.data, "path", [str(shared / "pretrained/nltk_data")])
    products = pd.read_csv(shared / "real/myntra-fashion/training.csv")
    labels = {level for path in products["classes"] for level in path.split("<")}
    for sentence in [*sorted(labels), "Women's T-shirts (blue & white)", "don't"]:
        assert tokenize(sentence, 1) == word_tokenize(sentence)
