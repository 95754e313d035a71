import nltk
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    assert known_tokens(["I don't know"], {"don", "n't"}, version=2, marks=True) == [["don"]]


def test_the_end_mark_stands_alone_where_no_word_is_known():
    assert known_tokens(["qqq"], {"</p>"}, version=2, marks=True) == [["</p>"]]
    assert without_words(["qqq", "red qqq"], {"</p>", "red"}, 2) == ["qqq"]


def test_names_every_sentence_without_a_vector_and_what_helps():
    message = (
        r"found none for 2: 'qqq', 'zzz zz'\. Use .*word_vectors.source.*oov: hash.*label_text: path.*encoder: tree"
    )
    with pytest.raises(InputError, match=message):
        known_tokens(["qqq", "dress", "zzz zz"], {"dress"}, version=1, marks=True)


def test_names_ten_and_counts_the_rest():
    assert name_some(["a", "b"]) == "'a', 'b'"
    assert name_some(list("abcdefghijkl")).endswith("'j' and 2 more")


@given(st.text(), st.sampled_from([1, 2]))
def test_any_text_gives_tokens_without_white_space(text, version):
    for token in tokenize(text, version):
        assert token
        assert not set(token) & set(" \t\n\r\v\f")


@pytest.mark.parametrize("catalogue", ["myntra-fashion/training.csv", "netaporter-text/validation_data.csv"])
def test_tokens_are_the_same_with_nltks_sentence_splitter(shared, monkeypatch, catalogue):
    monkeypatch.setattr(nltk.data, "path", [str(shared / "pretrained/nltk_data")])
    paths = pd.read_csv(shared / "real" / catalogue)["classes"].unique()
    labels = {level for path in paths for level in path.split("<")} | {path.replace("<", " ") for path in paths}
    for sentence in [*sorted(labels), "Women's T-shirts (blue & white)", "don't"]:
        assert tokenize(sentence, 1) == word_tokenize(sentence)
