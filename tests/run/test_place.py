import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from huse.commands import cli
from huse.errors import InputError
from huse.run import paths
from huse.run.place import Run
from stages import sample_catalogue
from tests.closure import imported
from tests.conftest import ROOT

# What knows where a run is; everything below is given numbers, arrays and folders.
EDGE = ("huse.run", "huse.experiments", "huse.commands")
PLACES = re.compile(r'\bcwd\(|\bgetcwd\(|\bchdir\(|Path\("(data|metrics|params)\b')


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with the map and the parameters of the pipeline, and the working directory two folders below it."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    below = tmp_path / "notes/today"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path


def test_a_run_is_found_from_a_folder_below_it(repository, monkeypatch):
    here = Run.find()
    assert str(here / paths.PRODUCTS) == "../../data/catalogue/products.parquet"  # as a user there names it
    assert (here.root.resolve(), here.seed()) == (repository, 13)
    monkeypatch.chdir(repository)
    assert str(Run.find() / paths.PRODUCTS) == "data/catalogue/products.parquet"
    (repository / "dvc.yaml").unlink()
    assert Run.find() == Run(Path())  # no run: what reads a file says so


def test_commands_work_in_a_folder_below(repository):
    runner = CliRunner()
    checked = runner.invoke(cli.app, ["check"])
    assert checked.exit_code == 0, checked.exception
    missing = runner.invoke(cli.app, ["metrics"]).exception
    assert str(missing) == "../../metrics/evaluate.json: not found. Run `dvc repro` to make it."
    (repository / "pictures").mkdir()
    Image.new("RGB", (8, 8)).save(repository / "pictures/a.png")
    pd.DataFrame({"pic": ["a.png"], "title": ["Hat"], "kind": ["hats"]}).to_csv("own.csv", index=False)
    options = ("--images", "../../pictures", "--image", "pic", "--name", "title", "--classes", "kind", "--apply")
    result = runner.invoke(cli.app, ["import", "table", "own.csv", *options])
    assert result.exit_code == 0, result.exception
    assert (repository / paths.IMPORTED / "table.csv").is_file()
    text = (repository / paths.PARAMS).read_text(encoding="utf-8")
    assert "csv: data/imported/table.csv " in text and "images: pictures " in text


def test_the_cache_is_where_the_environment_says_when_a_run_is_made(tmp_path, monkeypatch):
    assert Run(tmp_path).cache == tmp_path / "data/cache"
    monkeypatch.setenv("HUSE_CACHE", "elsewhere")
    assert Run(tmp_path).cache == tmp_path / "elsewhere"
    monkeypatch.setenv("HUSE_CACHE", "/of/all")
    assert str(Run(tmp_path).cache) == "/of/all"


def test_a_path_of_the_parameters_goes_there_and_back(repository):
    here = Run.find()
    for name in ("own.csv", "/pictures"):
        assert here.named(here / name) == name
    assert here.named(here / "../pictures") == str(repository.parent / "pictures")  # in a copy `..` is elsewhere


def test_two_runs_in_one_process_do_not_meet(tmp_path):
    runs = [Run(tmp_path / "one"), Run(tmp_path / "other")]
    for seed, here in enumerate(runs):
        here.root.mkdir()
        text = f"seed: {seed}\nsample_catalogue: {{pictures: 100, size: 32}}\n"
        (here / paths.PARAMS).write_text(text, encoding="utf-8")
        assert sample_catalogue.main(here).startswith("sample_catalogue: 10")
    first = [(here / paths.SAMPLE_CSV).read_bytes() for here in runs]
    assert first[0] != first[1]
    sample_catalogue.main(runs[0])
    assert [(here / paths.SAMPLE_CSV).read_bytes() for here in runs] == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_the_model_of_the_run_itself_is_no_earlier_one(tmp_path):
    here = Run(tmp_path)
    for named in ("data/model", "data/../data/model/", str(tmp_path / "data" / "model")):
        with pytest.raises(InputError, match=r"the folder that this run writes to.*name the copy"):
            here.model(named)
    assert here.model("data/previous-model") == tmp_path / "data" / "previous-model"


def test_only_the_edge_knows_where_a_run_is():
    for path in sorted((ROOT / "huse").rglob("*.py")):
        file = path.relative_to(ROOT)
        if f"huse.{file.parts[1]}" in EDGE or file == Path("huse/__main__.py"):
            continue
        above = [name for name in imported(file) if name.startswith(EDGE)]
        assert (above, PLACES.findall(path.read_text(encoding="utf-8"))) == ([], []), file


def test_only_the_place_asks_for_the_working_directory():
    asking = [
        path.relative_to(ROOT).as_posix()
        for room in ("huse", "stages", "sample")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"\bcwd\(|\bgetcwd\(|\bchdir\(", path.read_text(encoding="utf-8"))
    ]
    assert asking == ["huse/run/place.py"]
