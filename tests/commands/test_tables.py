"""Tables of classified products, as the commands read them."""

import pytest
from PIL import Image

from huse.commands.tables import TableOptions, read_products
from tests.commands.conftest import huse


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a table beside two pictures, and read it."""
    monkeypatch.chdir(tmp_path)
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (8, 8), colour).save(f"{number}.png")

    def reading(text, classes=None, home=None):
        (tmp_path / "new.csv").write_text(text, encoding="utf-8")
        options = TableOptions(None, None, None, None, "<", "auto", 0.05)
        return read_products(tmp_path / "new.csv", tmp_path, options, classes=classes, home=home)

    return reading


def test_rows_of_different_ids_that_say_the_same_are_different_products(read):
    rows = read("product,image,name,classes\n1,0.png,Hat,a\n2,0.png,Hat,a\n2,0.png,Hat,a\n,0.png,Hat,a\n3,,Hat,a\n")
    assert rows["product"].tolist() == ["1", "2", "Hat", "3"]
    found = huse("duplicates", "new.csv")
    assert "4 products, 1 group" in found.stdout and "1 by picture and name" in found.stdout


def test_a_picture_alone_is_known_by_its_path_in_the_folder_of_an_index(read, tmp_path):
    text = "image,name,classes\n0.png,,a\n1.png,A,a\n"
    for home, known in ((None, "0.png"), (tmp_path, "0.png"), (tmp_path.parent, f"{tmp_path.name}/0.png")):
        rows = read(text, home=home)
        assert rows["product"].tolist() == [known, "A"] and rows["image"].tolist() == ["0.png", "1.png"]
    assert read(text, home=tmp_path / "none")["product"].tolist() == [f"{tmp_path}/0.png", "A"]


def test_spellings_of_a_class_are_joined_and_those_of_an_index_count_first(read, caplog):
    text = "name,classes\nA,Shoes<Boots\nB,shoes<boots\nC,Shoes<Boots\nD,hats\n"
    assert read(text)["classes"].tolist() == ["Shoes<Boots"] * 3 + ["hats"]
    assert "1 class path is read in another spelling, the first: 'shoes<boots' as 'Shoes<Boots'" in caplog.text
    assert read(text, {"SHOES<boots": 1, "x": 1})["classes"].tolist() == ["SHOES<boots"] * 3 + ["hats"]


def test_what_was_joined_into_a_suspicious_product_is_said(read, caplog):
    rows = read("image,name,classes\n0.png,A,a\n0.png,B,b\n1.png,C,b\n")
    assert rows["product"].tolist() == ["A", "A", "C"]
    assert "The largest has 2 rows in 2 classes, joined for instance by the picture 0.png, which 2 rows" in caplog.text
    assert "stored and judged as one. If these are different products, name a column of product ids: --product-c" in (
        caplog.text
    )
    caplog.clear()
    read("image,name,classes\n0.png,A,a\n1.png,C,b\n")
    assert not caplog.text
