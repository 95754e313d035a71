from dataclasses import replace
from typing import get_args

import pandas as pd
import pytest

from huse.catalogue.importing.cells import Cells, Pattern, SeveralClasses
from huse.catalogue.importing.entries import Imported, kinds, list_pictures, spoken, summarise
from huse.catalogue.importing.fashion import import_fashion
from huse.catalogue.importing.folders import import_folders
from huse.catalogue.importing.food101 import import_food101
from huse.catalogue.importing.table import Columns, import_table
from huse.errors import InputError
from tests.catalogue.importing.layouts import draw

PLAIN, ONE = Columns("name", ["classes"], ["image"]), Cells()


def test_food101_keeps_its_split(food101):
    imported = import_food101(food101)
    table = imported.table()
    assert imported.images == food101 / "images"
    assert table["split"].value_counts().to_dict() == {"train": 14, "test": 4}
    rows = table.set_index("image")
    first = ["train recipe 0, for apple_pie", "apple pie", "train"]
    assert rows.loc["train/apple_pie/apple_pie_0.jpg"].tolist() == first
    assert rows.loc["test/beef_tartare/beef_tartare_1.jpg", "classes"] == "beef tartare"
    assert rows.loc["train/apple_pie/apple_pie_8.jpg", "name"] == "Pie, the best, ever"
    assert imported.repaired == ["unquoted commas in the title: train_titles.csv line 15"]
    assert imported.in_part == [
        "no picture, kept by its name: train_titles.csv line 13, train/apple_pie/apple_pie_9.jpg"
    ]
    assert imported.left_out == [
        "broken line: train_titles.csv line 14, expected 3 fields, found 1: is one missing, or a line broken?",
        "a picture without a title: train/apple_pie/apple_pie_untitled.jpg",
    ]


def test_titles_may_lie_beside_the_pictures(food101):
    for file in (food101 / "texts").iterdir():
        file.rename(food101 / file.name)
    assert len(import_food101(food101).table()) == 18


def test_fashion_has_three_levels_and_mends_names(fashion):
    imported = import_fashion(fashion)
    rows = imported.table().set_index("image")
    assert list(rows.columns) == ["name", "classes", "product"]
    assert rows.loc["100.jpg"].tolist() == ["Brand Thing 0", "Apparel<Topwear<Shirts", "100"]
    assert rows.loc["200.jpg"].tolist() == ["Brand Top, Red, Long", "Apparel<Topwear<Tops", "200"]
    assert imported.repaired == ["unquoted comma in the name: styles.csv line 8"]
    assert imported.in_part == ["no picture, kept by its name: styles.csv line 9, 201.jpg"]
    assert imported.left_out == [
        "broken line: styles.csv line 10, expected 10 fields, found 3: is one missing, or a line broken?",
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
        ["shoes/pumps/a.jpg", "", "shoes<pumps"],
    ]
    assert imported.left_out == [
        "a caption without a picture: captions.csv line 5, a.jpg",
        "a second caption: captions.csv line 6, hats/cap.jpg",
        "broken line: captions.csv line 7, expected 2 fields, found 1: is one missing, or a line broken?",
    ]
    assert imported.remarks[0] == "captions.csv: pictures are in column File, captions in Caption"
    assert imported.remarks[1].startswith("1 file of other kinds passed over: 1 × .txt, first notes.txt. Pictures are ")


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


def test_pictures_beside_each_other_have_no_class(tmp_path):
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    with pytest.raises(InputError, match=r"named after their classes, such as .*; found 2 pictures side by side"):
        import_folders(tmp_path, None)


def test_folders_without_captions_name_products_by_their_files(folders):
    imported = import_folders(folders, None)
    assert imported.table()["name"].tolist() == ["cap", "a", "b 1", "a"]
    assert len(imported.remarks) == 2
    imported = import_folders(folders, None, names=False)
    assert imported.table()["name"].tolist() == [""] * 4
    assert imported.remarks[0] == "no captions were given, so products have no names"


def test_captions_name_pictures_in_any_writing(folders, tmp_path):
    draw(folders / "shoes/b-1.png")
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "image,caption\nSHOES\\ankle_boots\\A.jpg,High\nfolders/shoes/pumps/a,Pump\nCAP,Cap\nb-1.png,Low\nB-1.png,two\n"
    )
    imported = import_folders(folders, captions)
    assert {row[0]: row[1] for row in imported.rows if row[1]} == {
        "hats/cap.jpg": "Cap",
        "shoes/ankle_boots/a.jpg": "High",
        "shoes/b-1.png": "Low",
        "shoes/pumps/a.jpg": "Pump",
    }
    assert "a caption without a picture: captions.csv line 6, B-1.png" in imported.left_out
    assert "3 pictures are written otherwise than their files; first SHOES" in imported.remarks[-2]


def test_captions_in_named_columns_of_a_tsv(folders, tmp_path):
    captions = tmp_path / "captions.tsv"
    captions.write_text("id\tfile\twords\n1\tcap.jpg\tA cap, red\n")
    assert import_folders(folders, captions, name="words").table()["name"].tolist() == ["A cap, red", "", "", ""]


@pytest.fixture
def shop(folders, tmp_path):
    """Import a table with these bytes, whose pictures are in `folders`."""

    def shop(content, columns=PLAIN, cells=ONE, **options):
        (tmp_path / "shop.csv").write_bytes(content)
        return import_table(tmp_path / "shop.csv", folders, columns, cells, **options)

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
        b"hats/cap.jpg;Cap;;Caps;test\r\n"
        b"hats/cap.jpg;Cap;Hats<s;Caps;test\r\n",
        Columns("title", ["top", "leaf"], ["pic"], split="part"),
        delimiter=";",
    )
    assert imported.table().to_numpy().tolist() == [
        ["shoes/pumps/a.jpg", "Pump; red", "Shoes<Pumps", "train"],
        ["hats/cap.jpg", "Cap", "Hats<Caps", "validation"],
        ["hats/cap.jpg", "", "Hats<Caps", "test"],
        ["hats/cap.jpg", "Cap", "Hats", "test"],
    ]
    assert imported.in_part == []  # another row has the name
    assert imported.left_out == [
        "no known split: shop.csv line 4, 'later'",
        "no class, or an empty level: shop.csv line 8, hats/cap.jpg",
        "a class name with <, which separates levels: shop.csv line 9, hats/cap.jpg",
        "no picture, and another row has the name: shop.csv line 5, hats/none.jpg",
    ]
    assert imported.remarks[-1] == (
        "splits are named otherwise, and read so: 'Training' as train (1), 'VAL' as validation (1)"
    )


def test_empty_cells_at_the_end_of_rows_may_be_there_or_not(shop):
    """As in a catalogue itself: see `huse.catalogue.records.Records.rows`."""
    header, whole = b"image,name,top,leaf,price\n", b"hats/cap.jpg,Cap,Hats,Caps,1\n"
    columns = Columns("name", ["top", "leaf"], ["image"])
    imported = shop(header + whole + b"hats/cap.jpg,A,Hats\nhats/cap.jpg,B,Hats,Caps, ,,\n", columns)
    assert [row[1:3] for row in imported.rows] == [("Cap", "Hats<Caps"), ("A", "Hats"), ("B", "Hats<Caps")]
    assert (len(imported.left_out), len(imported.remarks)) == (0, 1)
    assert "1 row ends before the last columns of the header, which are taken as empty" in imported.remarks[0]
    # One that lacks its class, or is alone among many, rather is a damaged row; a field too many always is.
    for damaged in (b"hats/cap.jpg,A\n", whole * 20 + b"hats/cap.jpg,A,Hats\n", b"hats/cap.jpg,A,red,Hats,Caps,1\n"):
        imported = shop(header + whole + damaged, columns)
        assert [reason.partition(":")[0] for reason in imported.left_out] == ["broken line"]


def test_rows_may_end_early_in_a_table_that_is_joined(shop, tmp_path):
    (tmp_path / "other.csv").write_text("key,classes,note\nhats/cap.jpg,Hats\n")
    imported = shop(b"image,name\nhats/cap.jpg,Cap\n", join=tmp_path / "other.csv", on="image=key")
    assert imported.rows == [("hats/cap.jpg", "Cap", "Hats", "", "")]


def test_options_name_columns_in_any_case(shop):
    content = b"Photo,Title,Category,ID,Part\nhats/cap.jpg,Cap,Hats,7,train\n"
    columns = Columns("title", ["CATEGORY"], ["photo"], split="part", product=["id"])
    assert shop(content, columns).rows == [("hats/cap.jpg", "Cap", "Hats", "train", "7")]
    assert shop(content, columns, Cells(fill_down=True)).rows == [("hats/cap.jpg", "Cap", "Hats", "train", "7")]


def test_one_column_with_the_whole_path(shop):
    content = b"image,name,path\nhats/cap.jpg,Cap,Home > Hats > Caps\n"
    table = shop(content, Columns("name", ["path"], ["image"]), Cells(separator=">")).table()
    assert table["classes"].tolist() == ["Home<Hats<Caps"]


def test_the_summary_by_hand():
    rows = [("a.jpg", "One", "x<y"), ("b.jpg", "one", "x<y"), ("c.jpg", "Two", "x<y"), ("d.jpg", "Three", "z")]
    table = pd.DataFrame(rows, columns=["image", "name", "classes"])
    assert summarise(table) == {
        "pictures": "4",
        "products, told by their names": "3",
        "classes": "2, of 1 and 2 levels",
        "largest class": "x<y: 2 products",
        "smallest class": "z: 1 product",
        "classes of fewer than 3 products": "2, which cannot stand in every split",
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
    with pytest.raises(InputError, match=r"one column `productDisplayName` \(the name\), found none"):
        import_fashion(fashion)
    (fashion / "styles.csv").unlink()
    with pytest.raises(InputError, match=r"styles\.csv: not found"):
        import_fashion(fashion)


def test_wrong_captions_are_named(folders, tmp_path):
    captions = tmp_path / "captions.csv"
    with pytest.raises(InputError, match=r"captions\.csv: not found"):
        import_folders(folders, captions)
    with pytest.raises(InputError, match="is a folder"):
        import_folders(folders, tmp_path)
    captions.write_text("a,b\n")
    with pytest.raises(InputError, match="expected a column one of image, file"):
        import_folders(folders, captions)
    captions.write_text("file,caption\n")
    with pytest.raises(InputError, match=r"one column `words` \(--name\), found none among: file, caption"):
        import_folders(folders, captions, name="words")
    captions.write_text("File,Caption,Caption\n")
    for name in (None, "caption"):
        with pytest.raises(InputError, match=r"one column `caption` \(--name\), found 2 among: File, Caption, Caption"):
            import_folders(folders, captions, name=name)


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (b"", {}, "is empty"),
        (b",,,\n", {}, "expected a header in the first line"),
        (b"image,name\n", {}, "expected one column `classes` .--classes classes., found none among: image, name"),
        (b"image\n", {"delimiter": "||"}, "expected one character"),
        (b"image,name,classes\n\xff,a,b\n", {"encoding": "ascii"}, "line 2 is not ascii"),
        (b"image,name,classes\n", {}, "expected products, found none"),
        (b"image,name,classes\n", {}, "shop.csv: expected products"),
        (b"image,name,classes\nx.jpg,-,b\n", {}, "1 left out. The first: no picture: shop.csv line 2, x.jpg"),
    ],
)
def test_a_wrong_table_is_named(shop, content, options, reason):
    with pytest.raises(InputError, match=reason):
        shop(content, **options).table()


def test_a_path_that_leaves_the_folder_is_no_picture_of_it(folders, shop):
    imported = shop(f"image,name,classes\n../shop.csv,a,b\n{folders}/hats/cap.jpg,a,b\nhats/cap.jpg,a,b\n".encode())
    assert [entry.split(", ")[-1] for entry in imported.left_out] == ["../shop.csv"]
    assert imported.table()["image"].tolist() == ["hats/cap.jpg"]


def test_nothing_is_kept_of_a_row_that_is_left_out(tmp_path):
    imported = Imported(tmp_path)
    imported.add("line 1", "", " \x00 ", ["x"])
    imported.add("line 2", "a.jpg", "a", [])
    assert imported.rows == []
    assert len(imported.left_out) == 2


KEYS = ["id", "masterCategory", "subCategory", "articleType", "productDisplayName", "gender", "year"]


@pytest.mark.parametrize(
    "header",
    [
        ["productDisplayName", *KEYS[:4], "gender", "year"],
        ["", *KEYS, "filename", "link"],
        ["id", "productDisplayName", *KEYS[1:4], "gender", "year"],
        ["gender", *KEYS[1:4], "year", "id", "productDisplayName", "", ""],
    ],
    ids=["name first", "an index, and more columns", "name second", "empty columns at the end"],
)
def test_fashion_in_every_order_of_columns(tmp_path, header):
    cells = dict(zip(KEYS, ["7", "Apparel", "Topwear", "Tops", "Top, Red", "Women", "2012"], strict=True))
    lines = [",".join(header), ",".join(cells.get(column, "") for column in header)]
    (tmp_path / "styles.csv").write_text("\n".join(lines) + "\n")
    draw(tmp_path / "images/7.jpg")
    imported = import_fashion(tmp_path)
    assert imported.table().to_numpy().tolist() == [["7.jpg", "Top, Red", "Apparel<Topwear<Tops", "7"]]
    assert imported.repaired == ["unquoted comma in the name: styles.csv line 2"]


def test_fashion_with_headers_in_another_case(fashion):
    path = fashion / "styles.csv"
    path.write_text(
        path.read_text().replace("id,gender", "ID,Gender").replace("productDisplayName", "ProductDisplayName")
    )
    assert len(import_fashion(fashion).rows) == 8


def test_fashion_with_pictures_named_as_at_their_urls(fashion):
    (fashion / "images/100.jpg").rename(fashion / "images/7a5b82_images.jpg")
    site = "http://assets.example/v1/images/style/properties"
    (fashion / "images.csv").write_text(
        f"filename,link\n100.jpg,{site}/7a5b82_images.jpg\n201.jpg,{site}/none_images.jpg\n"
    )
    imported = import_fashion(fashion)
    assert imported.table()["image"].tolist()[0] == "7a5b82_images.jpg"
    assert imported.in_part == ["no picture, kept by its name: styles.csv line 9, 201.jpg"]
    assert any("such as none_images.jpg" in remark for remark in imported.remarks)


def test_cells_that_hold_several_classes():
    cells = Cells(separator=">", split_classes=",")
    paths = cells.classes([r"A > B,C > D > E > ,F\, g and h, > A > B >"])
    assert paths == [("A", "B"), ("C", "D", "E"), ("F, g and h",)]
    chosen = {which: replace(cells, several_classes=which).choose(paths) for which in get_args(SeveralClasses)}
    assert chosen == {"first": paths[:1], "deepest": paths[1:2], "longest": paths[2:], "all": paths}
    assert replace(cells, several_classes="all").choose([("A",), ("A", "B"), ("AB",)]) == [("A", "B"), ("AB",)]
    assert cells.choose(cells.classes([" > "])) == []


@pytest.mark.parametrize(
    ("separator", "split_classes", "cell", "expected"),
    [
        ("/", ";", "Home &amp; Garden/Pots;Sale", ["Home & Garden<Pots", "Sale"]),
        (">", ";", "Home &amp; Garden &gt; Pots;Sale", ["Home & Garden<Pots", "Sale"]),
        (">", None, "Men &gt; Tees", ["Men<Tees"]),
        (">", None, "Men > Size &gt; 40", ["Men<Size > 40"]),
        (">", ",", "Tea&#44; loose > Sets, Sale", ["Tea, loose<Sets", "Sale"]),
        (">", None, '["Rings &gt; 14&#39;"]', ["Rings<14'"]),
        (">", None, '["Rings > 14&quot;"]', ['Rings<14"']),
        (">", None, "[&quot;Rings &gt; Gold&quot;]", ["Rings<Gold"]),
    ],
)
def test_entities_are_undone_before_cells_are_split(shop, separator, split_classes, cell, expected):
    quoted = cell.replace('"', '""')
    cells = Cells(separator, split_classes=split_classes, several_classes="all")
    imported = shop(f'image,name,classes\nhats/cap.jpg,Cap,"{quoted}"\nnone.jpg,Cap,"{quoted}"\n'.encode(), cells=cells)
    assert imported.table()["classes"].tolist() == expected
    assert [reason.partition(": ")[0] for reason in imported.repaired] == ["HTML entities in the class"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('["A > B", null, "C"]', [("A", "B"), ("C",)]),
        ("['Men\\'s', \"Tops\"]", [("Men's", "Tops")]),
        ('[["A", "B"], ["C"]]', [("A", "B"), ("C",)]),
        ("[Sale] > B", [("[Sale]", "B")]),
        ('["A > B > B "gold" 5"]', []),
    ],
    ids=["paths", "levels", "paths of levels", "no list", "a broken list"],
)
def test_lists_in_cells(cell, expected):
    assert Cells(separator=">").classes([cell]) == expected


def test_a_list_that_cannot_be_read_is_left_out_and_said(shop):
    imported = shop(b'image;name;classes\nhats/cap.jpg;Cap;"[""A<B ""gold"" 5""]"\nhats/cap.jpg;Cap;[Sale]\n')
    assert imported.table()["classes"].tolist() == ["[Sale]"]
    assert imported.left_out == ['a list of classes that cannot be read: shop.csv line 2, ["A<B "gold" 5"]']


def test_a_list_taken_as_levels_is_said(shop):
    imported = shop(b"image,name,classes\nhats/cap.jpg,Cap,\"['Hats', 'Caps']\"\nhats/cap.jpg,B,['Hats<Caps']\n")
    assert imported.table()["classes"].tolist() == ["Hats<Caps"] * 2
    assert imported.remarks == ["1 class is a list without '<': their values are taken as the levels of one class"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("https://x.example/w_4,h_4/a.jpg, https://x.example/b.jpg", 2),
        ("//x.example/w_4,h_4/a.jpg,http://x.example/b.jpg", 2),
        ("https://x.example/w_4,h_4/a.jpg", 1),
        ("a.jpg,b.jpg", 2),
    ],
)
def test_a_url_may_hold_what_separates_pictures(cell, expected):
    found = Cells(split_images=",").pictures([cell])
    assert len(found) == expected
    assert found[0].endswith("a.jpg")


def test_urls_name_files_in_any_writing(shop, tmp_path):
    draw(tmp_path / "folders/a/Gro\u0308\u00dfe 1.JPG")
    draw(tmp_path / "folders/a/gr\u00f6\u00dfe 2.jpg")
    content = "".join(
        f"{url},A,a\n"
        for url in (
            "https://x.example/gr%C3%B6%C3%9Fe%201.jpg",
            "https://x.example/image.php?size=9&file=gr%C3%B6%C3%9Fe%202.jpg",
            "https://x.example/_next/image?url=%2Fmedia%2Fcap.jpg&w=640",
        )
    )
    found = shop(f"image,name,classes\n{content}".encode()).table()["image"].tolist()
    assert found == ["a/Gro\u0308\u00dfe 1.JPG", "a/gr\u00f6\u00dfe 2.jpg", "hats/cap.jpg"]


def test_ids_that_a_spreadsheet_has_rounded_are_said(shop):
    content = b"image,name,classes,ean\nhats/cap.jpg,Cap,a,4.01234E+12\nshoes/pumps/a.jpg,Pump,a,4006381333931\n"
    remarks = shop(content, Columns("name", ["classes"], ["image"], product=["ean"])).remarks
    assert remarks[0].startswith(
        "1 id of a product is a number that a spreadsheet has rounded, the first '4.01234E+12'"
    )


def test_levels_are_cut_at_both_ends():
    assert Cells(skip_levels=1, levels=2).classes(["a<b<c<d"]) == [("b", "c")]
    assert Cells(skip_levels=1).classes(["a"]) == []
    assert Cells(levels=2).classes(["a", "b", "c"]) == [("a", "b")]


def test_levels_that_say_nothing_are_empty(shop):
    content = "image,name,top,middle,leaf\n" + "".join(
        f"hats/cap.jpg,{name},{levels}\n"
        for name, levels in {
            "A": "Hats,Caps,nan",
            "B": "Hats,NULL, N/A ",
            "C": "Hats,None,Berets",  # as with an empty cell there
            "D": "nan,nan,nan",
            "E": "Hats,Nana,None such",
        }.items()
    )
    imported = shop(content.encode(), Columns("name", ["top", "middle", "leaf"], ["image"]))
    assert [row[1:3] for row in imported.rows] == [("A", "Hats<Caps"), ("B", "Hats"), ("E", "Hats<Nana<None such")]
    assert imported.left_out == [f"no class, or an empty level: shop.csv line {line}, hats/cap.jpg" for line in (4, 5)]
    assert imported.remarks == [
        "1 cell of column top says nothing, the first: 'nan', shop.csv line 5; taken as empty",
        "3 cells of column middle say nothing, the first: 'NULL', shop.csv line 3; taken as empty",
        "3 cells of column leaf say nothing, the first: 'nan', shop.csv line 2; taken as empty",
    ]
    filled = shop(content.encode(), Columns("name", ["top", "middle", "leaf"], ["image"]), Cells(fill_down=True))
    assert [row[2] for row in filled.rows] == ["Hats<Caps", "Hats", "Hats<Nana<None such"]


def test_a_path_may_end_in_levels_that_say_nothing(shop):
    content = (
        b"image,name,classes\nhats/cap.jpg,A,Hats > Caps > nan > -\nhats/cap.jpg,B,Hats > Caps >\nhats/cap.jpg,C,n/a\n"
    )
    imported = shop(content, cells=Cells(separator=">"))
    assert [row[2] for row in imported.rows] == ["Hats<Caps", "Hats<Caps"]
    assert imported.repaired == ["a last level that says nothing in the class: shop.csv line 2"]
    assert imported.left_out == ["no class, or an empty level: shop.csv line 4, hats/cap.jpg"]


def test_cells_of_merged_rows_are_filled_from_the_row_before(shop):
    content = (
        b"image,name,top,leaf\nhats/cap.jpg,Cap,Hats,Caps\nshoes/pumps/a.jpg,,,Berets\nshoes/pumps/a.jpg,B,Shoes,\n"
    )
    columns = Columns("name", ["top", "leaf"], ["image"])
    rows = shop(content, columns, Cells(fill_down=True)).table()[["name", "classes"]].to_numpy().tolist()
    assert rows == [["Cap", "Hats<Caps"], ["Cap", "Hats<Berets"], ["B", "Shoes"]]


def test_pictures_are_composed_of_columns(shop):
    content = b"id,kind,name,classes\n7,hats,Cap,a\n,hats,Cap,a\n"
    columns = Columns("name", ["classes"], image_pattern=Pattern.of("{ KIND}/{ID:.0}cap.jpg"))
    imported = shop(content, columns)
    assert imported.table()["image"].tolist() == ["hats/cap.jpg", ""]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{sku}.jpg", "one column `sku` .--image-pattern sku., found none among: id, name, classes"),
        ("{id.__class__}.jpg", "one column `id.__class__` .*found none"),
        ("{id!r}.jpg", "one column `id!r` .*found none"),
        ("{}.jpg", "one column `` .*found none"),
        ("{id:d}.jpg", "--image-pattern: .*cannot be read"),
        ("{id:{name}}.jpg", "--image-pattern: .*cannot be read"),
        ("{id.jpg", "--image-pattern: .*cannot be read"),
        ("a.jpg", "--image-pattern: .*it names no column"),
        ("{CLASSES}.jpg", "one column `CLASSES` .*found 2 among: id, name, classes, classes"),
    ],
)
def test_a_wrong_pattern_is_named(shop, pattern, reason):
    with pytest.raises(InputError, match=reason):
        shop(b"id,name,classes,classes\n7,Cap,a,b\n", Columns("name", ["name"], image_pattern=Pattern.of(pattern)))


def test_pictures_or_their_pattern(shop):
    for columns in (Columns("name", ["classes"]), Columns("name", ["classes"], ["image"], Pattern.of("{image}"))):
        with pytest.raises(
            InputError, match="--images and one of --image and --image-pattern, or, for names alone, none"
        ):
            shop(b"image,name,classes\n7,Cap,a\n", columns)


def test_names_alone_and_pictures_alone(shop, tmp_path):
    content = b"image,name,classes\nhats/cap.jpg,Cap,Hats\n"
    assert shop(content, Columns(None, ["classes"], ["image"])).rows == [("hats/cap.jpg", "", "Hats", "", "")]
    (tmp_path / "names.csv").write_bytes(content)
    imported = import_table(tmp_path / "names.csv", None, Columns("name", ["classes"]), ONE)
    assert imported.rows == [("", "Cap", "Hats", "", "")]
    with pytest.raises(InputError, match="expected --name, or pictures: --images and --image; found neither"):
        import_table(tmp_path / "names.csv", None, Columns(None, ["classes"]), ONE)


def test_no_separator_is_none(shop):
    with pytest.raises(InputError, match="--separator: expected what stands between levels"):
        shop(b"image,name,classes\nhats/cap.jpg,Cap,a\n", cells=Cells(separator=""))


def test_what_urls_do_not_tell_is_said(shop):
    one, other = "https://a.example/x/cap.jpg", "https://b.example/y/cap.jpg"
    imported = shop(
        f"image,name,classes\n{one},A,a\n{other},B,a\nhttps://a.example/a.jpg,C,a\nhttp://[x,D,a\n".encode()
    )
    assert imported.table()["image"].tolist() == ["hats/cap.jpg", "hats/cap.jpg", "", ""]
    assert imported.in_part == [
        "no picture, kept by its name: shop.csv line 4, https://a.example/a.jpg",
        "no picture, kept by its name: shop.csv line 5, http://[x",
    ]
    assert imported.remarks[1].endswith("First hats/cap.jpg: a.example/x/cap.jpg, b.example/y/cap.jpg")
    assert "1 picture is named by URLs and not in the folder, or several have that name" in imported.remarks[2]


def test_paths_as_other_systems_write_them(shop):
    assert shop(b"image,name,classes\nhats\\cap.jpg,A,a\n").table()["image"].tolist() == ["hats/cap.jpg"]


@pytest.mark.parametrize(
    ("header", "on", "reason"),
    [
        ("key,more", None, "expected one column that .* has too, found none"),
        ("image,name,more", None, "found 'image', 'name'. Name it: --on"),
        ("key,more", "image=sku", "other.csv: expected one column `sku` .--on., found none among: key, more"),
        ("key,more", "sku=key", "shop.csv: expected one column `sku` .--on., found none among: image, name"),
        ("key,more", "image", "other.csv: expected one column `image` .--on., found none among: key, more"),
        ("Key,key,more", "image=KEY", "expected one column `KEY` .--on., found 2 among: Key, key, more"),
    ],
)
def test_tables_that_cannot_be_joined(shop, tmp_path, header, on, reason):
    (tmp_path / "other.csv").write_text(f"{header}\n")
    with pytest.raises(InputError, match=reason):
        shop(b"image,name\nhats/cap.jpg,Cap\n", join=tmp_path / "other.csv", on=on)


def test_rows_without_a_key_are_kept_in_a_join(shop, tmp_path):
    (tmp_path / "other.csv").write_text("id,classes\n7,Hats\n")
    content = b"image,name,id\nhats/cap.jpg,Cap,7\nshoes/pumps/a.jpg,,\n"
    assert shop(content, cells=Cells(fill_down=True), join=tmp_path / "other.csv").rows == [
        ("hats/cap.jpg", "Cap", "Hats", "", ""),
        ("shoes/pumps/a.jpg", "Cap", "Hats", "", ""),
    ]
    left_out = shop(content, join=tmp_path / "other.csv").left_out
    assert left_out == ["no class, or an empty level: shop.csv line 3, shoes/pumps/a.jpg"]


def test_tables_are_joined_by_columns_of_other_names(shop, tmp_path):
    (tmp_path / "other.csv").write_text("key,name,classes\nhats/cap.jpg,other,Hats\n")
    imported = shop(b"image,name\nhats/cap.jpg,Cap\n", join=tmp_path / "other.csv", on="image=key")
    assert imported.table().to_numpy().tolist() == [["hats/cap.jpg", "Cap", "Hats"]]


@pytest.mark.parametrize("on", [None, "IMAGE", "image", "image\u200b = Image"])
def test_keys_of_a_join_are_named_in_any_case(shop, tmp_path, on):
    (tmp_path / "other.csv").write_text("Image,CLASSES\nhats/cap.jpg,Hats\n")
    imported = shop(
        b"image,name\nhats/cap.jpg,Cap\n", Columns("NAME", ["classes"], ["IMAGE"]), join=tmp_path / "other.csv", on=on
    )
    assert imported.table().to_numpy().tolist() == [["hats/cap.jpg", "Cap", "Hats"]]


def test_ids_that_pandas_has_written_as_floats_are_whole(shop, tmp_path):
    draw(tmp_path / "folders/108/108775044.jpg")
    (tmp_path / "other.csv").write_text("id,classes\n108775044,Hats\n7,Caps\n")
    columns = Columns("name", ["classes"], image_pattern=Pattern.of("{id:.3}/{id}.jpg"), product=["parent", "id"])
    content = b"id,name,parent\n108775044.0,A,7.0\n,B,\n108775044.0,C,7.5\n"
    imported = shop(content, columns, join=tmp_path / "other.csv", on="id")
    assert imported.rows == [
        ("108/108775044.jpg", "A", "Hats", "", "7.0"),  # of this column not every one is whole
        ("108/108775044.jpg", "C", "Hats", "", "7.5"),
    ]
    assert imported.remarks[0] == "2 ids in column id of shop.csv, written as 108775044.0, read as 108775044"
    assert [remark for remark in imported.remarks if " ids in column " in remark] == imported.remarks[:1]
    (tmp_path / "other.csv").write_text("id,classes\n108775044.0,Hats\nnan,Caps\n")
    imported = shop(content.replace(b".0", b"").replace(b"7.5", b"7"), columns, join=tmp_path / "other.csv", on="id")
    assert [row[2:] for row in imported.rows] == [("Hats", "", "7"), ("Hats", "", "7")]
    assert imported.remarks[0].startswith("1 id in column id of other.csv, written as 108775044.0")


@pytest.mark.parametrize(
    ("cell", "separator"),
    [
        ("hats/cap.jpg,shoes/pumps/a.jpg", ","),
        ("hats/cap.jpg; shoes/pumps/a.jpg;", ";"),
        ("hats/cap.jpg shoes/pumps/a.jpg", " "),
        ("https://x.example/w_4,h_4/cap.jpg?v=1|https://x.example/a.JPG", "|"),
        ("shoes/pumps/a.jpg", None),
        ("https://x.example/w_4.jpg,h_4.jpg", None),
        ("hats/cap,1.jpg", None),
    ],
)
def test_several_pictures_in_a_cell_are_said(shop, cell, separator):
    content = f'image,name,classes\nshoes/pumps/a.jpg,A,a\n"{cell}",B,a\n'.encode()
    said = [remark for remark in shop(content).remarks if "several pictures" in remark]
    how = f"1 cell seems to hold several pictures, the first: {cell!r}, shop.csv line 3; --split-images '{separator}'"
    assert said == ([f"{how} takes them apart"] if separator else [])
    if separator:
        imported = shop(content, cells=Cells(split_images=separator))
        assert not any("several pictures" in remark for remark in imported.remarks)


def test_a_picture_whose_name_looks_like_several_is_one(shop, tmp_path):
    draw(tmp_path / "folders/a.jpg,b.jpg")
    imported = shop(b'image,name,classes\n"a.jpg,b.jpg",A,a\n')
    assert (imported.table()["image"].tolist(), imported.remarks) == (["a.jpg,b.jpg"], [])


def test_a_row_whose_picture_is_not_there_is_kept_by_its_name(shop):
    """Once, and not where another row of the same id has the name."""
    imported = shop(
        b"image,name,classes,id\ngone.jpg,Hat,a,1\ngone2.jpg,Hat,a,1\nhats/cap.jpg,Cap,a,2\nc.jpg,Cap,a,2\nd.jpg,,a,3\n"
        b"e.jpg,untitled,b,4\nf.jpg,Caf&eacute;,b,5\n",
        Columns("name", ["classes"], ["image"], product=["id"]),
    )
    assert imported.table().to_numpy().tolist() == [
        ["hats/cap.jpg", "Cap", "a", "2"],
        ["", "Hat", "a", "1"],
        ["", "Café", "b", "5"],
    ]
    assert imported.in_part == [
        f"no picture, kept by its name: shop.csv line {at}" for at in ("2, gone.jpg", "8, f.jpg")
    ]
    assert imported.left_out == [
        "no picture: shop.csv line 6, d.jpg",
        "no picture: shop.csv line 7, e.jpg",
        "no picture, and another row has the name: shop.csv line 3, gone2.jpg",
        "no picture, and another row has the name: shop.csv line 5, c.jpg",
    ]
    assert imported.repaired == ["HTML entities in the name: shop.csv line 8"]


def test_the_name_of_another_id_does_not_cost_a_row_whose_picture_is_not_there(shop):
    content = b"image,name,classes,id\nhats/cap.jpg,Cap,a,1\ngone.jpg,Cap,a,2\ngone.jpg,Cap,a,3\n"
    for ids, kept in ((["id"], ["1", "2", "3"]), ([], [""])):
        imported = shop(content, Columns("name", ["classes"], ["image"], product=ids))
        assert [row[4] for row in imported.rows] == kept


def test_a_word_for_no_picture_is_an_empty_cell_unless_a_picture_is_called_so(shop, folders):
    draw(folders / "none.jpg")
    imported = shop(b"image,name,classes\nnan,A,a\nnone,B,a\nno_selection,C,a\nnone.jpg,unknown,a\n")
    assert [row[:2] for row in imported.rows] == [("", "A"), ("none.jpg", "B"), ("", "C"), ("none.jpg", "")]
    assert "2 cells of column image say nothing, the first: 'nan', shop.csv line 2; taken as empty" in imported.remarks
    assert imported.emptied == ["a name that says nothing: shop.csv line 5, 'unknown'"]
    assert imported.left_out == imported.in_part == []
    assert imported.odd_rows().to_numpy().tolist() == [
        ["taken as empty", "a name that says nothing", "shop.csv line 5, 'unknown'"]
    ]


def test_files_of_other_kinds_are_counted(tmp_path):
    for name in ("b/1.heic", "b/2.HEIC", "a/3.cr2", "a/4", "a/Thumbs.db", "captions.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("file,caption\n")
    said = (
        "4 files of other kinds passed over: 2 × .heic, 1 × .cr2, 1 × without an ending, first a/3.cr2. Pictures are "
    )
    imported = import_folders(tmp_path, tmp_path / "captions.csv")
    assert imported.remarks[-1].startswith(said)
    with pytest.raises(InputError, match="expected products, found none; 0 left out.*" + said):
        imported.table()
    draw(tmp_path / "a/5.png")
    (tmp_path / "a/6.txt").write_bytes((tmp_path / "a/5.png").read_bytes())
    assert "1 × .txt" in import_folders(tmp_path, tmp_path / "captions.csv").remarks[-1]
