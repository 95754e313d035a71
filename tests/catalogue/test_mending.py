import pytest

from huse.catalogue.mending import KINDS, mend, says_nothing

ENTITIES, ESCAPES, MISREAD, INVISIBLE, APART = KINDS
TAGS = "HTML tags"


@pytest.mark.parametrize(
    ("text", "meant", "kinds"),
    [
        ("Red dress", "Red dress", ()),
        ("M&S R&D, fish & chips", "M&S R&D, fish & chips", ()),
        ("Salt &amp; Pepper", "Salt & Pepper", (ENTITIES,)),
        ("Salt &amp;amp; Pepper", "Salt & Pepper", (ENTITIES,)),
        ("Home&nbsp;&gt;&nbsp;Lamps", "Home\xa0>\xa0Lamps", (ENTITIES,)),
        ("Caf&#233; &#xE9;clair &eacute;", "Café éclair é", (ENTITIES,)),
        ("&unknown; &notit", "&unknown; &notit", ()),
        (r"Women\xe2\x80\x99s", "Women’s", (ESCAPES,)),
        (r"C:\xampp \xff\xfe", r"C:\xampp \xff\xfe", ()),
        ("CrÃ¨me brÃ»lÃ©e, StraÃŸe", "Crème brûlée, Straße", (MISREAD,)),
        ("ACMEÂ® Itâ€™s â€œokâ€\x9d â€“ Ã\xa0 la", "ACME® It’s “ok” – à la", (MISREAD,)),
        ("CrÃƒÂ¨me, ÂÂ\x80", "Crème, \x80", (MISREAD,)),
        ("Ð¨Ð°Ð¿ÐºÐ° ÐºÑ€Ð°Ñ\x81Ð½Ð°Ñ\x8f", "Шапка красная", (MISREAD,)),
        ("ROSÉ® CAFÉ’S SÃO CHÂTEAU PÂTÉ… ÂÃ Ñandú", "ROSÉ® CAFÉ’S SÃO CHÂTEAU PÂTÉ… ÂÃ Ñandú", ()),
        ("zero\u200bwidth\ufeff soft\u00adhyphen", "zerowidth softhyphen", (INVISIBLE,)),
        ("a\u200db\u200c", "ab", (INVISIBLE,)),
        ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष", ()),
        ("Cafe\u0301", "Café", (APART,)),
        ("Cafe&#x301;&#8203;", "Café", (ENTITIES, INVISIBLE, APART)),
    ],
)
def test_a_text_becomes_what_was_meant(text, meant, kinds):
    assert mend(text) == (meant, kinds)
    assert mend(meant) == (meant, ())


@pytest.mark.parametrize(
    ("text", "meant", "kinds"),
    [
        ("<b>Red</b> shoe<br/>new", " Red  shoe new", (TAGS,)),
        ("&lt;p class='x'&gt;Red&lt;/P&gt;", " Red ", (ENTITIES, TAGS)),
        ("Cable <M> 5 < 6 > 4 <brand>", "Cable <M> 5 < 6 > 4 <brand>", ()),
    ],
)
def test_tags_are_taken_out_of_names_alone(text, meant, kinds):
    assert mend(text, tags=True) == (meant, kinds)
    assert TAGS not in mend(text)[1]


@pytest.mark.parametrize("text", ["nan", "NaN nan", "(null)", "#N/A", "<NA>", "#VALUE!", "N.A.", "---", "", r"\N"])
def test_what_stands_in_an_empty_cell_says_nothing(text):
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["Nanna", "none of these", "0", "Na 40 W", "N", "Тапочки", "नमक"])
def test_a_text_says_something(text):
    assert not says_nothing(text)
