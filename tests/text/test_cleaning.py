import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huse.text.cleaning import clean_names, fold_letters
from huse.text.stopwords import DROPPED, ENGLISH


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        (
            "Charlotte Tilbury Hollywood Lips Matte Contour Liquid Lipstick - Show Girl",
            "charlotte tilbury hollywood lips matte contour liquid lipstick show girl",
        ),
        ("Chloé", "chloe"),
        ("Chloe\u0301 Søren Łódź", "chloe soren lodz"),
        ("Straße Œuvre ÆON ﬁne", "strasse oeuvre aeon fine"),
        ("Nike™ Air®", "nike air"),
        ("AirMax90s 2 in 1  500ml", "airmaxs ml"),
        ("boots with no heel, not suede nor fur", "boots no heel not suede nor fur"),
        ("The dress in the Box", "the dress box"),  # stop words are compared as written
        ("A THE the a", "a the"),
        ("don't", ""),
        ("—  …", ""),
        ("", ""),
        ("連衣裙 Dress", "dress"),
    ],
)
def test_cleans(name, clean):
    assert clean_names([name], fold_accents=True) == [clean]


def loop(name, fold_accents):
    """The rule as it is said, one step after the other."""
    text = fold_letters(name) if fold_accents else name
    words = re.sub("[0-9]", "", re.sub("[^A-Za-z0-9]+", " ", text)).split()
    return " ".join(word for word in words if word not in DROPPED).lower()


@given(st.lists(st.text(st.one_of(st.characters(), st.sampled_from(" theATofé9\n\r-'")), max_size=40)), st.booleans())
@example(["a\nb", "\n", "c\r\nd", "e\u2028f"], True)
@example(["\ud800 lone surrogate", "\0"], True)
@example([], True)
def test_all_names_at_once_equal_the_loop_whatever_they_hold(names, fold_accents):
    assert clean_names(names, fold_accents) == [loop(name, fold_accents) for name in names]


def test_more_names_than_a_block_keep_their_order():
    names = [f"The name {chr(97 + row % 26) * (row % 37)} of 5" for row in range(5000)]
    assert clean_names(names, fold_accents=True) == [loop(name, True) for name in names]


@given(st.text())
def test_what_is_left_is_letters_with_single_spaces(name):
    assert re.fullmatch("([a-z]+( [a-z]+)*)?", clean_names([name], fold_accents=True)[0])


def test_without_folding_accented_letters_are_left_out():
    assert clean_names(["Chloé", "Élan vêtements"], fold_accents=False) == ["chlo", "lan v tements"]


def test_folding_keeps_what_is_no_letter():
    assert fold_letters("½ Ünïcode² №5 ₤") == "½ Unicode² №5 ₤"


def test_negations_are_kept():
    assert len(ENGLISH) == 179
    assert {"no", "nor", "not"} == ENGLISH - DROPPED


def test_stop_words_are_nltks(shared):
    path = shared / "pretrained/nltk_data/corpora/stopwords/english"
    if not path.exists():
        pytest.skip(f"{path.name}: NLTK's list is not there to compare with")
    assert set(path.read_text().split()) == ENGLISH
