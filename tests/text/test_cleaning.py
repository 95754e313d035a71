import pytest

from huse.text.cleaning import clean_name, fold_letters
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
        ("The dress in the Box", "the dress box"),
        ("don't", ""),
        ("—  …", ""),
        ("", ""),
        ("連衣裙 Dress", "dress"),
    ],
)
def test_cleans(name, clean):
    assert clean_name(name, fold_accents=True) == clean


def test_without_folding_accented_letters_are_left_out():
    assert clean_name("Chloé", fold_accents=False) == "chlo"
    assert clean_name("Élan vêtements", fold_accents=False) == "lan v tements"


def test_stop_words_are_compared_as_written():
    assert clean_name("A THE the a", fold_accents=False) == "a the"


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
