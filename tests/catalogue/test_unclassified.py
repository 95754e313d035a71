import pytest

from huse.catalogue.headers import Headers
from huse.catalogue.unclassified import Unclassified, UnclassifiedTable
from huse.errors import InputError


@pytest.fixture
def read(tmp_path):
    """Write a table and pictures that need no content, and read the table."""
    images = tmp_path / "images"
    (images / "deep").mkdir(parents=True)
    for name in ("one.jpg", "deep/two.png", "nan"):
        (images / name).write_bytes(b"")

    def of(content, encoding="auto", **columns):
        (tmp_path / "new.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        headers = Headers.of_options({"image": None, "name": None, **columns})
        return UnclassifiedTable(tmp_path / "new.csv", images, headers, encoding=encoding)

    of.images = images
    return of


def test_every_row_is_kept_with_what_can_be_used_of_it(read):
    table = read(
        "sku,image,name\n"
        "1,one.jpg,Red hat\n"
        "2,DEEP\\TWO,\n"
        "3,,Blue &amp; <b>white</b>  hat\n"
        "4,lost.jpg,Hat\n"
        "5,,untitled\n"
        "6,n/a,\n"
        "7,../../out.jpg,Hat\n"
        "8,https://example.com/a.jpg,Hat\n"
        "9,/etc/a.jpg,\n"
        '10,one.jpg,"broken\n'
        "11,one.jpg,too,many\n"
        f"12,one.jpg,{'x' * 2001}\n"
        "13,nan,Hat\n"
    )
    rows = list(table)
    assert table.header == ["sku", "image", "name"] and len(table) == len(rows) == 13
    found = {row.cells[0]: row for row in rows}
    one, two = read.images / "one.jpg", read.images / "deep/two.png"
    assert found["1"] == Unclassified(2, ["1", "one.jpg", "Red hat"], one, "Red hat")
    assert (found["2"].picture, found["2"].name, found["2"].remarks) == (two, "", ())
    assert (found["3"].picture, found["3"].name, found["3"].remarks) == (None, "Blue & white hat", ())
    assert found["3"].cells[2] == "Blue &amp; <b>white</b>  hat"
    assert found["4"] == Unclassified(
        5, found["4"].cells, None, "Hat", ("picture left out, picture file does not exist",)
    )
    assert found["5"].remarks == ("name left out, the name 'untitled' says nothing",)
    assert found["6"] == Unclassified(7, ["6", "n/a", ""])
    assert found["7"].remarks == ("picture left out, the picture's path leaves the picture folder",)
    assert found["8"].remarks[0].startswith("picture left out, the picture is a URL")
    assert found["9"].remarks[0].startswith("picture left out, the picture's path is absolute")
    assert [row.remarks[0].partition(",")[0] for row in rows if row.cells == ["", "", ""]] == [
        "line 11 cannot be read",
        "line 12 cannot be read",
    ]
    assert (found["12"].picture, found["12"].name) == (one, "")
    assert found["12"].remarks == ("name left out, the name has 2,001 characters, more than 2,000",)
    assert (rows[9].line, rows[9].cells, rows[12].line) == (11, ["", "", ""], 14)
    assert found["13"].picture == read.images / "nan"  # a picture that is called so


def test_columns_are_found_by_default_where_they_are_there(read):
    assert [row.name for row in read("Name;sku\nHat;7\n")] == ["Hat"]
    assert [row.picture for row in read("image\none.jpg\n")] == [read.images / "one.jpg"]
    (row,) = read("title,photo\nHat,one.jpg\n", image="photo", name="title")
    assert (row.picture, row.name) == (read.images / "one.jpg", "Hat")


def test_the_encoding_is_guessed_and_said(read):
    table = read("name\nCrème brûlée à la française\n".encode("cp1252"))
    assert [row.name for row in table] == ["Crème brûlée à la française"]
    assert "are not UTF-8" in table.remarks[0]
    assert [row.name for row in read("name\nдом\n".encode("cp1251"), encoding="cp1251")] == ["дом"]


@pytest.mark.parametrize(
    ("content", "columns", "said"),
    [
        (
            "sku,title\n1,Hat\n",
            {},
            "expected a column `image` or `name`, found: sku, title. Name the columns by --image",
        ),
        ("name\n", {}, "has a header but no products"),
        ("name\nHat\n", {"image": "photo"}, r"expected one column `photo` \(--image-column\), found none among: name"),
        ("name,name\nHat,Hat\n", {}, r"expected one column `name` \(--name-column\), found 2 among"),
        ("", {}, "is empty"),
    ],
)
def test_a_table_of_other_columns_is_refused(read, content, columns, said):
    with pytest.raises(InputError, match=said):
        read(content, **columns)
