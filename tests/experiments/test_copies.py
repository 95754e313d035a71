"""What the copies lack in which DVC runs queued and temporary experiments, as Git says it, and one line on each."""

import shutil
from pathlib import Path

import pytest

from huse.experiments.copies import lacking
from huse.run.params.editing import set_values
from huse.run.place import Run
from tests.conftest import ROOT


@pytest.fixture
def shop(history):
    """A committed repository with a catalogue that `params.yaml` names; and a function that says what copies lack."""
    here = Path.cwd()
    for name in ("params.yaml", "dvc.yaml", ".gitignore"):
        shutil.copy(ROOT / name, here)
    history("begin", {})

    def lacks(csv, images="/"):
        set_values(Path("params.yaml"), {"catalogue": {"csv": csv, "images": images}})
        if not Path(csv).exists():
            Path(csv).parent.mkdir(parents=True, exist_ok=True)
            Path(csv).touch()
        return lacking(Run(Path()))

    lacks.git = history.git
    return lacks


def test_the_sample_absolute_paths_and_what_git_knows_are_in_a_copy(shop):
    assert shop("data/sample/catalogue.csv", "data/sample/images") == []
    assert shop(str(Path("shop/a.csv").absolute())) == []
    shop("shop/a.csv")
    shop.git("add", "shop/a.csv")
    assert shop("shop/a.csv", "shop") == []  # staged is enough
    Path("shop/b.png").touch()
    (line,) = shop("shop/a.csv", "shop")
    assert line.startswith(
        "catalogue.images: shop: neither Git nor DVC knows it. Run: dvc add shop && git add shop.dvc"
    )


def test_a_file_that_dvc_tracks_is_in_a_copy_once_git_knows_its_pointer(shop):
    (line,) = shop("shop/a.csv")
    command = "git add shop/a.csv.dvc shop/.gitignore"
    assert line == f"catalogue.csv: shop/a.csv: neither Git nor DVC knows it. Run: dvc add shop/a.csv && {command}"
    Path("shop/.gitignore").write_text("/a.csv\n")
    Path("shop/a.csv.dvc").touch()
    assert shop("shop/a.csv") == [f"catalogue.csv: shop/a.csv: Git does not know its .dvc file. Run: {command}"]
    shop.git("add", "shop")
    assert shop("shop/a.csv") == []


def test_what_dvc_cannot_add_is_named_by_its_absolute_path(shop, tmp_path):
    (line,) = shop("data/shop/a.csv")  # where Git looks at nothing
    assert line.endswith(f"Git ignores it. Give its absolute path: {tmp_path}/data/shop/a.csv")
    (line,) = shop("../a.csv")
    assert line.endswith(f"is another one in a copy. Give its absolute path: {tmp_path.parent}/a.csv")


def test_the_earlier_model_that_a_training_goes_on_from_is_asked_for(shop, tmp_path):
    (tmp_path / "data/last").mkdir(parents=True)
    Path("data/last/config.json").touch()
    set_values(Path("params.yaml"), {"train": {"start": "data/last"}, "text_vectors": {"start": "data/last"}})
    remedy = f"data/last: Git ignores it. Give its absolute path: {tmp_path}/data/last"
    assert shop("data/sample/catalogue.csv") == [f"text_vectors.start: {remedy}", f"train.start: {remedy}"]


def test_without_git_there_are_no_copies(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert lacking(Run(tmp_path)) == []
