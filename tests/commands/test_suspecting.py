"""`huse suspects`, of the catalogue of the tiny pipeline and of a table by its model alone."""

import csv
import json
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from huse import progress
from huse.commands.suspecting import COLUMNS
from huse.engine.work import ENGINES
from huse.experiments import folds
from huse.files import fingerprint_file
from huse.run import paths
from huse.run.params.editing import set_values
from tests.commands.conftest import error, huse
from tests.engine.elsewhere import elsewhere

WRONG = 4


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(folds, "STEPS", 20)
    monkeypatch.setattr(folds, "PASSES", 1)


@pytest.fixture
def shop(tiny_pipeline, tmp_path, monkeypatch):
    """The model of the tiny pipeline and its pictures in a folder of no repository; a table with some wrong classes."""
    shutil.copytree(tiny_pipeline.root / paths.MODEL, tmp_path / paths.MODEL)
    shutil.copytree(tiny_pipeline.root / paths.SAMPLE_IMAGES, tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    table = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)[["image", "name", "classes"]]
    table["classes"] = table["classes"].str.partition("<")[0]  # a tiny shop has few products in a whole class
    products = table["name"].drop_duplicates().sample(WRONG, random_state=0)
    for name in products:
        rows = table["name"] == name
        table.loc[rows, "classes"] = "bags" if table.loc[rows, "classes"].iloc[0] == "shoes" else "shoes"
    table.to_csv("shop.csv", index=False)
    return table, set(products)


def write(text, name="new.csv"):
    Path(name).write_text(text, encoding="utf-8")


def read(name):
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def suspects(*arguments):
    done = huse("suspects", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_wrong_classes_of_a_table_are_found_by_the_model_alone(shop):
    table, wrong = shop
    said = suspects(
        "shop.csv", "--images", "pictures", "--output", "s.csv", "--html", "s.html", "--most", 20, "--show", 3
    )
    rows = read("s.csv")
    assert tuple(rows[0]) == COLUMNS and len(rows) <= 20
    assert len(wrong & {row["name"] for row in rows[:10]}) >= WRONG - 1
    filed = dict(zip(table["name"], table["classes"], strict=True))
    for row in rows:
        assert row["filed"] == filed[row["name"]] != row["proposed"]
        assert float(row["filed_probability"]) < float(row["proposed_probability"])
        assert row["why"].endswith(".") and Path(row["image"]).is_file()
        counts = [int(row[f"nearest_as_{which}"]) for which in ("filed", "proposed")]
        assert sum(counts) <= folds.NEIGHBOURS == row["nearest"].count(" | ") + 1
    page = Path("s.html").read_text(encoding="utf-8")
    assert page.count("<fieldset>") == 3 and page.count("data:image/webp;base64,") == 3 * 5
    assert f"{len(rows) - 3} more are not on this page" in page
    shown = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert shown["columns"] == ["product", "from", "to"]
    assert shown["rows"][0]["cells"]["from"] == rows[0]["filed"]
    assert shown["rows"][0]["choices"][0] == ["move", {"to": rows[0]["proposed"]}]
    assert f"{len(rows)} suspects" in said and "wrote s.csv" in said and "worth a look, by estimate" in said
    assert {row["level"] for row in rows} == {"1"}


def test_the_order_of_the_rows_changes_nothing_and_neither_does_a_second_time(shop):
    table, _ = shop
    suspects("shop.csv", "--images", "pictures", "--output", "one.csv", "--most", 30)
    table.sample(frac=1, random_state=1).to_csv("turned.csv", index=False)
    suspects("turned.csv", "--images", "pictures", "--output", "two.csv", "--most", 30)
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_table_of_names_alone_and_one_with_ids(shop):
    table, wrong = shop
    ids = table.assign(product=pd.factorize(table["name"])[0].astype(str)).drop(columns="image")
    ids.drop_duplicates().to_csv("names.csv", index=False)
    suspects("names.csv", "--output", "n.csv", "--most", 20)
    rows = read("n.csv")
    assert len(wrong & {row["name"] for row in rows[:10]}) >= WRONG - 1
    assert {row["image"] for row in rows} == {row["filed_probability_by_picture"] for row in rows} == {""}
    assert all(row["product"].isdigit() and row["filed_probability_by_name"] for row in rows)


def test_columns_are_named_by_options(shop):
    table, _ = shop
    table.rename(columns={"name": "title", "classes": "Category"}).to_csv("t.csv", index=False)
    more = ("--images", "pictures", "--most", 9, "--output")
    suspects("t.csv", "--name-column", "title", "--classes-column", "category", *more, "t-s.csv")
    suspects("shop.csv", *more, "n-s.csv")
    assert read("t-s.csv") == read("n-s.csv")


def test_rows_that_say_the_same_are_no_fault(shop):
    table, wrong = shop
    table.drop(columns="image").to_csv("names.csv", index=False)  # a product has several pictures, so rows are repeated
    suspects("names.csv", "--output", "n.csv", "--most", 20)
    assert len(wrong & {row["name"] for row in read("n.csv")[:10]}) >= WRONG - 1


def test_the_catalogue_of_the_run(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_pipeline.root)
    output = tmp_path / "s.csv"
    said = suspects("--output", output, "--most", 5)
    products = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)
    assert {row["filed"] for row in read(output)} <= set(products["classes"])
    assert f"{products['group'].nunique()} products in {products['classes'].nunique()} classes" in said


def test_folds_of_a_run_are_done_by_its_engine(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_pipeline.copy_to(tmp_path / "run").root)
    suspects("--output", "one.csv", "--most", 5)
    done = []

    @contextmanager
    def far(machine):
        def spread(work, batches):
            done.append(type(work).__name__)
            return elsewhere(work, batches)

        yield spread

    monkeypatch.setitem(ENGINES, "ray", far)
    set_values(Path(paths.PARAMS), {"machine": {"engine": "ray"}})
    suspects("--output", "two.csv", "--most", 5)
    assert done == ["Towers", "Regressions"]
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_product_alone_in_its_class_is_not_judged(shop):
    table, _ = shop
    alone = pd.concat([table, pd.DataFrame([{"image": "", "name": "A lone kite", "classes": "kites"}])])
    alone.to_csv("alone.csv", index=False)
    said = suspects("alone.csv", "--images", "pictures", "--output", "s.csv", "--most", 1000)
    assert "not judged: " in said
    assert not [row for row in read("s.csv") if row["filed"] == "kites"]


def knows_no_pictures():
    """Change the model into one that has learned from no picture."""
    content = json.loads((paths.MODEL / "config.json").read_text())
    content.pop("config_sha256")
    content["info"]["learned_from"]["image"] = 0
    (paths.MODEL / "config.json").write_text(json.dumps(content))


def test_what_the_model_cannot_read_is_left_out(shop, caplog):
    knows_no_pictures()
    suspects("shop.csv", "--images", "pictures", "--output", "s.csv", "--html", "s.html", "--most", 5)
    assert "pictures left out: the model has learned from none" in caplog.text
    assert {row["filed_probability_by_picture"] for row in read("s.csv")} == {""}
    assert "data:image/webp;base64," in Path("s.html").read_text(encoding="utf-8")  # they are shown all the same
    pictures = pd.read_csv("shop.csv").assign(name="")
    pictures.to_csv("pictures.csv", index=False)
    said = error("suspects", "pictures.csv", "--images", "pictures")
    assert "the model has learned from nothing that its products have. Give another --model" in said


def test_progress_says_in_plain_words_what_is_being_done(shop, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    said = huse("suspects", "shop.csv", "--images", "pictures", "--output", "s.csv").stderr
    products = shop[0]["name"].nunique()
    steps = re.findall(
        r"^fold (\d) of 5: learning from (\d+) products: (\d+) of 100 steps, .+ left$", said, re.MULTILINE
    )
    assert [int(fold) for fold, _, _ in steps] == [(number - 1) // 20 + 1 for number in range(1, 100)]
    assert [int(done) for *_, done in steps] == [*range(1, 100)]
    assert {int(learned) for _, learned, _ in steps} <= {products * 4 // 5 + more for more in (0, 1)}
    for word in ("loss", "accuracy", "recall", "ahp", "towers", "train"):
        assert word not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "data/catalogue/products.parquet: not found. Give a CSV of products, or run `dvc repro`"),
        (["--model", "data/model"], "data/model: reads the pictures and names of a CSV (--model), and none is given"),
        (["none.csv"], "none.csv"),
        (["empty.csv"], "empty.csv"),
        (["unfiled.csv"], "unfiled.csv: expected one column `classes`"),
        (
            ["only.csv"],
            "only.csv: expected a column `image` or `name`, found: classes, price. Name the columns by --image-column",
        ),
        (["shop.csv", "--product-column", "id"], "shop.csv: expected one column `id` (--product-column), found none"),
        (["--classes-column", "kind"], "--classes-column: names a column of a CSV, and none is given. Leave it out."),
        (["one.csv"], "one.csv: expected at least 2 classes, found 1: hats. There is nothing to tell apart"),
        (["few.csv"], "few.csv: expected at least 10 products to learn from, found 2"),
        (["broken.csv"], "broken.csv: 50.0% of the rows cannot be used whole, more than --max-rejected 5.0%"),
        (["shop.csv", "--images", "nowhere"], "nowhere: no such folder (--images)"),
        (["shop.csv", "--images", "pictures", "--model", "nowhere"], "nowhere: no such folder. Expected a model"),
        (["shop.csv", "--output", "few.csv"], "few.csv: is there already. Replace it with --force"),
        (["shop.csv", "--output", "shop.csv"], "shop.csv: is the table to read, and would be lost"),
        (["shop.csv", "--output", "s.txt"], "s.txt: expected a name that ends in .csv"),
        (["shop.csv", "--html", "s.csv"], "s.csv: expected a name that ends in .html"),
    ],
)
def test_what_cannot_be_is_said(shop, arguments, said):
    write("", "empty.csv")
    write("name,price\na,1\n", "unfiled.csv")
    write("classes,price\na,1\n", "only.csv")
    write("name,classes\n" + "".join(f"hat {number},hats\n" for number in range(20)), "one.csv")
    write("name,classes\na,hats\nb,shoes\n", "few.csv")
    write("name,classes\na,hats\n,shoes\n", "broken.csv")
    found = fingerprint_file(Path("few.csv"))
    assert said in error("suspects", *arguments)
    assert not Path("s.csv").exists() and fingerprint_file(Path("few.csv")) == found
