"""Commands that ask the index of a tiny pipeline, and let it grow."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from huse.files import fingerprint_file
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.place import Run
from huse.use.growing import carried
from huse.use.index import LOCK, Index
from huse.use.model import Model
from stages import index as stage
from tests.commands.conftest import error, huse
from tests.pipeline.in_process import write_params


@pytest.fixture
def shop(tiny_pipeline, tmp_path, monkeypatch):
    """The model and the index of the tiny pipeline in a folder of no repository, and pictures in another."""
    for name in (paths.MODEL, paths.INDEX):
        shutil.copytree(tiny_pipeline.root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    products = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)
    folder = tiny_pipeline.root / paths.SAMPLE_IMAGES
    for number in range(3):
        shutil.copy(folder / products["image"].iloc[number], tmp_path / "new" / f"{number}.jpg")
    return products[~products["name"].str.startswith("-")].reset_index(drop=True)  # no option of the command


def write(text, name="new.csv"):
    Path(name).write_text(text, encoding="utf-8")


def found(*arguments):
    return json.loads(huse("search", *arguments, "--json").stdout)


def index():
    return Index.open(paths.INDEX)


def test_what_a_page_of_duplicates_says_to_remove_is_removed(shop):
    keep, gone, other = shop["name"].drop_duplicates().iloc[:3]
    rows = pd.DataFrame({"product": [keep, gone, other], "decision": ["keep", "remove", "another product"]})
    rows.to_csv("duplicates.csv", index=False, encoding="utf-8-sig")
    assert "removed 1 product" in huse("remove", "--from", "duplicates.csv").stdout
    assert index().known([keep, gone, other]) == {keep, other}


def test_a_name_and_a_picture_find_their_product(shop, tiny_pipeline):
    row = shop.iloc[0]
    name, picture = row["name"], tiny_pipeline.root / paths.SAMPLE_IMAGES / row["image"]
    assert found(name, "--in", "names", "-k", 1)[0]["name"] == name
    hit = found("--image", picture, "--in", "pictures", "-k", 1)[0]
    assert (hit["image"], hit["class_path"]) == (row["image"], row["classes"])
    assert hit["similarity"] == pytest.approx(1, abs=1e-5)
    both = found(name, "--image", picture, "-k", 5)
    assert both[0]["similarity"] >= both[-1]["similarity"] and len({hit["product"] for hit in both}) == 5


def test_only_a_class_or_what_a_condition_holds_for(shop):
    above = shop["classes"].iloc[0].split("<")[0]
    hits = found("thing", "--class", f"{above}<*", "--where", "split != 'train'", "-k", 50)
    assert hits and all(hit["class_path"].startswith(above) and hit["split"] != "train" for hit in hits)
    nothing = huse("search", "thing", "--class", "no such class")
    assert nothing.exit_code == 0 and nothing.stdout.startswith("nothing of that class, or for that condition")
    assert f"a class is such as {min(shop['classes'])}" in nothing.stdout


def test_the_table_and_the_page(shop):
    done = huse("search", shop["name"].iloc[0], "-k", 2, "--html", "page.html")
    assert "cosine" in done.stdout and "wrote page.html" in done.stdout
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 2 and "http" not in page.replace("http-equiv", "")


def test_products_are_added_replaced_and_removed(shop, caplog):
    before = len(index())
    write("image,name,classes,price\n0.jpg,Wonder lamp,home<lamps,12.5\n1.jpg,Wonder lamp,home<lamps,\n2.jpg,,home,3\n")
    done = huse("add", "new.csv", "--images", "new")
    assert "2 products added, 0 replaced" in done.stdout
    assert "columns left out, since the index has none of that name: price" in caplog.text
    lamp = [row for row in index().rows().to_dict("records") if row["product"].startswith("Wonder")]
    assert sorted(row["kind"] for row in lamp) == ["names", "pictures", "pictures", "products"]
    assert all(row["image"].endswith(".jpg") and row["image"].startswith("/") for row in lamp)
    hit = found("--image", "new/2.jpg", "--in", "pictures", "-k", 1)[0]
    assert hit["similarity"] == pytest.approx(1, abs=1e-5)
    write("image,name,classes\n1.jpg,Wonder lamp,home<lamps\n0.jpg,Other,hats\n", "changed.csv")
    done = huse("update", "changed.csv", "--images", "new")
    assert "0 products added, 1 replaced" in done.stdout
    assert "left out, not in the index: 1 product, first Other" in caplog.text
    assert [row["kind"] for row in index().rows("product = 'Wonder lamp'").to_dict("records")].count("pictures") == 1
    write("Wonder lamp\n\n", "ids.txt")
    done = huse("remove", "nothing", "--from", "ids.txt")
    assert "removed 1 product" in done.stdout and "not in the index: 1 id, first nothing" in done.stdout
    assert len(index()) == before + 2


def test_a_class_is_spelled_as_the_index_spells_it(shop):
    known = next(iter(index().classes()))
    write(f"image,name,classes\n0.jpg,A lamp,{known.upper()}\n1.jpg,B lamp,{known.upper()}\n")
    assert huse("add", "new.csv", "--images", "new").exit_code == 0
    assert set(index().rows("ends_with(name, ' lamp')")["classes"]) == {known}


def test_columns_under_other_headers_are_named_by_options(shop):
    rows = "a,0.jpg,Wonder lamp,home<lamps,3\nb,1.jpg,Wonder lamp,home<lamps,4\n"
    write(f"id,photo,title,kind,name\n{rows}")
    named = ("--image-column", "photo", "--name-column", "title", "--classes-column", "kind")
    asked = ("add", "new.csv", "--images", "new", *named)
    assert "1 product added, 0 replaced" in huse(*asked).stdout
    assert "2 products added, 0 replaced" in huse(*asked, "--product-column", "ID").stdout
    assert index().known(["a", "b", "Wonder lamp"]) == {"a", "b", "Wonder lamp"}
    there = index().rows("product = 'a' AND kind = 'names'").to_dict("records")
    assert [(row["name"], row["classes"]) for row in there] == [("Wonder lamp", "home<lamps")]
    write("id,photo,title,kind\na,2.jpg,Other lamp,home\n")
    assert "0 products added, 1 replaced" in huse("update", *asked[1:], "--product-column", "id").stdout
    assert "expected one column `name` (--name-column), found none" in error("update", *asked[1:4], *named[:2])


def test_class_paths_with_another_separator_are_read_by_an_option_and_said_without(shop, caplog):
    write("image,name,classes\n0.jpg,Wonder lamp,home > lamps\n")
    asked = ("add", "new.csv", "--images", "new")
    assert huse(*asked).exit_code == 0
    assert "1 of 1 class has one level and contains a mark that may separate levels (1 × >)" in caplog.text
    assert "--separator '>' takes them apart" in caplog.text
    caplog.clear()
    assert "0 products added, 1 replaced" in huse(*asked, "--separator", ">").stdout
    assert "separate levels" not in caplog.text
    assert {row["classes"] for row in index().rows("product = 'Wonder lamp'").to_dict("records")} == {"home<lamps"}
    assert "--separator: expected what stands between levels" in error("update", *asked[1:], "--separator", "")


def test_the_encoding_is_the_one_that_is_named(shop):
    named = ("--image-column", "photo")
    Path("new.csv").write_bytes("photo,name,classes\n,домик,a\n".encode("cp1251"))
    assert huse("add", "new.csv", "--images", "new", *named, "--encoding", "cp1251").exit_code == 0
    assert index().known(["домик"]) == {"домик"}
    assert "'klingon' is no encoding that Python knows. Name another (catalogue.encoding, or --encoding)" in error(
        "add", "new.csv", "--images", "new", *named, "--encoding", "klingon"
    )


def test_rows_that_cannot_be_used_are_listed_and_too_many_stop_it(shop):
    write("image,name,classes\n0.jpg,a hat,hats\nnone.jpg,b hat,hats\n,,hats\n")
    before = len(index())
    assert "66.7% of the rows cannot be used whole, more than --max-rejected 5.0%" in error(
        "add", "new.csv", "--images", "new"
    )
    assert len(index()) == before
    table = pd.read_csv("new.rejected.csv", keep_default_na=False)
    assert sorted(table["line"]) == [3, 4] and table["reason"].str.contains("picture").all()
    assert huse("add", "new.csv", "--images", "new", "--max-rejected", 1).exit_code == 0
    assert index().known(["a hat", "b hat"]) == {"a hat", "b hat"}


def test_where_rejected_rows_cannot_be_written_they_are_told_alone(shop, monkeypatch, caplog):
    def full(self, place, table):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Outputs, "table", full)
    write("image,name,classes\n0.jpg,a hat,hats\nnone.jpg,b hat,hats\n")
    assert huse("add", "new.csv", "--images", "new", "--max-rejected", 1).exit_code == 0
    assert "new.rejected.csv cannot be written (Read-only file system)" in caplog.text
    assert "line 3: none.jpg: without its picture" in caplog.text
    assert index().known(["a hat", "b hat"]) == {"a hat", "b hat"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search"], "expected a text, --image, or both, found neither"),
        (["search", " "], "expected a text, --image, or both, found neither"),
        (["search", "--image", "none.jpg"], "none.jpg: no such picture (--image). Give the file of one."),
        (["search", "--image", "new"], "new: no such picture (--image)"),
        (["search", "--image", "bad.jpg"], "bad.jpg"),
        (["search", "x", "--in", "cats"], "--in: expected pictures, names, products, found 'cats'"),
        (["search", "--image", "bad.jpg", "--html", "bad.jpg"], "bad.jpg: expected a name that ends in .html"),
        (["search", "--image", "bad.html", "--html", "bad.html"], "bad.html: is the table to read"),
        (["search", "x", "--html", "new"], "new: is a folder. Give the name of a file that ends in .html"),
        (["search", "x", "--html", "/proc/x.html"], "/proc/x.html: cannot be written"),
        (["search", "x", "--where", "prize > 3"], "(prize > 3): no condition that fits the index"),
        (["search", "x", "--images", "nowhere"], "nowhere: no such folder (--images)"),
        (["search", "x", "--index", "nowhere"], "nowhere: no index. Run"),
        (["search", "x", "--model", "nowhere"], "nowhere: no such folder. Expected a model"),
        (["add", "none.csv"], "none.csv"),
        (
            ["add", "bad.csv", "--images", "new"],
            "expected one column `name` (--name-column), found none among: image, title",
        ),
        (["add", "empty.csv", "--images", "new"], "empty.csv"),
        (["update", "others.csv", "--images", "new"], "none of its 1 products is in the index. `huse add` adds them"),
        (["remove"], "expected ids of products, or --from FILE, found neither"),
        (["remove", "--from", "empty.csv"], "or --from FILE, found no id to remove in empty.csv"),
        (["remove", "a", "b"], "a: no product of that id, nor of 1 other, is in the index"),
        (["remove", "a"], "a: no product of that id is in the index. `huse search` shows ids."),
        (["remove", "a", "caf\udce9"], "an id: expected UTF-8, found b'caf\\xe9'. Set the terminal to UTF-8"),
        (["search", "caf\udce9"], "the text to look for: expected UTF-8, found b'caf\\xe9'"),
        (["search", "x", "--class", "\udcff<*"], "--class: expected UTF-8, found b'\\xff<*'"),
        (["search", "x", "--where", "name = '\udcff'"], "--where: expected UTF-8"),
        (["remove", "--from", "bytes.txt"], "bytes.txt: cannot be read as a list of ids ("),
        (["remove", "--from", "found.csv"], "found.csv: nobody has decided on its products"),
        (["remove", "--from", "inches.txt"], "nor of 99,999 others, is in the index"),
        (["remove", "--from", "none.txt"], "none.txt: cannot be read as a list of ids"),
    ],
)
def test_what_cannot_be_is_said(shop, arguments, said):
    write("no picture", "bad.jpg")
    write("no picture", "bad.html")
    write("\n".join(f'"{number} inches' for number in range(100_000)), "inches.txt")
    Path("bytes.txt").write_bytes(b"caf\xe9\n")
    write("image,title,classes\n0.jpg,a,b\n", "bad.csv")
    write("", "empty.csv")
    write("group,product,by\n1,a,first\n", "found.csv")
    write("image,name,classes\n0.jpg,never seen,hats\n", "others.csv")
    before = len(index())
    assert said in error(*arguments)
    assert len(index()) == before


def test_more_hits_than_there_can_be_are_refused(shop):
    assert huse("search", "x", "-k", 5_000_000_000).exit_code == 2


def test_signs_that_steer_a_terminal_are_shown_as_text(shop):
    there = index()
    rows = there.rows(f"product = '{shop['name'].iloc[0]}'", embeddings=True)
    embeddings = np.stack(rows.pop("embedding").tolist())
    there.put(rows.drop(columns="key").assign(name="red \x1b[31mhat"), embeddings)
    told = huse("search", shop["name"].iloc[0], "-k", 1).stdout
    assert "\x1b" not in told and "x1b[31mhat" in told


def test_an_index_without_products_says_so(shop):
    there = index()
    there.remove(there.rows("kind = 'products'")["product"].tolist())
    assert huse("search", "x").stdout == "no products are in the index\n"
    assert huse("search", "x", "--class", "hats").stdout.startswith("nothing of that class")


def test_cells_that_the_index_has_as_numbers_are_missed_where_they_are_none(shop, caplog):
    there = index()
    rows = there.rows(embeddings=True)
    embeddings = np.stack(rows.pop("embedding").tolist())
    Index.make(paths.INDEX, [(rows.drop(columns="key").assign(price=5.0), embeddings)], there.about)
    write("image,name,classes,price\n0.jpg,A lamp,home,€20\n1.jpg,B lamp,home,7\n2.jpg,C lamp,home,\n")
    assert huse("add", "new.csv", "--images", "new").exit_code == 0
    assert "new.csv: 1 cell is no number in price, and left empty, first '€20'" in caplog.text
    prices = index().rows("kind = 'products' AND ends_with(name, ' lamp')").set_index("name")["price"]
    assert prices["B lamp"] == 7 and prices[["A lamp", "C lamp"]].isna().all()
    assert "has no column" not in caplog.text
    shown = huse("search", "lamp", "--where", "price > 5", "-k", 1).stdout
    assert " 7 " in shown and "7.0" not in shown  # a whole number, as the table of the shop has it
    write("image,name,classes\n1.jpg,B lamp,home\n")
    assert huse("update", "new.csv", "--images", "new").exit_code == 0
    assert "new.csv: has no column price, which these products have empty then" in caplog.text


def test_what_the_model_has_not_learned_to_read_is_left_out(shop, monkeypatch, caplog):
    monkeypatch.setattr(Model, "knows", lambda self, modality: modality == "text")
    write("image,name,classes\n0.jpg,A lamp,home\n1.jpg,,home\n")
    assert huse("add", "new.csv", "--images", "new").stdout.startswith("1 product added")
    assert caplog.text.count("pictures left out: the model has learned from none") == 1
    write("image,name,classes\n1.jpg,,home\n")
    assert "the model has learned from nothing that its products have" in error("add", "new.csv", "--images", "new")


def test_a_query_of_another_model_is_refused(shop):
    (paths.MODEL / "towers.json").write_text((paths.MODEL / "towers.json").read_text() + " ")
    content = json.loads((paths.MODEL / "config.json").read_text())
    content.pop("config_sha256")
    content["sha256"]["towers.json"] = fingerprint_file(paths.MODEL / "towers.json")
    (paths.MODEL / "config.json").write_text(json.dumps(content))
    assert "data/index: is of another model than the one given" in error("search", "x")


def catalogue(tmp_path, ending="\n"):
    """A catalogue of one product, whose pictures are those to add, and parameters that name it."""
    write_params(tmp_path, {"catalogue": {"csv": "shop.csv", "images": "new"}})
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    old = f"image,name,classes,Unit price{ending}old.jpg,Old hat,hats,1"
    (tmp_path / "shop.csv").write_bytes(old.encode())
    return old


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_is_added_goes_into_the_catalogue_when_asked(shop, tmp_path, ending):
    old = catalogue(tmp_path, ending)
    write('image,name,classes,Unit price\n0.jpg,"A, b",hats,2.5\n1.jpg,"A, b",hats,\n')
    assert "shop.csv" not in huse("add", "new.csv", "--images", "new").stdout
    assert (tmp_path / "shop.csv").read_bytes() == old.encode()
    assert (
        "wrote shop.csv; `dvc repro` learns from them"
        in huse("add", "new.csv", "--images", "new", "--to-catalogue").stdout
    )
    expected = [old, '0.jpg,"A, b",hats,2.5', '1.jpg,"A, b",hats,', ""]
    assert (tmp_path / "shop.csv").read_bytes().decode() == ending.join(expected)
    huse("add", "new.csv", "--images", "new", "--to-catalogue")
    assert (tmp_path / "shop.csv").read_bytes().decode() == ending.join(expected)


def test_cells_come_into_the_catalogue_as_they_are_written(shop, tmp_path):
    catalogue(tmp_path)
    old = "image,name,classes,EAN,key,split\nold.jpg,Old hat,hats,4006381333931,x,train\n"
    (tmp_path / "shop.csv").write_text(old)
    write("image,name,classes,ean,key,price,split\n0.jpg,A hat,hats,0099345678905,K 1,11,test\n")
    assert huse("add", "new.csv", "--images", "new", "--to-catalogue").exit_code == 0
    old += "0.jpg,A hat,hats,0099345678905,K 1,test\n"
    assert (tmp_path / "shop.csv").read_text() == old
    write("image,name,title,classes\n1.jpg,not this,A coat,coats\n")
    done = huse("add", "new.csv", "--images", "new", "--name-column", "title", "--to-catalogue")
    assert done.exit_code == 0, done.exception
    assert (tmp_path / "shop.csv").read_text() == old + "1.jpg,A coat,coats,,,\n"


def test_what_has_a_picture_alone_is_known_by_where_it_lies(shop, tmp_path):
    """So the same file name in two folders is no product that replaces the other."""
    (tmp_path / "newer").mkdir()
    shutil.copy("new/1.jpg", "newer/0.jpg")
    write("image,name,classes\n0.jpg,,hats\n")
    assert "1 added, 0 replaced" in huse("add", "new.csv", "--images", "new").stdout.replace(" product", "")
    assert "1 added, 0 replaced" in huse("add", "new.csv", "--images", "newer").stdout.replace(" product", "")
    assert "0 products added, 1 replaced" in huse("add", "new.csv", "--images", "newer").stdout
    assert index().known([f"{tmp_path}/new/0.jpg", f"{tmp_path}/newer/0.jpg", "0.jpg"]) == {
        f"{tmp_path}/new/0.jpg",
        f"{tmp_path}/newer/0.jpg",
    }


def test_ids_that_the_catalogue_has_not_are_refused_for_it(shop, tmp_path):
    old, before = catalogue(tmp_path), len(index())
    write("sku,image,name,classes\nA1,0.jpg,A hat,hats\n")
    told = error("add", "new.csv", "--images", "new", "--product-column", "sku", "--to-catalogue")
    assert "catalogue.columns.product is null" in told
    assert len(index()) == before and (tmp_path / "shop.csv").read_text() == old
    assert huse("add", "new.csv", "--images", "new", "--product-column", "sku").exit_code == 0


def test_the_catalogue_keeps_its_encoding(shop, tmp_path):
    catalogue(tmp_path)
    content = {"catalogue": {"csv": "shop.csv", "images": "new", "encoding": "cp1252"}}
    write_params(tmp_path, content)
    write("image,name,classes\n0.jpg,Béret,hats\n")
    assert huse("add", "new.csv", "--images", "new", "--to-catalogue").exit_code == 0
    assert (tmp_path / "shop.csv").read_text(encoding="cp1252").splitlines()[-1] == "0.jpg,Béret,hats,"
    write("image,name,classes\n1.jpg,Шапка,hats\n")
    before = len(index())
    told = error("add", "new.csv", "--images", "new", "--to-catalogue")
    assert "cp1252 (catalogue.encoding) has no 'Ш'" in told and len(index()) == before


@pytest.mark.parametrize("text", ["name,classes\nA hat,hats\n", "name,classes,Split\nA hat,hats,\n"])
def test_where_the_catalogue_gives_splits_rows_without_one_are_refused(shop, tmp_path, text):
    content = {"catalogue": {"csv": "shop.csv", "images": "new", "columns": {"image": None, "split": "Split"}}}
    write_params(tmp_path, content)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "shop.csv").write_text("name,classes,Split\nOld hat,hats,train\n")
    write(text.replace("name,", "image,name,").replace("A hat,", "0.jpg,A hat,"))
    before = len(index())
    said = error("add", "new.csv", "--images", "new", "--to-catalogue")
    assert "the catalogue gives every row a split (catalogue.columns.split), and some of these have none" in said
    assert len(index()) == before


def test_what_others_add_to_the_catalogue_meanwhile_stays(shop, tmp_path, monkeypatch):
    catalogue(tmp_path)
    write("image,name,classes\n0.jpg,A hat,hats\n")
    put = Index.put

    def meanwhile(self, *given):
        put(self, *given)
        with (tmp_path / "shop.csv").open("a") as file:
            file.write("\nx.jpg,Of another,hats,2\n")

    monkeypatch.setattr(Index, "put", meanwhile)
    assert huse("add", "new.csv", "--images", "new", "--to-catalogue").exit_code == 0
    assert (tmp_path / "shop.csv").read_text().splitlines()[2:] == ["x.jpg,Of another,hats,2", "0.jpg,A hat,hats,"]


def test_nothing_is_added_between_the_old_index_and_the_new(tiny_pipeline, monkeypatch):
    def seen(folder, *given, **more):
        with pytest.raises(subprocess.CalledProcessError):
            other = "import sys, filelock; filelock.FileLock(sys.argv[1], timeout=0.1).acquire()"
            subprocess.run([sys.executable, "-c", other, folder / LOCK], check=True, capture_output=True)
        looked.append(folder)
        return carried(folder, *given, **more)

    looked = []
    monkeypatch.chdir(tiny_pipeline.root)
    monkeypatch.setattr(stage, "carried", seen)
    stage.main(Run(Path()))
    assert looked == [Path(paths.INDEX)]


def test_pictures_elsewhere_or_a_catalogue_of_another_form_add_nothing(shop, tmp_path):
    catalogue(tmp_path)
    before = len(index())
    write("image,name,classes\n0.jpg,A hat,hats\n")
    (tmp_path / "other").mkdir()
    shutil.copy("new/0.jpg", "other/0.jpg")
    assert "lies outside" in error("add", "new.csv", "--images", "other", "--to-catalogue")
    (tmp_path / "shop.csv").write_text("image;name;classes\n")
    assert "no header whose fields commas separate" in error("add", "new.csv", "--images", "new", "--to-catalogue")
    (tmp_path / "shop.csv").write_bytes("image,name,classes\nx,Béret,hats\n".encode("cp1252"))
    assert "Save it as CSV UTF-8, with commas" in error("add", "new.csv", "--images", "new", "--to-catalogue")
    assert len(index()) == before
