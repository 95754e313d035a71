from math import log

import pytest

from huse.text.cleaning import Cleaning
from huse.text.salience import Salience
from huse.text.tfidf import fit_tfidf

TFIDF = fit_tfidf(["red shoe", "red dress", "女士 士连 连衣 衣裙"])
RED, ONCE, NEVER = (log(4 / (1 + names)) + 1 for names in (2, 1, 0))


@pytest.mark.parametrize(
    ("name", "spans", "weights"),
    [
        ("Red SHOE hat", [(0, 0), (0, 3), (4, 8), (9, 12), (0, 0)], [0, RED, ONCE, NEVER, 0]),
        ("red-shoe", [(0, 3), (3, 4), (4, 6), (6, 8)], [RED, 0, ONCE, ONCE]),  # parts of a word, and a hyphen
        ("the red 9", [(0, 3), (3, 7), (8, 9)], [0, RED, 0]),  # a stop word, a space before a word, a number
        ("女士连衣裙", [(0, 1), (1, 3), (3, 5)], [ONCE, ONCE, ONCE]),
        ("女士裙", [(0, 1), (1, 3)], [(ONCE + NEVER) / 2] * 2),  # 女士 is known, 士裙 is not
        ("the 9", [(0, 0), (0, 3), (4, 5)], [1, 1, 1]),
        ("", [(0, 0)], [1]),
    ],
)
def test_a_token_weighs_as_its_word(name, spans, weights):
    assert Salience(TFIDF, Cleaning()).weights(name, spans).tolist() == pytest.approx(weights)


def test_words_are_those_of_the_cleaning_of_the_training_names():
    spans = [(0, 3), (4, 6)]
    assert Salience(fit_tfidf(["red", "xl2"]), Cleaning(digits="keep")).weights("xl2 99", spans)[1] > 0
    assert Salience(fit_tfidf(["red", "xl"]), Cleaning()).weights("xl2 99", spans)[1] == 0
