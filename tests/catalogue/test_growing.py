"""What an index takes from a catalogue beside pictures, names and classes, and how rows come behind one."""

import pandas as pd
import pytest

from huse.catalogue.appending import appended
from huse.catalogue.reading import plain_header, read_further, typed
from huse.catalogue.table import product_ids
from huse.errors import InputError


def further(tmp_path, text, used=("image", "name")):
    path = tmp_path / "shop.csv"
    path.write_text(text, encoding="utf-8")
    return typed(read_further(path, encoding="auto", used=used))


def test_other_columns_are_numbers_where_all_cells_are(tmp_path):
    text = "Image,name,Unit price,EAN,Brand-Name\na,b,1.5,007,Acme\n\nc,d,,x,\n"
    found = further(tmp_path, text)
    assert list(found) == ["unit_price", "ean", "brand_name"] and found.index.tolist() == [2, 4]
    assert found["unit_price"].tolist()[0] == 1.5 and found["unit_price"].isna().tolist() == [False, True]
    assert found["ean"].tolist() == ["007", "x"] and found["brand_name"].tolist() == ["Acme", ""]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0", "0"], True),
        (["0.5", "-3"], True),
        (["1", ""], True),
        (["", ""], False),
        (["5", "n/a", "NULL", "-"], True),
        (["n/a", "-"], False),
        (["5", "sold out"], False),
        (["00123", "5"], False),
        (["123456789012345678", "5"], False),
        (["Infinity", "5"], False),
        (["1e400", "5"], False),
        (["19,99", "5"], False),
    ],
)
def test_codes_and_what_is_no_number_stay_as_they_are_written(cells, numbers):
    found = typed(pd.DataFrame({"column": cells}, dtype=object))["column"]
    if numbers:
        numbers_of = [float(cell) if any(map(str.isdigit, cell)) else -1 for cell in cells]
        assert found.dtype == float and found.fillna(-1).tolist() == numbers_of
    else:
        assert found.tolist() == cells


def test_a_row_that_ends_early_keeps_the_cells_that_it_has(tmp_path):
    found = further(tmp_path, "image,name,price,notes\na,b,1\nc,d,2\ne,f,3,new\n")
    assert found["price"].tolist() == [1, 2, 3] and found["notes"].tolist() == ["", "", "new"]


def test_headers_that_come_to_the_same_are_numbered_and_only_empty_ones_left_out(tmp_path):
    found = further(tmp_path, "name,A b,a-b,€,A_B,2024,💰,\n1,2,3,4,5,6,7,8\n", used=["name"])
    assert found.iloc[0].to_dict() == {"a_b": 2, "a_b_2": 3, "column": 4, "a_b_3": 5, "_2024": 6, "column_2": 7}
    assert list(further(tmp_path, "image,name\na,b\n")) == []
    assert plain_header("  Größe (cm) ") == "größe_cm"


def test_products_are_known_by_id_then_name_then_picture():
    table = pd.DataFrame(
        {
            "group": [0, 0, 1, 2, 3, 4],
            "product": ["", "7", "", "", "", None],
            "name": ["hat", "hat", "coat", "", "coat", ""],
            "image": ["a", "b", "c", "d", "e", "7"],
        }
    )
    assert product_ids(table) == ["7", "7", "coat", "d", "coat (2)", "7 (2)"]
    assert product_ids(table.drop(columns="product"))[:3] == ["hat", "hat", "coat"]


def test_no_two_products_are_known_by_the_same():
    names = ["hat", "hat", "hat", "hat (2)", "hat (2)", "hat (2) (2)", "hat (4)"]
    table = pd.DataFrame({"group": range(7), "product": "", "name": names, "image": ""})
    assert product_ids(table) == ["hat", "hat (3)", "hat (5)", "hat (2)", "hat (2) (3)", "hat (2) (2)", "hat (4)"]


@pytest.mark.parametrize(("end", "added"), [("\n", b""), ("", b"\n")])
def test_rows_come_behind_in_the_columns_that_are_there(tmp_path, end, added):
    path = tmp_path / "shop.csv"
    path.write_bytes(b'\xef\xbb\xbfimage,Name,Unit price,left\n"a,1",b,2,x' + end.encode())
    before = path.read_bytes()
    found = appended(path, [{"name": 'say "hat"', "image": "c", "unit_price": "3", "other": "y"}])
    assert found == before + added + b'c,"say ""hat""",3,\n' and path.read_bytes() == before


def test_columns_that_come_to_the_same_are_told_apart_behind_a_catalogue_too(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes("name,Preis €,Preis $\n".encode())
    assert appended(path, [{"name": "hat", "preis": "3", "preis_2": "4"}]).endswith(b"\nhat,3,4\n")


def test_rows_that_are_there_are_not_added_again(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes(b"image,name\n")
    rows = [{"name": 'say "hat"', "image": "c"}, {"name": "two\nlines", "image": ""}]
    path.write_bytes(appended(path, rows))
    assert appended(path, rows) == path.read_bytes()
    assert appended(path, [*rows, {"name": "new", "image": ""}]) == path.read_bytes() + b",new\n"


@pytest.mark.parametrize("content", [b"image;name\na;b\n", b"", b"name,x\nBr\xe9\n", None])
def test_files_of_another_form_are_refused(tmp_path, content):
    path = tmp_path / "shop.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"shop.csv: cannot be added to.*[Ss]ave it"):
        appended(path, [{"name": "hat"}])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "no-such"])
def test_encodings_whose_lines_end_in_another_way_are_refused(tmp_path, encoding):
    path = tmp_path / "shop.csv"
    path.write_bytes(b"image,name\n")
    with pytest.raises(InputError, match=r"shop.csv: cannot be added to.*[Ss]ave it"):
        appended(path, [{"name": "hat"}], encoding)
