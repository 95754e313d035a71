"""The command that finds the same product twice: in the index, and in a table beside it."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from huse.run import paths
from tests.commands.conftest import error, huse


@pytest.fixture
def shop(tiny_pipeline, tmp_path, monkeypatch):
    """The index of the tiny pipeline in a folder of no repository, and a table with a copy of its first product."""
    shutil.copytree(tiny_pipeline.root / paths.INDEX, tmp_path / paths.INDEX)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    products = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)
    row = products.iloc[0]
    Path("new").mkdir()
    copy = Image.open(tiny_pipeline.root / paths.SAMPLE_IMAGES / row["image"]).convert("RGB")
    copy.resize((copy.width * 3 // 4, copy.height * 3 // 4)).save("new/0.jpg", quality=60)
    Image.effect_mandelbrot((90, 90), (-2, -2, 1, 2), 50).convert("RGB").save("new/1.jpg")
    again = " ".join(reversed(row["name"].split()))
    write(f'image,name,classes\n0.jpg,"{again.upper()}",a<b\n1.jpg,Quite another thing,a<b\n,A third thing,a\n')
    return row


def write(text, name="new.csv"):
    Path(name).write_text(text, encoding="utf-8")


def read(name):
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_copy_of_a_product_is_found_beside_the_index(shop):
    done = huse("duplicates", "new.csv", "--images", "new", "--output", "found.csv", "--html", "found.html")
    assert done.exit_code == 0, done.output
    rows = read("found.csv")
    assert {row["group"] for row in rows} == {"1"} and len(rows) >= 2
    copied = next(row for row in rows if row["product"] == " ".join(reversed(shop["name"].split())).upper())
    assert {row["by"] for row in rows} <= {"first", "picture and name", "picture", "name"}
    assert shop["name"] in {row["name"] for row in rows} and copied["classes"] == "a<b"
    page = Path("found.html").read_text(encoding="utf-8")
    assert page.count("<fieldset>") == len(rows) and page.count("data:image/webp;base64,") >= 2
    assert "1 group" in done.stdout and "wrote found.csv" in done.stdout


def test_a_class_is_spelled_as_the_index_spells_it(shop):
    write(f'image,name,classes\n0.jpg,"{shop["name"]} again","{shop["classes"].upper()}"\n')
    assert huse("duplicates", "new.csv", "--images", "new", "--output", "found.csv").exit_code == 0
    spelled = {row["product"]: row["classes"] for row in read("found.csv")}
    assert shop["classes"] != shop["classes"].upper() and spelled[f"{shop['name']} again"] == shop["classes"]


def test_all_of_the_index_and_a_table_alone(shop):
    everything = huse("duplicates", "--output", "all.csv")
    assert everything.exit_code == 0 and Path("all.csv").read_text().startswith("group,product,name")
    shutil.rmtree(paths.INDEX)
    alone = huse("duplicates", "new.csv", "--images", "new")
    assert alone.exit_code == 0 and "3 products, 0 groups" in alone.stdout
    write("name,classes\nRed hat,a\nHat red,a\n", "names.csv")
    names = huse("duplicates", "names.csv")
    assert names.exit_code == 0 and "2 products, 1 group" in names.stdout


def test_columns_under_other_headers_beside_the_index_and_alone(shop):
    renamed = Path("new.csv").read_text(encoding="utf-8").replace("image,name,classes", "photo,title,kind", 1)
    write("sku," + renamed.replace("\n", "\n7,", 3), "renamed.csv")
    named = ("--image-column", "photo", "--name-column", "title", "--classes-column", "kind")
    asked = ("duplicates", "renamed.csv", "--images", "new", *named, "--output", "found.csv", "--force")
    for more in ((), ("--product-column", "sku")):
        assert huse(*asked, *more).exit_code == 0
        assert bool(more) == ("7" in {row["product"] for row in read("found.csv")})
    shutil.rmtree(paths.INDEX)
    assert "3 products, 0 groups" in huse(*asked).stdout
    assert "1 product, 0 groups" in huse(*asked, "--product-column", "sku").stdout


def test_steps_change_what_is_found_and_the_page_is_cut(shop):
    none = huse("duplicates", "--steps", 0)
    many = huse("duplicates", "--steps", 255, "--html", "cut.html", "--show", 1)
    assert groups(none) < groups(many)
    assert Path("cut.html").read_text(encoding="utf-8").count("<article>") == 1


def groups(done):
    return int(done.stdout.split(", ")[1].split()[0])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--index", "nowhere"], "nowhere: no index"),
        (["none.csv"], "none.csv"),
        (["new.csv", "--images", "nowhere"], "no such folder"),
        (["new.csv", "--images", "new", "--output", "new.csv", "--force"], "would be lost"),
        (["--output", "found.txt"], "expected a name that ends in .csv"),
        (["--html", "found.csv"], "expected a name that ends in .html"),
        (["--steps", "-1"], "steps: expected 0 to 255, found -1"),
        (
            ["bare.csv"],
            "bare.csv: expected one column `image` (--image-column), found none among: picture, title. Name",
        ),
        (["bare.csv", "--image-column", "picture"], "expected one column `name` (--name-column), found none among"),
        (["--name-column", "title"], "--name-column: names a column of a CSV, and none is given. Leave it out."),
    ],
)
def test_wrong_input_says_what_to_do(shop, arguments, told):
    write("picture,title\n0.jpg,a\n", "bare.csv")
    assert told in error("duplicates", *arguments)
    assert not list(Path().glob("found.*"))


def test_what_is_there_stays_without_force(shop):
    write("mine", "found.csv")
    assert "is there already" in error("duplicates", "--output", "found.csv")
    assert Path("found.csv").read_text() == "mine"
    assert huse("duplicates", "--output", "found.csv", "--force").exit_code == 0
