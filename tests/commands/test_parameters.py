import pytest

from huse.commands.parameters import readers
from huse.run.params.reader import read_yaml
from tests.commands.conftest import error, huse
from tests.conftest import ROOT

STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]


@pytest.fixture(autouse=True)
def root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_parameters_of_a_part_are_shown_with_all_that_is_known():
    shown = huse("parameters", "train.graph.sigma").stdout
    for text in ("train.graph.sigma", "or, literal, hinge, full", "products full", "read by: train"):
        assert text in shown
    assert "train.graph.zeta" not in shown
    expected = "params.yaml: expected a parameter whose name has 'learning_speed', found none."
    assert error("parameters", "learning_speed") == expected


def test_the_stages_that_read_a_parameter():
    assert readers("train.graph.zeta", STAGES) == ["train"]
    assert readers("augmentation.rescale", STAGES) == ["finetune_backbone", "image_vectors"]
    assert readers("backbone.network", STAGES) == ["finetune_backbone", "text_vectors", "label_graph"]
    assert readers("backbone.weights", STAGES) == ["finetune_backbone"]
    assert readers("catalogue.images", STAGES) == ["catalogue", "finetune_backbone", "image_vectors", "index"]
    assert readers("machine.workers", STAGES) == []


def test_the_tables_of_the_page_are_those_of_the_command():
    page = (ROOT / "docs/parameters.md").read_text(encoding="utf-8")
    _, _, tables = page.partition("<!-- tables -->\n\n")
    assert tables == huse("parameters", "--markdown").stdout, "run `make docs`"
