import pandas as pd
import pytest

from huse.catalogue.importing.entries import Imported, kinds, list_pictures, spoken, summarise
from huse.catalogue.importing.fashion import import_fashion
from huse.catalogue.importing.folders import import_folders
from huse.catalogue.importing.food101 import import_food101
from huse.catalogue.importing.table import Columns, import_table
from huse.errors import InputError


def test_food101_keeps_its_split(food101):
    imported = import_food101(food101)
    table = imported.table()
    assert imported.images == food101 / "images"
    assert table["split"].value_counts().to_dict() == {"train": 13, "test": 4}
    rows = table.set_index("image")
    assert rows.loc["train/apple_pie/apple_pie_0.jpg"].tolist() == [
        "train recipe 0, for apple_pie",
        "apple pie",
        "train",
    ]
    assert rows.loc["test/beef_tartare/beef_tartare_1.jpg", "classes"] == "beef tartare"
    assert rows.loc["train/apple_pie/apple_pie_8.jpg", "name"] == "Pie, the best, ever"
    assert imported.repaired == ["unquoted commas in the title: train_titles.csv line 15"]
    assert imported.left_out == [
        "no picture: train_titles.csv line 13, train/apple_pie/apple_pie_9.jpg",
        "broken line: train_titles.csv line 14, expected 3 fields, found 1",
        "a picture without a title: train/apple_pie/apple_pie_untitled.jpg",
    ]


def test_titles_may_lie_beside_the_pictures(food101):
    for file in (food101 / "texts").iterdir():
        file.rename(food101 / file.name)
    assert len(import_food101(food101).table()) == 17


def test_fashion_has_three_levels_and_mends_names(fashion):
    imported = import_fashion(fashion)
    rows = imported.table().set_index("image")
    assert list(rows.columns) == ["name", "classes"]
    assert rows.loc["100.jpg"].tolist() == ["Brand Thing 0", "Apparel<Topwear<Shirts"]
    assert rows.loc["200.jpg"].tolist() == ["Brand Top, Red, Long", "Apparel<Topwear<Tops"]
    assert imported.repaired == ["unquoted comma in the name: styles.csv line 8"]
    assert imported.left_out == [
        "no picture: styles.csv line 9, 201.jpg",
        "broken line: styles.csv line 10, expected 10 fields, found 3",
        "a picture without a line: 300.jpg",
    ]


def test_folders_are_levels_and_captions_names(folders, tmp_path):
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "File,Caption\nshoes/ankle_boots/a.jpg,High boot\n./b-1.PNG,Low boot\ncap.jpg,A cap\n"
        "a.jpg,which of the two\ncap.jpg,again\nshoes/pumps/a.jpg\n"
    )
    imported = import_folders(folders, captions)
    assert imported.table().to_numpy().tolist() == [
        ["hats/cap.jpg", "A cap", "hats"],
        ["shoes/ankle_boots/a.jpg", "High boot", "shoes<ankle boots"],
        ["shoes/ankle_boots/b-1.PNG", "Low boot", "shoes<ankle boots"],
    ]
    assert imported.left_out == [
        "a caption without a picture: captions.csv line 5, a.jpg",
        "a second caption: captions.csv line 6, hats/cap.jpg",
        "broken line: captions.csv line 7, expected 2 fields, found 1",
        "a picture without a caption: shoes/pumps/a.jpg",
    ]
    assert imported.remarks == ["captions.csv: pictures are in column File, captions in Caption"]


def test_folders_without_captions_name_products_by_their_files(folders):
    imported = import_folders(folders, None)
    assert imported.table()["name"].tolist() == ["cap", "a", "b 1", "a"]
    assert imported.remarks == ["no captions were given, so products are named by their files"]


def test_captions_in_named_columns_of_a_tsv(folders, tmp_path):
    captions = tmp_path / "captions.tsv"
    captions.write_text("id\tfile\twords\n1\tcap.jpg\tA cap, red\n")
    assert import_folders(folders, captions, name="words").table()["name"].tolist() == ["A cap, red"]


def test_a_table_by_its_columns(folders, tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes(
        b"\xef\xbb\xbfpic;title;top;leaf;part\r\n"
        b'shoes/pumps/a.jpg;"Pump; red";Shoes;Pumps;Training\r\n'
        b"hats/cap.jpg;Cap;Hats;Caps;VAL\r\n"
        b"hats/cap.jpg;Cap;Hats;Caps;later\r\n"
        b"hats/none.jpg;Cap;Hats;Caps;test\r\n"
        b"hats/cap.jpg;;Hats;Caps;test\r\n"
        b"hats/cap.jpg;Cap;Hats;;test\r\n"
        b"hats/cap.jpg;Cap;Hats<s;Caps;test\r\n"
    )
    columns = Columns("pic", "title", ["top", "leaf"], split="part")
    imported = import_table(path, folders, columns, delimiter=";", encoding="auto")
    assert imported.table().to_numpy().tolist() == [
        ["shoes/pumps/a.jpg", "Pump; red", "Shoes<Pumps", "train"],
        ["hats/cap.jpg", "Cap", "Hats<Caps", "validation"],
    ]
    assert imported.left_out == [
        "no known split: shop.csv line 4, 'later'",
        "no picture: shop.csv line 5, hats/none.jpg",
        "no name: shop.csv line 6",
        "no class, or an empty level: shop.csv line 7",
        "a class name with <, which separates levels: shop.csv line 8",
    ]


def test_one_column_with_the_whole_path(folders, tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("image,name,path\nhats/cap.jpg,Cap,Home > Hats > Caps\n")
    columns = Columns("image", "name", ["path"], separator=">")
    assert import_table(path, folders, columns, delimiter=",", encoding="auto").table()["classes"].tolist() == [
        "Home<Hats<Caps"
    ]


def test_the_summary_by_hand():
    rows = [("a.jpg", "One", "x<y"), ("b.jpg", "one", "x<y"), ("c.jpg", "Two", "x<y"), ("d.jpg", "Three", "z")]
    table = pd.DataFrame(rows, columns=["image", "name", "classes"])
    assert summarise(table) == {
        "pictures": "4",
        "products, told by their names": "3",
        "classes": "2, of 1 and 2 levels",
        "largest class": "x<y: 3 products",
        "smallest class": "z: 1 products",
        "classes of fewer than 3 products": "1, which cannot stand in every split",
    }
    assert kinds(["no name: line 2", "no picture: line 3, a", "no name: line 4"]) == [
        ("no name", 2, "line 2"),
        ("no picture", 1, "line 3, a"),
    ]


def test_words_of_files_and_folders():
    assert spoken("apple_pie--No_1") == "apple pie No 1"


def test_pictures_outside_of_the_folder_are_not_listed(folders, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.jpg").write_bytes(b"")
    (folders / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked/x.jpg" not in list_pictures(folders)


def table_of(text, tmp_path, **options):
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    options = {"delimiter": ",", "encoding": "auto"} | options
    return import_table(path, tmp_path, Columns("image", "name", ["classes"]), **options)


WRONG = {
    "no folder": (lambda root, **_: import_food101(root / "none"), "none/images: no such folder"),
    "no titles": (
        lambda food101, **_: _without(food101 / "texts/test_titles.csv", import_food101, food101),
        "test_titles",
    ),
    "no styles": (
        lambda fashion, **_: _without(fashion / "styles.csv", import_fashion, fashion),
        "styles.csv: not found",
    ),
    "another table": (lambda fashion, **_: _with(fashion, "id,name\n1,a\n"), "found no column masterCategory"),
    "another order": (
        lambda fashion, **_: _with(
            fashion, "productDisplayName,id,masterCategory,subCategory,articleType\n1,2,3,4,5\n"
        ),
        "found articleType as the last column",
    ),
    "no captions": (lambda folders, root, **_: import_folders(folders, root / "no.csv"), r"no\.csv: not found"),
    "no such column": (
        lambda folders, root, **_: _captions(folders, root, "a,b\n"),
        "expected a column one of image, file",
    ),
    "not the column": (
        lambda folders, root, **_: _captions(folders, root, "file,caption\n", name="words"),
        "expected a column words, found file, caption",
    ),
    "an empty table": (lambda root, **_: table_of(b"", root), "is empty"),
    "a table of commas": (lambda root, **_: table_of(b",,,\n", root), "expected a header in the first line"),
    "no column": (lambda root, **_: table_of(b"image,name\n", root), "expected a column classes, found image, name"),
    "a long delimiter": (lambda root, **_: table_of(b"image\n", root, delimiter="||"), "expected one character"),
    "another encoding": (
        lambda root, **_: table_of(b"image,name,classes\n\xff,a,b\n", root, encoding="ascii"),
        "line 2 is not ascii",
    ),
    "no rows": (lambda root, **_: table_of(b"image,name,classes\n", root).table(), "expected products, found none"),
    "no row is left": (
        lambda root, **_: table_of(b"image,name,classes\nx.jpg,a,b\n", root).table(),
        "1 left out. The first: no picture: t.csv line 2, x.jpg",
    ),
}


def _without(path, function, *arguments):
    path.unlink()
    return function(*arguments)


def _with(fashion, styles):
    (fashion / "styles.csv").write_text(styles)
    return import_fashion(fashion)


def _captions(folders, root, text, **options):
    (root / "c.csv").write_text(text)
    return import_folders(folders, root / "c.csv", **options)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case, tmp_path, food101, fashion, folders):
    call, reason = WRONG[case]
    with pytest.raises(InputError, match=reason):
        call(root=tmp_path, food101=food101, fashion=fashion, folders=folders)


def test_a_path_that_leaves_the_folder_is_no_picture_of_it(folders, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"image,name,classes\n../t.csv,a,b\n{folders}/hats/cap.jpg,a,b\nhats/cap.jpg,a,b\n")
    imported = import_table(path, folders, Columns("image", "name", ["classes"]), delimiter=",", encoding="auto")
    assert len(imported.left_out) == 2
    assert imported.table()["image"].tolist() == ["hats/cap.jpg"]


def test_nothing_is_kept_of_a_row_that_is_left_out(tmp_path):
    imported = Imported(tmp_path)
    imported.add("line 1", "a.jpg", " \x00 ", ["x"])
    imported.add("line 2", "a.jpg", "a", [])
    assert imported.rows == []
    assert len(imported.left_out) == 2
