"""Tables of classified products, as the commands read them."""

import pandas as pd
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

    def reading(text: str) -> pd.DataFrame:
        (tmp_path / "new.csv").write_text(text, encoding="utf-8")
        options = TableOptions(None, None, None, None, "<", "auto", 0.05)
        return read_products(tmp_path / "new.csv", tmp_path, options)

    return reading


def test_rows_of_different_ids_that_say_the_same_are_different_products(read):
    rows = read("product,image,name,classes\n1,0.png,Hat,a\n2,0.png,Hat,a\n2,0.png,Hat,a\n,0.png,Hat,a\n3,,Hat,a\n")
    assert rows["product"].tolist() == ["1", "2", "Hat", "3"]
    found = huse("duplicates", "new.csv")
    assert "4 products, 1 group" in found.stdout and "1 by picture and name" in found.stdout
