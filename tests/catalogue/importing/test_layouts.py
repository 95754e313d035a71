import pandas as pd
import pytest

from huse.catalogue.importing.entries import Imported, kinds, list_pictures, spoken, summarise
from huse.catalogue.importing.fashion import import_fashion
from huse.catalogue.importing.folders import import_folders
from huse.catalogue.importing.food101 import import_food101
from huse.catalogue.importing.table import Columns, import_table
from huse.errors import InputError
from tests.catalogue.importing.layouts import draw

PLAIN = Columns("image", "name", ["classes"])


def test_food101_keeps_its_split(food101):
    imported = import_food101(food101)
    table = imported.table()
    assert imported.images == food101 / "images"
    assert table["split"].value_counts().to_dict() == {"train": 13, "test": 4}
    rows = table.set_index("image")
    first = ["train recipe 0, for apple_pie", "apple pie", "train"]
    assert rows.loc["train/apple_pie/apple_pie_0.jpg"].tolist() == first
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


def test_pictures_are_those_that_decoding_reads_and_no_files_of_the_computer(tmp_path):
    wanted = ["a.avif", "b.jfif", "c.JPG", "deep/no_ending", "deep/d.dib"]
    others = [
        "._c.JPG",
        ".hidden/a.jpg",
        "__MACOSX/a.jpg",
        "deep/@eaDir/a.jpg",
        ".DS_Store",
        "page.html",
        "deep/README",
    ]
    for name in (*wanted, *others):
        draw(tmp_path / "drawn.png")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "drawn.png").read_bytes() if "README" not in name else b"Read me.")
    (tmp_path / "drawn.png").unlink()
    assert list_pictures(tmp_path) == sorted(wanted)


def test_folders_without_captions_name_products_by_their_files(folders):
    imported = import_folders(folders, None)
    assert imported.table()["name"].tolist() == ["cap", "a", "b 1", "a"]
    assert imported.remarks == ["no captions were given, so products are named by their files"]


def test_captions_in_named_columns_of_a_tsv(folders, tmp_path):
    captions = tmp_path / "captions.tsv"
    captions.write_text("id\tfile\twords\n1\tcap.jpg\tA cap, red\n")
    assert import_folders(folders, captions, name="words").table()["name"].tolist() == ["A cap, red"]


@pytest.fixture
def shop(folders, tmp_path):
    """Import a table with these bytes, whose pictures are in `folders`."""

    def shop(content, columns=PLAIN, delimiter=",", encoding="auto"):
        (tmp_path / "shop.csv").write_bytes(content)
        return import_table(tmp_path / "shop.csv", folders, columns, delimiter=delimiter, encoding=encoding)

    return shop


def test_a_table_by_its_columns(shop):
    imported = shop(
        b"\xef\xbb\xbfpic;title;top;leaf;part\r\n"
        b'shoes/pumps/a.jpg;"Pump; red";Shoes;Pumps;Training\r\n'
        b"hats/cap.jpg;Cap;Hats;Caps;VAL\r\n"
        b"hats/cap.jpg;Cap;Hats;Caps;later\r\n"
        b"hats/none.jpg;Cap;Hats;Caps;test\r\n"
        b"hats/cap.jpg;;Hats;Caps;test\r\n"
        b"hats/cap.jpg;Cap;Hats;;test\r\n"
        b"hats/cap.jpg;Cap;Hats<s;Caps;test\r\n",
        Columns("pic", "title", ["top", "leaf"], split="part"),
        delimiter=";",
    )
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


def test_one_column_with_the_whole_path(shop):
    content = b"image,name,path\nhats/cap.jpg,Cap,Home > Hats > Caps\n"
    table = shop(content, Columns("image", "name", ["path"], separator=">")).table()
    assert table["classes"].tolist() == ["Home<Hats<Caps"]


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


def test_a_missing_or_wrong_file_of_a_layout_is_named(food101, fashion, tmp_path):
    with pytest.raises(InputError, match="none/images: no such folder"):
        import_food101(tmp_path / "none")
    (food101 / "texts/test_titles.csv").unlink()
    with pytest.raises(InputError, match="test_titles"):
        import_food101(food101)
    (fashion / "styles.csv").write_text("id,name\n1,a\n")
    with pytest.raises(InputError, match="found no column masterCategory"):
        import_fashion(fashion)
    (fashion / "styles.csv").write_text("productDisplayName,id,masterCategory,subCategory,articleType\n1,2,3,4,5\n")
    with pytest.raises(InputError, match="found articleType as the last column"):
        import_fashion(fashion)
    (fashion / "styles.csv").unlink()
    with pytest.raises(InputError, match=r"styles\.csv: not found"):
        import_fashion(fashion)


def test_wrong_captions_are_named(folders, tmp_path):
    captions = tmp_path / "captions.csv"
    with pytest.raises(InputError, match=r"captions\.csv: not found"):
        import_folders(folders, captions)
    captions.write_text("a,b\n")
    with pytest.raises(InputError, match="expected a column one of image, file"):
        import_folders(folders, captions)
    captions.write_text("file,caption\n")
    with pytest.raises(InputError, match="expected a column words, found file, caption"):
        import_folders(folders, captions, name="words")


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (b"", {}, "is empty"),
        (b",,,\n", {}, "expected a header in the first line"),
        (b"image,name\n", {}, "expected one column `classes` .--classes classes., found none among: image, name"),
        (b"image\n", {"delimiter": "||"}, "expected one character"),
        (b"image,name,classes\n\xff,a,b\n", {"encoding": "ascii"}, "line 2 is not ascii"),
        (b"image,name,classes\n", {}, "expected products, found none"),
        (b"image,name,classes\nx.jpg,a,b\n", {}, "1 left out. The first: no picture: shop.csv line 2, x.jpg"),
    ],
)
def test_a_wrong_table_is_named(shop, content, options, reason):
    with pytest.raises(InputError, match=reason):
        shop(content, **options).table()


def test_a_path_that_leaves_the_folder_is_no_picture_of_it(folders, shop):
    imported = shop(f"image,name,classes\n../shop.csv,a,b\n{folders}/hats/cap.jpg,a,b\nhats/cap.jpg,a,b\n".encode())
    assert len(imported.left_out) == 2
    assert imported.table()["image"].tolist() == ["hats/cap.jpg"]


def test_nothing_is_kept_of_a_row_that_is_left_out(tmp_path):
    imported = Imported(tmp_path)
    imported.add("line 1", "a.jpg", " \x00 ", ["x"])
    imported.add("line 2", "a.jpg", "a", [])
    assert imported.rows == []
    assert len(imported.left_out) == 2
