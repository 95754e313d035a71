import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huse.text.cleaning import Cleaning, clean_names, describe_emptied, emptied_names, fold_letters
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
        ("Lip\u00adstick de Chloe\u0301 50µl", "lipstick de chloe μl"),
        ("👟👟🏽\u200d♂️ 5️⃣ ❤️", ""),
        ("Кроссовки мужские ЧЁРНЫЙ Йод", "кроссовки мужские чёрный йод"),
        ("Скатертина п’ять об'ємна", "скатертина пять обємна"),  # the apostrophe of Ukrainian stands within a word
        ("Φόρεμα μίντι ΤΗΣ ΣΑΣ", "φόρεμα μίντι της σας"),
        ("فُستان سـهرة طويل", "فُستان سهرة طويل"),  # vowels stay, the stroke that widens goes
        ("کفش می\u200cخواهم", "کفش میخواهم"),
        ("שִׂמְלָה ג'ינס 15 ס\"מ", "שִׂמְלָה גינס סמ"),
        ("सूती साड़ी, नीला", "सूती साड़ी नीला"),
        ("여성 원피스", "여성 원피스"),
        ("\u110b\u1167\u1109\u1165\u11bc", "여성"),  # the same, decomposed
        # No spaces between words: pairs of neighbouring characters, each with its marks.
        ("连衣裙 Dress", "连衣 衣裙 dress"),
        ("裙", "裙"),
        ("iPhone13手机壳", "iphone 手机 机壳"),
        ("人々のスニーカー", "人々 々の のス スニ ニー ーカ カー"),
        ("ﾊﾟﾝﾂ ＡＢＣ", "パン ンツ abc"),  # half and full width
        ("ผ้าสีดำ", "ผ้า าสี สีดำ"),
        ("ກະເປົາ", "ກະ ະເ ເປົ ປົາ"),
        ("កាបូប", "កាបូ បូប"),
    ],
)
def test_cleans(name, clean):
    assert clean_names([name], Cleaning(digits="drop")) == [unicodedata.normalize("NFC", clean)]


@pytest.mark.parametrize("letters", ["unicode", "ascii"])
@pytest.mark.parametrize(
    ("digits", "clean"),
    [
        ("drop", "levis jeans ps iphone xl k pack airmaxs"),
        ("mixed", "levis jeans ps5 iphone xl2 4k pack airmax90s"),
        ("keep", "levis 501 jeans ps5 iphone 13 xl2 4k 2 pack airmax90s"),
    ],
)
def test_words_with_digits_are_kept_where_that_is_asked(letters, digits, clean):
    name = "Levis 501 jeans PS5 iPhone 13 XL2 4K 2-pack AirMax90s"
    names = [name, f"{name} ✓"]  # the second is not ASCII
    assert clean_names(names, Cleaning(letters=letters, digits=digits)) == [clean, clean]


@pytest.mark.parametrize(
    ("digits", "clean"), [("drop", "тв 手机"), ("mixed", "тв4k 手机"), ("keep", "тв4k 手机 13 42")]
)
def test_digits_of_every_script_are_digits(digits, clean):
    assert clean_names(["ТВ4K 手机１３ ٤٢"], Cleaning(digits=digits)) == [clean.replace("тв ", "твk ")]


def loop(name, fold_accents):
    """The published rule as it is said, one step after the other."""
    text = fold_letters(name) if fold_accents else name
    words = re.sub("[0-9]", "", re.sub("[^A-Za-z0-9]+", " ", text)).split()
    return " ".join(word for word in words if word not in DROPPED).lower()


def ascii_only(fold_accents):
    return Cleaning(letters="ascii", digits="drop", fold_accents=fold_accents)


@given(st.lists(st.text(st.one_of(st.characters(), st.sampled_from(" theATofé9\n\r-'")), max_size=40)), st.booleans())
@example(["a\nb", "\n", "c\r\nd", "e\u2028f"], True)
@example(["\ud800 lone surrogate", "\0"], True)
@example([], True)
def test_all_names_at_once_equal_the_loop_whatever_they_hold(names, fold_accents):
    assert clean_names(names, ascii_only(fold_accents)) == [loop(name, fold_accents) for name in names]
    plain = [name.encode("ascii", "ignore").decode() for name in names]
    assert clean_names(plain, Cleaning(digits="drop")) == [loop(name, fold_accents) for name in plain]


def test_more_names_than_a_block_keep_their_order():
    names = [f"The name {chr(97 + row % 26) * (row % 37)} of 5{'й' * (row % 7)}" for row in range(5000)]
    assert clean_names(names, ascii_only(True)) == [loop(name, True) for name in names]
    found = clean_names(names, Cleaning(digits="drop"))
    assert found == [f"{loop(name, True)} {'й' * (row % 7)}".rstrip() for row, name in enumerate(names)]


@given(st.text(), st.sampled_from(["drop", "mixed", "keep"]))
def test_what_is_left_are_words_with_single_spaces(name, digits):
    one = clean_names([name], Cleaning(digits=digits))
    assert all(" ".join(clean.split()) == clean == clean.lower() for clean in one)
    assert re.fullmatch("([a-z]+( [a-z]+)*)?", clean_names([name], ascii_only(True))[0])


def test_without_folding_accented_letters_stay_or_in_ascii_are_left_out():
    names = ["Chloé", "E\u0301lan vêtements"]
    assert clean_names(names, Cleaning(fold_accents=False)) == ["chloé", "élan vêtements"]
    assert clean_names(["Chloé", "Élan vêtements"], ascii_only(False)) == ["chlo", "lan v tements"]


def test_emptied_names_are_said_with_the_setting_that_keeps_them():
    names = ["501", "Юбка", "", "hat", "— 7"]
    how = ascii_only(True)
    emptied = emptied_names(names, clean_names(names, how))
    assert emptied == ["501", "Юбка", "— 7"]  # one without a name has none to lose
    said = describe_emptied(emptied, len(names), how)
    assert said.startswith("3 of 5 names (60.0%) have no word left after cleaning, first '501', 'Юбка', '— 7'.")
    assert said.endswith("letters: unicode keeps 1 of them. preprocess_text.digits: keep keeps 2 of them")
    assert "keeps" not in describe_emptied(["—"], 1, how)


def test_folding_keeps_what_is_no_letter():
    assert fold_letters("½ Ünïcode² №5 ₤") == "½ Unicode² №5 ₤"


def test_folding_keeps_other_scripts():
    others = "йё ά فُستان सूती ผ้า 여성 が"
    assert fold_letters(others) == others


def test_negations_are_kept():
    assert len(ENGLISH) == 179
    assert {"no", "nor", "not"} == ENGLISH - DROPPED


def test_stop_words_are_nltks(shared):
    path = shared / "pretrained/nltk_data/corpora/stopwords/english"
    if not path.exists():
        pytest.skip(f"{path.name}: NLTK's list is not there to compare with")
    assert set(path.read_text().split()) == ENGLISH
