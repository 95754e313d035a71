import shutil

import pytest
from typer.testing import CliRunner

from huse.commands import cli
from huse.errors import InputError
from tests.conftest import ROOT

RUNNER = CliRunner()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with parameters, in which no pipeline has run."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(*arguments):
    found = RUNNER.invoke(cli.app, ["tune", *arguments]).exception
    assert isinstance(found, InputError), found
    return str(found)


def test_the_ranges_that_come_with_it_are_listed(workplace):
    assert RUNNER.invoke(cli.app, ["tune"]).stdout.split() == ["training"]


def test_what_is_wrong_is_named(workplace):
    assert "no ranges 'width'; there are: training" in error("width")
    assert "mine.yaml: not found" in error("mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [a.b]\nparameters: {train.depth: {low: 1, high: 2}}\n")
    assert "mine.yaml: parameters.train.depth: params.yaml has no such parameter" in error("mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [\n")
    assert "mine.yaml: not valid YAML" in error("mine.yaml")
    assert "--name ../x: expected letters" in error("training", "--name", "../x")
    assert "evaluate: not up to date" in error("training")
    (workplace / "params.yaml").unlink()
    assert "params.yaml: not found" in error("training")
