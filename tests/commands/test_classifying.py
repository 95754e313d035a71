"""`huse classify` by a copy of the tiny pipeline's model, in a folder with no pipeline."""

import csv
import errno
import json
import re
import shutil

import pandas as pd
import pytest

import huse as package
from huse.commands import classifying, cli
from huse.commands.classifying import COLUMNS
from huse.errors import said_of_system
from huse.run import paths
from huse.run.params.reader import read_yaml
from tests.commands.conftest import error, huse

NEW = "sku,image,name\n"


@pytest.fixture(scope="module")
def copied(tiny_pipeline, tmp_path_factory):
    """The model, some pictures of the test split as 0.png and so on, and their names; elsewhere."""
    place, root = tmp_path_factory.mktemp("shop"), tiny_pipeline.root
    shutil.copytree(root / paths.MODEL, place / paths.MODEL)
    products = pd.read_parquet(root / paths.PRODUCTS)
    products = products[products["split"] == "test"].head(8)
    folder = root / read_yaml(root / "params.yaml")["catalogue"]["images"]
    (place / "pictures").mkdir()
    for number, image in enumerate(products["image"]):
        shutil.copy(folder / image, place / f"pictures/{number}.jpg")
    (place / "pictures/damaged.jpg").write_bytes((place / "pictures/0.jpg").read_bytes()[:200])
    (place / "names.json").write_text(json.dumps(products["name"].tolist()))
    return place


@pytest.fixture
def shop(copied, tmp_path, monkeypatch):
    """A copy as the current folder; and what writes a table to new.csv."""
    place = shutil.copytree(copied, tmp_path / "shop")
    monkeypatch.chdir(place)

    def write(*rows, header=NEW):
        (place / "new.csv").write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")

    write.place, write.names = place, json.loads((place / "names.json").read_text())
    write.quoted = ['"' + name.replace('"', '""') + '"' for name in write.names]
    return write


def classify(*options):
    """Classify new.csv to out.csv, and return the rows and what was said."""
    ended = huse("classify", "new.csv", "--output", "out.csv", "--images", "pictures", "--force", *options)
    assert ended.exit_code == 0, ended.exception
    with open("out.csv", encoding="utf-8", newline="") as file:  # noqa: PTH123
        return list(csv.DictReader(file)), ended.stdout


def test_predictions_are_those_of_the_model(shop):
    shop(*(f"{number},{number}.jpg,{name}" for number, name in enumerate(shop.quoted)))
    rows, said = classify()
    pictures = [shop.place / f"pictures/{number}.jpg" for number in range(8)]
    expected = package.load(paths.MODEL).decide(pictures, shop.names)
    assert list(rows[0]) == ["sku", "image", "name", *COLUMNS]
    for number, (row, decision) in enumerate(zip(rows, expected, strict=True)):
        assert (row["sku"], row["image"], row["name"]) == (str(number), f"{number}.jpg", shop.names[number])
        assert (row["class"], row["second"]) == (decision.class_path, decision.second)
        assert float(row["probability"]) == pytest.approx(decision.probability, abs=1e-4)
        assert float(row["second_probability"]) == pytest.approx(decision.second_probability, abs=1e-4)
        assert (row["by_picture"], row["by_name"]) == (decision.by_picture, decision.by_name)
        assert row["agree"] == ("yes" if decision.agree else "no")
        assert (row["node"], row["node_probability"], row["remark"]) == (row["class"], row["probability"], "")
    assert "8 rows, 8 classified: 8 by picture and name\n" in said
    assert "wrote out.csv" in said


def test_every_row_is_kept_and_goes_by_what_it_has(shop):
    name = shop.quoted[1]
    shop("a,0.jpg,", f"b,,{name}", "c,,", f"d,damaged.jpg,{name}", "e,damaged.jpg,", f"f,lost.jpg,{name}", 'g,"bro')
    rows, said = classify()
    assert [row["sku"] for row in rows] == ["a", "b", "c", "d", "e", "f", ""]
    assert [bool(row["class"]) for row in rows] == [True, True, False, True, False, True, False]
    assert rows[0]["by_picture"] == rows[0]["class"] and rows[0]["by_name"] == rows[0]["agree"] == ""
    assert rows[1]["by_name"] == rows[1]["class"] == rows[3]["class"] == rows[5]["class"]
    assert rows[1]["probability"] == rows[3]["probability"]
    assert rows[2]["remark"] == "product left out, expected a picture or a name, found neither"
    for row in (rows[3], rows[4]):
        assert row["remark"].startswith("picture left out, picture is truncated")
    assert rows[5]["remark"] == "picture left out, picture file does not exist"
    assert rows[6]["remark"].startswith("line 8 cannot be read, quotation marks do not fit")
    for row in (rows[2], rows[4], rows[6]):
        assert {row[column] for column in COLUMNS[:-1]} == {""}
    assert "7 rows, 4 classified: 1 by picture alone, 3 by name alone\n" in said
    assert "without a class: 3" in said
    assert "2 × picture left out, picture is truncated" in said


def test_a_reason_with_a_semicolon_is_counted_as_one(shop):
    shop("a,https://shop.example/0.jpg,", f"b,https://shop.example/1.jpg,{shop.quoted[1]}", "c,,")
    _, said = classify()
    assert {line.strip() for line in said.splitlines() if " × " in line} == {
        "2 × picture left out, the picture is a URL, and nothing is downloaded; give the path of a file",
        "2 × product left out, expected a picture or a name, found neither",
    }


def test_batches_change_nothing(shop, monkeypatch):
    shop(*(f"{number},{number % 8}.jpg,{shop.quoted[number % 7]}" for number in range(21)), "x,,")
    whole, _ = classify()
    monkeypatch.setattr(classifying, "ROWS", 4)
    batches, _ = classify()
    assert [row["class"] for row in batches] == [row["class"] for row in whole]
    assert [row["sku"] for row in batches] == [row["sku"] for row in whole]


def change_points(place, points):
    """Give all kinds of the model the same points."""
    config = json.loads((place / paths.MODEL / "config.json").read_text())
    config.pop("config_sha256")
    config["points"] = dict.fromkeys(("image", "text", "fusion"), points)
    (place / paths.MODEL / "config.json").write_text(json.dumps(config))


def test_a_precision_stops_above_the_class(shop):
    shop("a,0.jpg,", f"b,1.jpg,{shop.quoted[1]}", "c,,")
    levels = len(
        json.loads((shop.place / paths.MODEL / "config.json").read_text())["points"]["fusion"][0]["thresholds"]
    )
    first = [{"precision": 0.96, "thresholds": [0.0, *[None] * (levels - 1)], "shares": [0.07, 0.12, *[0.0] * levels]}]
    first[0]["shares"] = [0.07, 0.12, *[0.0] * (levels - 2), 0.81]
    change_points(shop.place, first)
    rows, said = classify("--precision", "0.95")
    for row in rows[:2]:
        assert row["node"] and "<" not in row["node"] and float(row["node_probability"]) > 0
    assert rows[2]["node"] == rows[2]["node_probability"] == ""
    assert "nodes for a precision of 0.95, by the validation split:" in said
    assert "  picture and name: class for 81%, level 1 for 12%, nothing for 7%\n" in said
    assert "  picture alone: class for 81%" in said and "name alone" not in said
    assert "  here: class for 0%, a node above it for 100%, nothing for 0%\n" in said
    rows, said = classify("--precision", "0.97")
    assert {row["node"] for row in rows} == {""} and rows[0]["class"]
    assert "picture and name: nothing, since no threshold reaches it" in said


def test_a_model_of_names_leaves_pictures_out(shop):
    config = json.loads((shop.place / paths.MODEL / "config.json").read_text())
    config.pop("config_sha256")
    config["info"]["learned_from"] = {"image": 0, "text": 9}
    (shop.place / paths.MODEL / "config.json").write_text(json.dumps(config))
    shop(f"a,0.jpg,{shop.quoted[0]}", "b,1.jpg,")
    rows, _ = classify()
    assert rows[0]["class"] == rows[0]["by_name"] and not rows[0]["by_picture"] and not rows[1]["class"]
    assert rows[0]["remark"] == "picture left out, the model has learned from no pictures"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["none.csv"], "none.csv: not found. Give a CSV"),
        (["empty.csv"], "empty.csv: is empty"),
        (["header.csv"], "has a header but no products"),
        (["picture.csv"], r"expected a table of text (CSV), found"),
        (["other.csv"], "expected a column `image` or `name`, found: sku, title"),
        (["taken.csv"], "taken.csv: has a column `probability` already, as a prediction is called. Rename it."),
        (["new.csv", "--image-column", "photo"], "expected one column `photo` (--image-column), found none"),
        (["new.csv", "--name-column", "title"], "expected one column `title` (--name-column), found none"),
        (["new.csv", "--images", "nowhere"], "nowhere: no such folder (--images)"),
        (["new.csv", "--model", "pictures"], "pictures/config.json: not found. Expected the folder of a model"),
        (["new.csv", "--model", "nowhere"], "nowhere: no such folder. Expected a model"),
        (["new.csv", "--precision", "1"], "precision: expected a share between 0 and 1, such as 0.95, found 1"),
        (["new.csv", "--precision", "95"], "such as 0.95, found 95"),
        (["new.csv", "--encoding", "klingon"], "'klingon' is no encoding that Python knows"),
        (["new.csv", "--output", "new.csv"], "new.csv: is the table to read, and would be lost"),
        (["new.csv", "--output", "there.csv"], "there.csv: is there already. Replace it with --force"),
        (["new.csv", "--output", "pictures"], "pictures: is a folder. Give the name of a file that ends in .csv"),
        (["new.csv", "--output", "out.parquet"], "out.parquet: expected a name that ends in .csv"),
        (["new.csv", "--output", "/proc/out.csv"], "/proc/out.csv: cannot be written"),
        (["new.csv", "--output", "there.csv/out.csv"], "there.csv/out.csv: cannot be written, since nothing can be"),
    ],
)
def test_wrong_input_is_told_and_nothing_written(shop, options, said):
    shop("a,0.jpg,Hat")
    for name, content in (
        ("empty.csv", ""),
        ("header.csv", NEW),
        ("other.csv", "sku,title\n1,Hat\n"),
        ("taken.csv", "name,probability\nHat,1\n"),
        ("there.csv", "kept"),
    ):
        (shop.place / name).write_text(content)
    shutil.copy(shop.place / "pictures/0.jpg", shop.place / "picture.csv")
    before = {path: path.read_bytes() for path in shop.place.iterdir() if path.is_file()}
    found = error("classify", *options, *([] if "--output" in options else ["--output", "out.csv"]))
    assert said in found and "\n" not in found
    assert {path: path.read_bytes() for path in shop.place.iterdir() if path.is_file()} == before


def test_wrong_input_ends_with_2(shop, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["huse", "classify", "none.csv", "--output", "out.csv"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: none.csv: not found.")


@pytest.mark.parametrize("there", [False, True])
def test_the_output_is_whole_or_as_it_was(shop, monkeypatch, there):
    shop(*(f"{number},{number}.jpg," for number in range(8)))
    if there:
        (shop.place / "out.csv").write_text("kept")
    monkeypatch.setattr(classifying, "ROWS", 2)
    decide, calls = package.load(paths.MODEL).__class__.decide, []

    def interrupted(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return decide(self, *arguments, **options)

    monkeypatch.setattr("huse.use.model.Model.decide", interrupted)
    huse("classify", "new.csv", "--output", "out.csv", "--images", "pictures", "--force")
    assert len(calls) == 3
    assert [path.read_text() for path in shop.place.glob("*out.csv")] == (["kept"] if there else [])


def test_without_room_for_the_page_there_is_no_table_either(shop, monkeypatch):
    shop("0,0.jpg,")
    monkeypatch.setattr(classifying, "_page", lambda *given: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space")))
    found = huse("classify", "new.csv", "--images", "pictures", "--output", "out.csv", "--html", "page.html")
    assert said_of_system(found.exception).startswith("page.html: No space left on device. Make room on the disk")
    assert not [*shop.place.glob("*out.csv"), *shop.place.glob("*page.html")]


def test_the_page_has_the_least_sure_rows_with_their_two_classes(shop):
    shop(*(f"{number},{number}.jpg,{name}" for number, name in enumerate(shop.quoted)), "8,,", "9,lost.jpg,")
    rows, said = classify("--html", "page.html", "--show", "4")
    page = (shop.place / "page.html").read_text(encoding="utf-8")
    assert "wrote page.html" in said and "4 of the 10 rows of new.csv" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["columns"] == ["line", "name", "class"] and data["file"] == "decisions.csv"
    sureness = {int(row["sku"]) + 1: float(row["probability"] or -1) for row in rows}
    least = sorted(sureness, key=lambda number: (sureness[number], number))[:4]
    assert [int(row["cells"]["line"]) - 1 for row in data["rows"]] == least  # the first line is the header
    unnamed = next(number for number in least if number > 8)
    assert f"line {unnamed + 1}" in page  # what has no name is called as messages call it
    for row, number in zip(data["rows"], least, strict=True):
        classes = [cells["class"] for _, cells in row["choices"] if cells]
        assert classes == [each for each in (rows[number - 1]["class"], rows[number - 1]["second"]) if each]
    assert "without a class" in page and page.count("data:image/webp;base64,") == 2
