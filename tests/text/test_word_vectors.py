import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huse.errors import InputError
from huse.text.spelling import MARKS, STEPS, Spelled, find_spelling, hash_vector, spellings
from huse.text.vocabulary import WordVectorSettings, choose_vectors, coverage, label_words
from huse.text.word_files.found import Found
from huse.text.word_vectors import keyed_vectors, mean_word_vectors


def found_words(**vectors):
    return {word: np.array(vector, np.float32) for word, vector in vectors.items()}


HELD = found_words(red=[1, 0], Paris=[0, 1], shirt=[2, 2], t=[0, 4], creme=[5, 0], Dior=[0, 6]) | {
    "wi-fi": np.array([7, 7], np.float32), "<s>": np.array([1, 1], np.float32), "été": np.array([3, 3], np.float32)
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "step", "spelling", "vector"),
    [
        ("red", "as_written", "red", [1, 0]),
        ("RED", "lower", "red", [1, 0]),
        ("paris", "capitalised", "Paris", [0, 1]),
        ("PARIS", "capitalised", "Paris", [0, 1]),
        ("wi-fi", "as_written", "wi-fi", [7, 7]),
        ("Wi-Fi", "lower", "wi-fi", [7, 7]),
        ("t-shirt", "hyphens", "t + shirt", [1, 3]),
        ("T-SHIRT", "hyphens", "t + shirt", [1, 3]),
        ("red-unknown", "hyphens", "red", [1, 0]),
        ("red/paris", "hyphens", "red + Paris", [0.5, 0.5]),
        ("crème", "accents", "creme", [5, 0]),
        ("CRÈME", "accents", "creme", [5, 0]),
        ("Été", "lower", "été", [3, 3]),
        ("crème-rédux", "accents", "creme", [5, 0]),
        ("dîor", "accents", "Dior", [0, 6]),
        ("<s>", "as_written", "<s>", [1, 1]),
    ],
)
def test_the_first_spelling_that_has_a_vector(word, step, spelling, vector):
    found = find_spelling(word, HELD, STEPS)
    assert (found.step, found.spelling, found.vector.tolist()) == (step, spelling, vector)
    assert found.vector.dtype == np.float32
    assert set(spelling.split(" + ")) <= spellings([word])


@pytest.mark.parametrize(
    ("word", "off"),
    [("red", "as_written"), ("RED", "lower"), ("paris", "capitalised"), ("t-shirt", "hyphens"), ("crème", "accents")],
)
def test_each_step_can_be_left_out(word, off):
    steps = set(STEPS) - {off} - ({"lower"} if off == "as_written" else set())
    assert find_spelling(word, HELD, STEPS) is not None
    assert find_spelling(word, HELD, steps) is None


def test_words_without_a_vector_and_marks_have_no_other_spelling():
    assert find_spelling("boot", HELD, STEPS) is None
    assert find_spelling("</s>", HELD, STEPS) is None
    assert find_spelling("-", HELD, STEPS) is None
    assert spellings(["<p>"]) == {"<p>"}


@given(st.text(), st.sets(st.sampled_from(STEPS)))
def test_no_word_breaks_the_spellings(word, steps):
    asked = spellings([word])
    assert "" not in asked
    held = {one: np.ones(2, np.float32) for one in asked}
    found = find_spelling(word, held, steps)
    if found:
        assert set(found.spelling.split(" + ")) <= asked or " + " in word


def test_what_is_looked_for_is_what_is_asked_of_the_source():
    """Every look-up that `find_spelling` makes is among `spellings`."""

    class Recorder(dict):
        def __contains__(self, key):
            seen.add(key)
            return False

    for word in ("Crème-Brûlée/Été", "t-shirt", "ßtraße", "ﬁne", "İstanbul", "a_b"):
        seen = set()
        assert find_spelling(word, Recorder(), STEPS) is None
        assert seen - {""} <= spellings([word])


def test_a_hashed_word_has_its_own_direction_and_the_mean_norm():
    first, again, other = (hash_vector(word, 300, 5.0, seed=1) for word in ("zara", "zara", "prada"))
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float32
    assert np.linalg.norm(first) == pytest.approx(5, rel=1e-6)
    assert abs(first @ other) / 25 < 0.2
    assert abs(first @ hash_vector("zara", 300, 5.0, seed=2)) / 25 < 0.2


def test_out_of_vocabulary_words_are_skipped_or_drawn():
    found = Found(2, "any", found_words(red=[3, 4], shoe=[0, 1], unused=[100, 100]))
    words = ["red", "shoe", "zara", "&", "<s>"]
    skipped = choose_vectors(words, found, WordVectorSettings(), seed=1)
    assert list(skipped) == ["red", "shoe"]
    hashed = choose_vectors(words, found, WordVectorSettings(oov="hash"), seed=1)
    assert list(hashed) == ["red", "shoe", "zara"]
    assert hashed["zara"].step == "hash"
    # The mean norm of the words in use, 5 and 1; what nobody needs has no say.
    assert np.linalg.norm(hashed["zara"].vector) == pytest.approx(3, rel=1e-6)
    without_red = choose_vectors(words, found, WordVectorSettings(oov="hash"), seed=1, aside=["red", "zara"])
    assert np.linalg.norm(without_red["zara"].vector) == pytest.approx(np.linalg.norm(hashed["shoe"].vector))


def test_of_all_a_word_has_its_own_vector_before_one_made_of_its_parts():
    vectors = found_words(red=[1, 0], RED=[5, 5], reds=[2, 2])
    found = Found(2, "fastText binary", vectors, composed={"RED", "reds"})
    chosen = choose_vectors(["RED", "reds", "blue"], found, WordVectorSettings(), seed=1)
    assert {word: (one.step, one.vector.tolist()) for word, one in chosen.items()} == {
        "RED": ("lower", [1, 0]),
        "reds": ("subwords", [2, 2]),
    }


def test_keyed_vectors_do_not_copy_and_answer_like_gensims():
    array = np.array([[1, 0], [0, 2], [1, 0.1]], np.float32)
    array.setflags(write=False)
    vectors = keyed_vectors(["a", "b", "c"], array)
    assert np.shares_memory(vectors.vectors, array)
    assert vectors["b"].tolist() == [0, 2]
    assert "b" in vectors
    assert "d" not in vectors
    assert vectors.most_similar("a", topn=1)[0][0] == "c"


def test_label_words_hold_the_tokens_of_both_versions():
    words = label_words([["Men's", "don't care"], ["care"]])
    assert words == {"Men", "'s", "do", "n't", "'t", "don", "care"}
    assert not words & MARKS


def test_mean_word_vectors_by_hand():
    vectors = keyed_vectors(["red", "shoe"], np.array([[1, 2], [3, 6]], np.float32))
    encoded = mean_word_vectors(["red shoe", "shoe of shoe red", "red"], vectors, 1)
    np.testing.assert_allclose(encoded, [[2, 4], [7 / 3, 14 / 3], [1, 2]], rtol=1e-6)
    assert encoded.dtype == np.float32
    with pytest.raises(InputError, match="'boot'"):
        mean_word_vectors(["boot"], vectors, 1)


def spelled(step):
    return Spelled(np.zeros(1, np.float32), step, "any")


def test_coverage_by_hand():
    names = ["red red shoe", "boot", "", "boot zara", "zara"]
    chosen = {
        "red": spelled("as_written"),
        "zara": spelled("hash"),
        "shoes": spelled("lower"),
        "<s>": spelled("as_written"),
    }
    assert coverage(names, {"shoes", "boots"}, chosen) == {
        "coverage": {"running": 2 / 8, "distinct": pytest.approx(1 / 5), "labels": 1 / 2},
        "names_without": 4 / 5,
        "names_emptied": 1,
        "found_by": {"as_written": 1, "hash": 1, "lower": 1},
        "most_frequent_missing": {"boot": 2, "zara": 2, "shoe": 1},
        "label_words_missing": 1,
        "missing_label_words": ["boots"],
    }
    nothing = coverage([], set(), {})
    assert nothing["coverage"] == {"running": 0, "distinct": 0, "labels": 0}
    assert nothing["names_without"] == 0
