import json
import logging
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import pytest
from PIL import Image

import stages.catalogue
from huse.catalogue.checking import (
    check_rows,
    check_table,
    class_path,
    count_lost,
    picture_path,
    repaired,
    summarise_rejected,
    tell_repaired,
)
from huse.catalogue.reading import Rejected, Row
from huse.errors import InputError
from huse.run import paths
from huse.run.params.editing import set_values
from huse.vision.decoding import inspect_picture
from tests.pipeline.in_process import write_params


@dataclass
class Seen:
    digest: str
    problem: str | None = None
    repair: str = ""


def row(line, image="a.jpg", name="A", classes="x<y"):
    return Row(line, image, name, classes)


def test_class_path_strips_levels():
    assert class_path(" beauty < makeup<lipstick ") == ("beauty", "makeup", "lipstick")
    assert class_path("beauty<makeup< <") == ("beauty", "makeup")


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "is empty"), (" ", "is empty"), ("<", "is empty"), ("a<<b", "empty level"), ("<a", "empty")],
)
def test_class_path_without_a_level(path, message):
    with pytest.raises(ValueError, match=message):
        class_path(path)


def test_pictures_stay_in_their_folder_and_its_links_are_the_users_own(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret.png").touch()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "elsewhere").symlink_to(tmp_path)
    for image in ("deep/../a.png", "link.png", "elsewhere/secret.png", "..png"):
        assert picture_path(folder, image) == folder / image
    for image in ("../secret.png", "deep/../../secret.png", "elsewhere/../b.png"):
        with pytest.raises(ValueError, match="leaves the picture folder"):
            picture_path(folder, image)
    with pytest.raises(ValueError, match="absolute"):
        picture_path(folder, str(tmp_path / "secret.png"))
    with pytest.raises(ValueError, match="zero byte"):
        picture_path(folder, "a\0.png")


def test_good_rows_stay_and_each_bad_row_has_its_reason(tmp_path):
    rows = [
        row(2),
        row(3, image=""),
        row(4, name=""),
        row(5, classes=""),
        row(6, classes="x<<y"),
        row(7, image="../b.jpg"),
        row(8),
        row(9, image="broken.jpg"),
        row(10, name="B", classes=" x < y "),
        row(11, image="", name="nan"),
    ]
    seen = []

    def inspect(path):
        seen.append(path.name)
        return Seen(path.name, "picture is truncated" if path.name == "broken.jpg" else None)

    checked = check_rows(rows, tmp_path, partial(map, inspect), missing="drop")
    assert [(product.line, product.classes) for product in checked.products] == [(2, "x<y"), (10, "x<y")]
    assert checked.in_part == []
    reasons = {entry.line: entry.reason for entry in checked.rejected}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 9, 11]
    assert reasons[8] == "the same as line 2"
    assert reasons[9] == "picture is truncated"
    assert reasons[11] == "the picture's path is empty; the name 'nan' says nothing"
    assert sorted(seen) == ["a.jpg", "broken.jpg"]  # each picture is opened once


def test_half_a_product_is_kept_and_what_was_lost_is_said(tmp_path):
    rows = [
        row(2, image="", name="No picture"),
        row(3, name=""),
        row(4, image="b.jpg", name="n/a"),
        row(5, image="broken.jpg", name="B"),
        row(6, image="../b.jpg", name="C"),
        row(7, image="b.jpg", name="long " * 500),
        row(8, image="", name=""),
        row(9, image="broken.jpg", name=""),
        row(10, image="", name="No picture"),
        row(11, image="broken.jpg", name="No picture"),
        row(12, image="sound.jpg", name="D"),
        row(13, image="broken.jpg", name="D"),
    ]

    def inspect(path):
        return Seen(path.name, "not a picture: HTML" if path.name == "broken.jpg" else None, "repaired")

    checked = check_rows(rows, tmp_path, partial(map, inspect))
    found = [(one.line, one.image, one.name, one.digest, one.repair) for one in checked.products]
    assert found == [
        (2, "", "No picture", "", ""),
        (3, "a.jpg", "", "a.jpg", "repaired"),
        (4, "b.jpg", "", "b.jpg", "no name: the name 'n/a' says nothing; repaired"),
        (5, "", "B", "", ""),
        (6, "", "C", "", ""),
        (12, "sound.jpg", "D", "sound.jpg", "repaired"),
    ]
    assert [(one.line, one.image, one.reason, one.action) for one in checked.in_part] == [
        (5, "broken.jpg", "without its picture, not a picture: HTML", "kept in part"),
        (6, "../b.jpg", "without its picture, the picture's path leaves the picture folder", "kept in part"),
    ]
    assert {entry.line: entry.reason for entry in checked.rejected} == {
        7: "without its name, the name has 2,500 characters, more than 2,000; the same as line 4",
        8: "the picture's path is empty; the name is empty",
        9: "not a picture: HTML; the name is empty",
        10: "the same as line 2",
        11: "without its picture, not a picture: HTML; the same as line 2",
        13: "without its picture, not a picture: HTML; the name stands in another row",
    }


def test_rows_of_different_ids_that_say_the_same_are_one_or_each_its_own(tmp_path):
    of_ids = [(2, "1"), (3, "2"), (4, "2"), (5, ""), (6, "")]
    rows = [replace(row(line), product=product) for line, product in of_ids]
    rows += [replace(row(line, image="broken.jpg"), product=product) for line, product in [(7, "2"), (8, "3")]]

    def inspect(path):
        return Seen(path.name, "picture is truncated" if path.name == "broken.jpg" else None)

    variants = check_rows(rows, tmp_path, partial(map, inspect))
    assert [one.line for one in variants.products] == [2]
    products = check_rows(rows, tmp_path, partial(map, inspect), by_id=True)
    assert [one.line for one in products.products] == [2, 3, 5, 8]
    assert {one.line: one.reason for one in products.rejected} == {
        4: "the same as line 3",
        6: "the same as line 5",
        7: "without its picture, picture is truncated; the name stands in another row",
    }


def test_a_picture_that_is_written_otherwise_is_found_and_said(tmp_path):
    (tmp_path / "A.jpg").touch()
    rows = [row(2, image="a.JPG"), row(3, image="A.jpg"), row(4, image="http://x.example/a.jpg"), row(5, "b.jpg")]
    checked = check_rows(
        rows, tmp_path, partial(map, lambda path: Seen(path.name, None if path.exists() else "no file")), missing="drop"
    )
    assert [(product.image, product.repair) for product in checked.products] == [
        ("A.jpg", "picture path written otherwise (a.JPG)")
    ]
    assert [(row.line, row.reason.split(",")[0]) for row in checked.rejected] == [
        (3, "the same as line 2"),
        (4, "the picture is a URL"),
        (5, "no file"),
    ]


def test_a_link_to_a_file_that_is_not_there_is_no_other_writing_of_it(tmp_path):
    (tmp_path / "a.jpg").symlink_to("/gone/a.jpg")
    checked = check_rows([row(2)], tmp_path, partial(map, lambda path: inspect_picture(path, 100)))
    assert [(product.image, product.name, product.repair) for product in checked.products] == [("", "A", "")]
    reason = "without its picture, picture is a link to what does not exist (/gone/a.jpg)"
    assert [one.reason for one in checked.in_part] == [reason]


def test_repaired_pictures_stay_and_are_listed(tmp_path):
    repairs = {"a.jpg": "converted from CMYK to RGB", "b.jpg": ""}
    rows = [row(2), row(3, image="b.jpg"), replace(row(4, name="B"), repairs=("HTML entities in the name",))]
    checked = check_rows(rows, tmp_path, partial(map, lambda path: Seen("x", repair=repairs[path.name])))
    assert [product.line for product in checked.products] == [2, 3, 4]
    assert checked.rejected == []
    listed = [(entry.line, entry.name, entry.reason, entry.action) for entry in repaired(checked.products)]
    reason = "converted from CMYK to RGB"
    assert listed == [(2, "A", reason, "repaired"), (4, "B", f"HTML entities in the name; {reason}", "repaired")]


def test_a_missing_picture_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no such folder \(catalogue.images, or --images\)"):
        check_rows([row(2)], tmp_path / "none", partial(map, lambda path: Seen("x")))
    alone = check_rows([row(2, image="")], tmp_path / "none", partial(map, lambda path: Seen("x")))
    assert [product.name for product in alone.products] == ["A"]  # names alone need no folder


def test_the_summary_counts_kinds_and_shows_the_first():
    rejected = [Rejected(line, "a.jpg", "A", "x", f"the same as line {line - 1}") for line in range(3, 16)]
    rejected.append(Rejected(20, "", "", "", "the picture's path is empty; the name 'Men's' says nothing"))
    text = summarise_rejected(rejected, shown=3)
    assert "13 × the same as line …\n" in text
    assert "1 × the picture's path is empty; the name … says nothing" in text
    assert "line 3: a.jpg: the same as line 2" in text
    assert text.endswith("… and 11 more")


def test_a_word_for_no_picture_is_an_empty_cell_unless_a_picture_is_called_so(tmp_path):
    for name in ("none", "NULL.png"):
        (tmp_path / name).touch()
    words = ["nan", "none", "null", "N/A", "unknown", "-"]
    rows = [row(line, image, f"hat {line}") for line, image in enumerate(words, 2)]
    for checked in (
        check_rows(rows, tmp_path, partial(map, lambda path: Seen(path.name))),
        check_table(rows, tmp_path),
    ):
        assert [bool(one.image) for one in checked.products] == [False, True, True, False, False, False]
        empty = [one for one in repaired(checked.products) if one.action == "taken as empty"]
        assert [(one.line, one.reason) for one in empty] == [
            (line, f"no picture: {word!r} says nothing") for line, word in enumerate(words, 2) if line not in (3, 4)
        ]
        assert count_lost(checked.rejected) == 0
    dropped = check_rows(rows, tmp_path, partial(map, lambda path: Seen(path.name)), missing="drop").rejected
    assert dropped[0].reason == "the picture's path is empty"


def test_what_was_repaired_is_summed_up_in_one_line():
    reasons = [
        "turned upright (EXIF orientation 6)",
        "named .jpg but a PNG: read by its content; 16 bits scaled to 8",
        "turned upright (EXIF orientation 3)",
        "16 bits scaled to 8; turned upright (EXIF orientation 8)",
    ]
    rows = [Rejected(line, "a.jpg", "A", "x", reason, "repaired") for line, reason in enumerate(reasons)]
    assert tell_repaired(rows) == [
        "4 rows repaired: 3 × turned upright, 2 × 16 bits scaled to 8, 1 × named .jpg but a PNG; the first: line 0, "
        "turned upright (EXIF orientation 6)"
    ]
    assert tell_repaired([]) == []
    rows = [
        Rejected(2, "a.jpg", "nan", "x", "no name: the name 'nan' says nothing; turned upright (3)", "repaired"),
        Rejected(3, "", "A", "x", "no picture: 'NULL' says nothing", "taken as empty"),
    ]
    assert tell_repaired(rows) == [
        "1 row repaired: 1 × turned upright; the first: line 2, turned upright (3)",
        "2 rows have cells that say nothing and are taken as empty: 1 × no name, 1 × no picture; the first: line 2, no "
        "name: the name 'nan' says nothing",
    ]


def test_repaired_pictures_do_not_count_towards_the_limit(small_catalogue, here, caplog):
    csv, images = small_catalogue
    write_params(here.root, {"catalogue": {"csv": csv.name, "images": images.name, "max_rejected": 0.0}})
    for number in range(5):
        Image.new("CMYK", (8, 8), (number, 0, 0, 0)).save(images / f"{number}.jpg")
    with csv.open("a", encoding="utf-8") as file:
        file.writelines(f"{number}.jpg,thing {number},a<b<c\n" for number in range(5))
    with caplog.at_level(logging.INFO):
        stages.catalogue.main(here)
    assert "5 rows repaired: 5 × converted from CMYK to RGB" in caplog.text
    table = pd.read_parquet(here / paths.REJECTED)
    assert list(table.columns) == ["line", "image", "name", "classes", "reason", "action"]
    assert table["image"].tolist() == [f"{number}.jpg" for number in range(5)]
    assert set(table["action"]) == {"repaired"}
    assert set(table["image"]) <= set(pd.read_parquet(here / paths.PRODUCTS)["image"])
    pictures = json.loads((here / paths.CATALOGUE_METRICS).read_text())["pictures"]
    assert (pictures["rejected"], pictures["repaired"]) == (0, 5)

    with csv.open("a", encoding="utf-8") as file:
        file.write("none.jpg,thing,a<b<c\n")
    said = r"0 rows rejected, 1 kept in part \(3\.8%\)(.*\n)*More than catalogue\.max_rejected"
    with pytest.raises(InputError, match=said):
        stages.catalogue.main(here)
    set_values(here / paths.PARAMS, {"catalogue": {"missing": "drop"}})
    with pytest.raises(InputError, match=r"1 row rejected \(3\.8%\)(.*\n)*More than catalogue\.max_rejected"):
        stages.catalogue.main(here)


def test_rows_that_repeat_others_do_not_count_towards_the_limit(small_catalogue, here, caplog):
    csv, images = small_catalogue
    write_params(here.root, {"catalogue": {"csv": csv.name, "images": images.name, "max_rejected": 0.0}})
    lines = csv.read_text(encoding="utf-8").splitlines(keepends=True)
    csv.write_text("".join([*lines, *lines[1:4]]), encoding="utf-8")
    stages.catalogue.main(here)
    assert (
        "3 rows rejected (0.0% without the 3 that repeat others or go by several_classes):\n  3 × the same as line …"
        in caplog.text
    )
    assert set(pd.read_parquet(here / paths.REJECTED)["action"]) == {"repeated"}

    with csv.open("a", encoding="utf-8") as file:
        file.write("none.jpg,thing,\n")
    with pytest.raises(
        InputError, match=r"4 rows rejected \(4\.2% without the 3 that repeat others or go by several_classes\)"
    ):
        stages.catalogue.main(here)
