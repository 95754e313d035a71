import pytest

from huse.catalogue.mending import KINDS, mend

ENTITIES, ESCAPES, INVISIBLE, APART = KINDS


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
