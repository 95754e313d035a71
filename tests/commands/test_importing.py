import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.catalogue.headers import Headers
from huse.catalogue.importing.entries import Imported
from huse.catalogue.reading import read_catalogue
from huse.commands import cli
from huse.run import paths
from huse.run.params.all import check_params
from tests.catalogue.importing.conftest import fashion, folders, food101  # noqa: F401  fixtures
from tests.catalogue.importing.layouts import make_wikipedia
from tests.commands.conftest import error, huse
from tests.conftest import ROOT
from tests.repository import Repository


def test_an_import_says_what_it_found_and_what_to_write(workplace, fashion):  # noqa: F811
    result = huse("import", "fashion", fashion)
    assert result.exit_code == 0
    for text in (
        "left out: 2",
        "kept in part: 1",
        "1 × no picture, kept by its name, the first: styles.csv line 9, 201.jpg",
        "repaired: 1",
        "wrote data/imported/fashion.csv",
        "csv: data/imported/fashion.csv",
        f"images: {fashion}/images",
    ):
        assert text in " ".join(result.stdout.split())
    assert (workplace / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()
    assert len(pd.read_csv(paths.IMPORTED / "fashion.csv")) == 8
    odd = pd.read_csv(paths.IMPORTED / "fashion.rejected.csv")
    assert odd["action"].tolist() == ["left out"] * 2 + ["kept in part", "repaired"]
    assert ("no picture, kept by its name", "styles.csv line 9, 201.jpg") in set(
        zip(odd["reason"], odd["where"], strict=True)
    )


def test_too_much_that_cannot_be_used_stops_it(workplace, fashion):  # noqa: F811
    assert "30% of the rows cannot be used as they are (1 × " in error(
        "import", "fashion", fashion, "--max-left-out", "0.2"
    )
    assert not (workplace / paths.IMPORTED).exists()


def test_it_is_applied_and_every_layout_after_another_as_well(workplace, fashion, food101, folders):  # noqa: F811
    huse("import", "food101", food101, "--apply")
    catalogue = check_params(paths.PARAMS)["catalogue"]
    assert (catalogue.csv, catalogue.columns.split) == ("data/imported/food101.csv", "split")
    huse("import", "folders", folders, "--apply", "--output", "own.csv")
    catalogue = check_params(paths.PARAMS)["catalogue"]
    assert (catalogue.csv, catalogue.images, catalogue.columns.split) == ("own.csv", str(folders), None)
    assert paths.PARAMS.read_text().count("#") == (ROOT / "params.yaml").read_text().count("#")


def test_features_and_pictures_of_them_stand_beside_the_catalogue(workplace):
    result = huse("import", "wikipedia", make_wikipedia(workplace / "set"), "--apply")
    assert result.exit_code == 0, result.output
    sections = check_params(paths.PARAMS)
    assert sections["backbone"].network == "given:data/imported/wikipedia.images.parquet"
    assert (sections["backbone"].weights, sections["finetune_backbone"].epochs) == (None, 0)
    assert sections["text_vectors"].given.file == "data/imported/wikipedia.texts.parquet"
    pictures = Path(sections["catalogue"].images)
    assert len(list(pictures.iterdir())) == 84
    assert len(pd.read_parquet(paths.IMPORTED / "wikipedia.texts.parquet")) == 84
    said = huse("import", "wikipedia", "set", "--force").stdout
    assert "  given:\n    file: data/imported/wikipedia.texts.parquet" in said


@pytest.mark.slow
def test_published_features_go_through_the_pipeline(tmp_path):
    """Features that tell the category: each modality finds the other."""
    repository = Repository.create(tmp_path / "repository", tmp_path / "site")
    data = make_wikipedia(tmp_path / "set")
    repository.run("python", "-m", "huse", "import", "wikipedia", str(data), "--apply")
    repository.repro("evaluate")
    metrics = json.loads((repository.root / paths.EVALUATE_METRICS).read_text())
    assert metrics["items"] == 24
    found = metrics["retrieval"]["image_to_text"]
    assert found["map"] > found["chance"]["map"] + 0.1
    assert metrics["baselines"]["correlation"]["retrieval"]["image_to_text"]["map"] > found["chance"]["map"]


def test_what_is_there_is_not_replaced_unasked(workplace, fashion):  # noqa: F811
    huse("import", "fashion", fashion)
    for name in ("fashion.csv", "fashion.rejected.csv"):
        assert f"data/imported/{name}: is there already" in error("import", "fashion", fashion)
        (paths.IMPORTED / name).unlink()
    for options in ([], ["--force"]):
        assert huse("import", "fashion", fashion, *options).exit_code == 0
    assert "expected the name of a CSV" in error("import", "fashion", fashion, "--output", "x.txt")


@pytest.mark.parametrize("read", ["shop.csv", "other.csv", "feed.xml.csv", "google.csv"])
def test_what_was_read_is_never_replaced(workplace, read):
    rows = {
        "shop.csv": "id,title\n1,Cap\n",
        "other.csv": "id,kind\n1,Hats\n",
        "feed.xml.csv": "<rss><item><id>1</id><kind>Hats</kind></item></rss>",
        "google.csv": "# Google_Product_Taxonomy_Version: 1\n1 - Hats\n",
    }
    for name, content in rows.items():
        (workplace / name).write_text(content)
    other = "other.csv" if read == "shop.csv" else read
    on, kind = ("id=google_product_category", "taxonomy") if read == "google.csv" else ("id", "kind")
    options = ("--join", other, "--on", on, "--name", "title", "--classes", kind, "--force", "--output")
    reason = f"{read}: is what was imported, and would be lost"
    assert reason in error("import", "table", "shop.csv", *options, workplace / read)
    assert (workplace / read).read_text() == rows[read]
    assert huse("import", "table", "shop.csv", *options, "new.csv").exit_code == 0


def test_captions_are_never_replaced(workplace, folders):  # noqa: F811
    for read, output in (("own.csv", "own.csv"), ("own.rejected.csv", "own.csv")):
        (workplace / read).write_text("image,caption\ncap.jpg,Cap\n")
        options = ("--captions", read, "--output", output, "--force")
        assert f"{read}: is what was imported" in error("import", "folders", folders, *options)
        assert (workplace / read).read_text() == "image,caption\ncap.jpg,Cap\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("README.md/x.csv", "README.md: File exists. Move the file"),
        ("README.md/deep/x.csv", "README.md/deep: Not a directory. Move the file"),
        ("/proc/x.csv", "/proc/x.csv: cannot be written (No such file or directory). Give"),
        ("/proc/deep/x.csv", "/proc/deep/x.csv: cannot be written (No such file or directory). Give"),
    ],
)
def test_a_place_that_takes_no_file_is_said_in_one_line(workplace, monkeypatch, capsys, output, said):
    (workplace / "README.md").write_text("title,kind\nCap,Hats\n")
    options = ["--name", "title", "--classes", "kind", "--output", output]
    monkeypatch.setattr("sys.argv", ["huse", "import", "table", "README.md", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == (2 if "cannot be written" in said else 1)
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_pictures_whose_path_is_not_utf8_are_left_out_and_said(workplace, folders):  # noqa: F811
    for place in (b"caps/caf\xe9_1.jpg", b"r\xeaves/1.jpg", b"caps/caf\xe9.txt", "hats/café.jpg".encode()):
        path = folders / os.fsdecode(place)
        path.parent.mkdir(exist_ok=True)
        shutil.copy(folders / "hats/cap.jpg", path)
    done = huse("import", "folders", folders, "--output", "own.csv")
    assert done.exit_code == 0, done.exception
    assert "the path is not UTF-8, rename it" in done.output and "caps/caf\ufffd" in done.output
    assert "hats/café.jpg" in pd.read_csv("own.csv")["image"].tolist()
    left_out = pd.read_csv("own.rejected.csv").query("action == 'left out'")
    assert left_out["where"].tolist() == ["caps/caf\ufffd_1.jpg", "r\ufffdves/1.jpg"]


def test_a_table_by_options(workplace, folders):  # noqa: F811
    (workplace / "shop.tsv").write_text("pic\ttitle\ta\tb\nhats/cap.jpg\tCap\tHats\tCaps\n")
    result = huse(
        "import", "table", "shop.tsv", "--images", folders, "--image", "pic", "--name", "title", "--classes", "a",
        "--classes", "b", "--delimiter", "\t",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    table = pd.read_csv(paths.IMPORTED / "table.csv")
    assert table.to_numpy().tolist() == [["hats/cap.jpg", "Cap", "Hats<Caps"]]


def test_names_alone_leave_the_picture_folder_as_it_is(workplace):
    (workplace / "names.csv").write_text("title,kind\nCap,Hats\n")
    said = huse("import", "table", "names.csv", "--name", "title", "--classes", "kind", "--apply").stdout
    assert "rows with a name only 1; see catalogue.missing" in " ".join(said.split())
    catalogue = check_params(paths.PARAMS)["catalogue"]
    assert (catalogue.csv, catalogue.images) == ("data/imported/table.csv", "data/sample/images")


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="<"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("imported")
    imported = Imported(folder)
    for number, (name, level) in enumerate(rows):
        imported.add(f"line {number}", f"{number}.jpg", name, ["all", level])
    if not imported.rows:
        return
    path = folder / "catalogue.csv"
    path.write_text(imported.table().to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    read = read_catalogue(path, Headers({"image": "image", "name": "name", "classes": "classes"}))
    assert read.rejected == []
    assert [(row.image, row.name, row.classes) for row in read.rows] == [row[:3] for row in imported.rows]


@pytest.mark.slow
def test_a_kept_split_goes_through_the_stage(food101, tmp_path):  # noqa: F811
    repository = Repository.create(tmp_path / "repository", tmp_path / "site")
    result = repository.run("python", "-m", "huse", "import", "food101", str(food101), "--apply")
    assert "split, kept" in result.stdout
    assert repository.repro("catalogue") == ["catalogue"]
    products = pd.read_parquet(repository.root / paths.PRODUCTS)
    of_test = products["image"].str.startswith("test/")
    assert (products.loc[of_test, "split"] == "test").all()
    assert set(products.loc[~of_test, "split"]) == {"train", "validation"}


def test_a_forgotten_separator_is_said(workplace):
    (workplace / "shop.csv").write_text("title,kind\nCap,Hats > Caps\nHat,Hats > Hats\nMug,Home/Kitchen\n")
    said = huse("import", "table", "shop.csv", "--name", "title", "--classes", "kind").stdout
    assert "3 of 3 classes have one level and contain a mark that may separate levels (2 × >, 1 × /)" in said
    assert "`huse import table --separator '>'` writes such a catalogue" in said
    said = huse("import", "table", "shop.csv", "--name", "title", "--classes", "kind", "--separator", ">", "--force")
    assert "1 of 3 classes has one level" in said.stdout


def test_a_wrong_folder_of_pictures_stops_it_though_the_rows_have_names(workplace):
    (workplace / "empty").mkdir()
    (workplace / "shop.csv").write_text("photo,title,kind\na.jpg,Cap,Hats\nb.jpg,Hat,Hats\n")
    options = ("import", "table", "shop.csv", "--images", "empty", "--image", "photo", "--name", "title", "--classes")
    assert "empty: 100% of the rows cannot be used as they are (2 × no picture, kept by its name" in error(
        *options, "kind"
    )
    said = huse(*options, "kind", "--max-left-out", "1").stdout
    assert "kept in part: 2" in said
    assert "2 × no picture, kept by its name, the first: shop.csv line 2, a.jpg" in said
