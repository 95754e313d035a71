import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from huse.commands import cli
from huse.evaluation.results import DIRECTIONS, SplitResults
from huse.evaluation.summary import Catalogue, choose, summarise
from huse.evaluation.summary import measure as measure_split
from huse.evaluation.unseen import FIGURES as UNSEEN
from huse.experiments.methods import entries, running
from huse.experiments.methods.entries import Entry
from huse.experiments.methods.running import Runner, compare, with_changes
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products
from huse.run.fitting import Artefacts
from huse.run.params.reader import read_section
from huse.run.params.train import TrainParams
from tests.closure import closure, rooms
from tests.conftest import ROOT

SMALL = {
    "dimension": 8,
    "width": 16,
    "image_layers": 2,
    "batch_size": 24,
    "steps": 40,
    "validate_every": 20,
    "criterion": "all",
}
HUSE = Entry("HUSE", {"method": "huse"}, ({"beta": 1}, {"beta": 10}))


@pytest.fixture
def make_runner(workplace):
    def make(**changes):
        params = with_changes(read_section(TrainParams, "train", ROOT / "params.yaml"), SMALL | changes)
        return Runner(Artefacts.read(), params, torch.device("cpu"), paths.COMPARISON)

    return make


def test_the_best_setting_on_validation_is_measured_with_every_seed(make_runner):
    outcome = make_runner().outcome(HUSE, [1, 2, 3])
    assert len(outcome.tried) == 2
    assert outcome.chosen == HUSE.grid[int(np.argmax(outcome.tried))]
    assert len(outcome.runs) == 3
    assert len({run.figures["embedding.mean.map"] for run in outcome.runs}) > 1


def test_what_has_been_found_is_not_computed_again(make_runner, monkeypatch):
    first = make_runner().outcome(HUSE, [1, 2])
    monkeypatch.setattr(running, "train", None)
    again = make_runner().outcome(HUSE, [1, 2])
    assert again.tried == first.tried
    for one, other in zip(first.runs, again.runs, strict=True):
        assert one.figures == other.figures
        assert one.queries.keys() == other.queries.keys()
        for name, values in one.queries.items():
            assert np.array_equal(values, other.queries[name], equal_nan=True)
    with pytest.raises(TypeError):
        make_runner(steps=60).outcome(HUSE, [1, 2])


def test_other_data_or_code_is_computed_anew(make_runner, monkeypatch):
    make_runner().outcome(HUSE, [1])
    monkeypatch.setattr(running, "train", None)
    monkeypatch.setattr(running, "fingerprint_code", lambda code: "another")
    with pytest.raises(TypeError):
        make_runner().outcome(HUSE, [1])


def test_the_code_of_a_result_is_all_that_is_imported():
    assert {Path(name) for name in running.CODE} == rooms(closure(Path("huse/experiments/methods/running.py")))


def test_a_damaged_result_is_computed_again(make_runner):
    first = make_runner().outcome(HUSE, [1])
    for file in paths.COMPARISON.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:50])
    assert make_runner().outcome(HUSE, [1]).runs[0].figures == first.runs[0].figures


def test_figures_are_those_of_the_evaluation(make_runner, monkeypatch):
    measured = []
    original = running.measure

    def keep(validation, test, class_labels, tree):
        measured.append((validation, test, Catalogue(class_labels, tree, tree.hops.astype(np.float32))))
        return original(validation, test, class_labels, tree)

    monkeypatch.setattr(running, "measure", keep)
    (run,) = make_runner().outcome(Entry("HUSE", {"method": "huse"}, ({"beta": 1},)), [1]).runs
    validation, test, catalogue = measured[0]
    assert isinstance(test, SplitResults)
    summary = summarise(measure_split(test, catalogue, choose(validation, catalogue)), chance=0.0)
    for name in ("image", "text", "fusion"):
        assert run.figures[f"{name}_accuracy"] == pytest.approx(summary["classification"][name]["accuracy"])
    for kind, section in (("embedding", "retrieval"), ("probabilities", "retrieval_by_probabilities")):
        for direction, values in summary[section].items():
            for name in ("recall_at_1", "recall_at_5", "recall_at_10", "map", "hp_at_5", "ahp"):
                assert run.figures[f"{kind}.{direction}.{name}"] == pytest.approx(values[name])
    directions = [run.figures[f"embedding.{way}.map"] for way in DIRECTIONS]
    assert run.figures["embedding.mean.map"] == pytest.approx(np.mean(directions))
    assert run.queries["embedding.map"].mean() == pytest.approx(np.mean(directions), abs=1e-6)


def test_unseen_classes_are_measured_and_not_learned_from(make_runner, workplace):
    assert not any(name.startswith("unseen") for name in make_runner().outcome(HUSE, [1]).runs[0].figures)
    products = pd.read_parquet(paths.PRODUCTS)
    products.loc[products["classes"] == "a<c", "split"] = "unseen"
    rows = fingerprint_products(products)
    with Outputs() as outputs:
        outputs.table(paths.PRODUCTS, products)
        for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS):
            vectors = np.load(path)
            outputs.vectors(path, vectors, rows=rows, parameters={})
    (run,) = make_runner().outcome(HUSE, [1]).runs
    assert set(UNSEEN) == {name.rpartition(".")[2] for name in run.figures if name.startswith("unseen.mean.")}
    assert run.figures["unseen.mean.chance.sibling_at_1"] == pytest.approx(0.5)
    # other vectors of the unseen products change their own figures and no other
    with Outputs() as outputs:
        for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS):
            vectors = np.load(path)
            vectors[..., products["split"] == "unseen", :] *= -7
            outputs.vectors(path, vectors, rows=rows, parameters={})
    (other,) = make_runner().outcome(HUSE, [1]).runs
    for name, value in run.figures.items():
        if not name.startswith("unseen."):
            assert other.figures[name] == value, name
    assert other.figures["unseen.mean.map"] != run.figures["unseen.mean.map"]


def test_the_command_writes_tables_of_the_methods(workplace, monkeypatch):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for name, value in SMALL.items():
        text = "\n".join(
            f"  {name}: {value}" if line.startswith(f"  {name}:") and "null" not in line else line
            for line in text.splitlines()
        )
    (workplace / "params.yaml").write_text(text.replace("device: auto", "device: cpu"), encoding="utf-8")
    result = CliRunner().invoke(
        cli.app, ["methods", "--seeds", "2", "--only", "Separate", "--only", "HUSE", "--output", "out"]
    )
    assert result.exit_code == 0, result.output
    content = json.loads((workplace / "out/methods.json").read_text())
    assert set(content) == {"Separate", "HUSE"}
    assert set(content["Separate"]["difference_to_baseline"]) >= {"fusion_accuracy", "embedding.map"}
    page = (workplace / "out/methods.md").read_text()
    assert "| Separate" in page
    assert page.count("±") > 20


def test_the_command_names_the_methods_it_knows(workplace):
    (workplace / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"))
    result = CliRunner().invoke(cli.app, ["methods", "--only", "nope"])
    assert result.exit_code != 0
    assert "no method of that name; there are: Separate" in str(result.exception)


def test_outcomes_come_one_after_the_other(make_runner):
    other = Entry("Separate", {"method": "separate"}, ({"scale": 16},))
    assert [outcome.entry.name for outcome in compare(make_runner(), [HUSE, other], [1])] == ["HUSE", "Separate"]
    assert entries.BASELINE == "HUSE"
