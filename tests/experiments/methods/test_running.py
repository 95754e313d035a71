import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from huse.commands import cli
from huse.engine.work import ENGINES
from huse.evaluation.results import DIRECTIONS
from huse.evaluation.splits import EvaluationSettings
from huse.evaluation.unseen import METRICS as UNSEEN
from huse.experiments.methods import running
from huse.experiments.methods.entries import Entry
from huse.experiments.methods.running import Runner, with_changes
from huse.experiments.methods.untrained import measure_untrained
from huse.nesting import flatten
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products
from huse.run.params.editing import set_values
from huse.run.params.reader import read_section
from huse.run.params.train import TrainParams
from tests.closure import closure, rooms
from tests.conftest import ROOT
from tests.engine.elsewhere import elsewhere

SMALL = {"dimension": 8, "width": 16, "image_layers": 2, "batch_size": 24, "steps": 40, "validate_every": 20}
HUSE = Entry("HUSE", {"method": "huse"}, ({"beta": 1}, {"beta": 10}))


@pytest.fixture
def make_runner(here):
    def make(evaluation=EvaluationSettings(), **changes):  # noqa: B008
        params = with_changes(read_section(TrainParams, "train", ROOT / "params.yaml"), SMALL | changes)
        return Runner(here, params, torch.device("cpu"), evaluation)

    return make


def test_the_best_setting_on_validation_is_measured_with_every_seed(make_runner):
    outcome = make_runner().outcome(HUSE, [1, 2, 3])
    settings, scores = zip(*outcome.tried, strict=True)
    assert settings == HUSE.grid
    assert outcome.chosen == HUSE.grid[int(np.argmax(scores))]
    assert len(outcome.runs) == 3
    assert len({run.metrics["retrieval.mean.map"] for run in outcome.runs}) > 1


def test_what_has_been_found_is_not_computed_again(make_runner, monkeypatch):
    first = make_runner().outcome(HUSE, [1, 2])
    monkeypatch.setattr(running, "train", None)
    again = make_runner().outcome(HUSE, [1, 2])
    assert again.tried == first.tried
    for one, other in zip(first.runs, again.runs, strict=True):
        assert one.metrics == other.metrics
        pd.testing.assert_frame_equal(one.items.items, other.items.items)
        pd.testing.assert_frame_equal(one.items.queries, other.items.queries)
    with pytest.raises(TypeError):
        make_runner(steps=60).outcome(HUSE, [1, 2])


def test_what_is_trained_elsewhere_gives_the_same_bytes(make_runner, monkeypatch, here):
    entries = [HUSE, Entry("other", {"method": "huse_p"}, ({},))]
    expected = [make_runner().outcome(entry, [1, 2]) for entry in entries]
    shutil.rmtree(here.cache)
    done = []

    def spread(work, batches):
        assert work.checkpoints is not None and batches
        done.append(len(batches))
        return elsewhere(work, batches)

    runner = make_runner()
    runner.have_trained(entries, [1, 2], spread)
    assert done == [3, 2]  # every setting; then the second seed of the best
    assert not list((here.cache / paths.COMPARISON / "checkpoints").glob("*"))
    monkeypatch.setattr(running, "train", None)
    for entry, before in zip(entries, expected, strict=True):
        after = runner.outcome(entry, [1, 2])
        assert (after.chosen, after.tried) == (before.chosen, before.tried)
        for one, other in zip(after.runs, before.runs, strict=True):
            assert one.metrics == other.metrics
            pd.testing.assert_frame_equal(one.items.items, other.items.items, check_exact=True)
            pd.testing.assert_frame_equal(one.items.queries, other.items.queries, check_exact=True)


def test_other_data_or_code_is_computed_anew(make_runner, monkeypatch):
    make_runner().outcome(HUSE, [1])
    monkeypatch.setattr(running, "train", None)
    monkeypatch.setattr(running, "fingerprint_code", lambda code: "another")
    with pytest.raises(TypeError):
        make_runner().outcome(HUSE, [1])


def test_metrics_are_on_the_tree_that_is_named_as_those_of_the_baselines(make_runner, here):
    (here / "tree.csv").write_text("child,parent\nb,one\nc,two\ne,one\n", encoding="utf-8")
    entry = Entry("HUSE", {"method": "huse"}, ({"beta": 1},))
    usual, other = (
        make_runner(EvaluationSettings(**named)).outcome(entry, [1]).runs[0].metrics
        for named in ({}, {"tree": "tree.csv"})
    )
    assert usual["retrieval.mean.map"] == other["retrieval.mean.map"]
    assert usual["retrieval.mean.ahp"] != other["retrieval.mean.ahp"]


def test_a_method_that_needs_pairs_is_left_out_where_there_are_none(make_runner, here):
    pairs, others = Entry("AdaMine", {"method": "adamine", "sampler": "pairs"}, ({},)), HUSE
    assert make_runner().can_learn(pairs) and make_runner().can_learn(others)
    products = pd.read_parquet(here / paths.PRODUCTS).assign(name="")
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
        for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS):
            outputs.vectors(here / path, np.load(here / path), rows=fingerprint_products(products), parameters={})
    assert not make_runner().can_learn(pairs) and make_runner().can_learn(others)


def test_the_code_of_a_result_is_all_that_is_imported():
    assert {Path(name) for name in running.CODE} == rooms(closure(Path("huse/experiments/methods/running.py")))


@pytest.mark.parametrize("ending", [".json", ".items.parquet", ".queries.parquet"])
def test_a_damaged_result_is_computed_again(make_runner, here, ending):
    first = make_runner().outcome(HUSE, [1])
    for file in (path for path in (here.cache / paths.COMPARISON).iterdir() if path.name.endswith(ending)):
        file.write_bytes(file.read_bytes()[:50])
    assert make_runner().outcome(HUSE, [1]).runs[0].metrics == first.runs[0].metrics


def test_metrics_are_those_of_the_test_split_and_follow_the_mean_over_items(make_runner, monkeypatch):
    """They are measured by the function that the stage `evaluate` measures by, on what the network says."""
    measured = []
    original = running.measure_splits

    def keep(results, *arguments, **options):
        measured.append((results, original(results, *arguments, **options)))
        return measured[-1][1]

    monkeypatch.setattr(running, "measure_splits", keep)
    (run,) = make_runner().outcome(Entry("HUSE", {"method": "huse"}, ({"beta": 1},)), [1]).runs
    results, (_, test) = measured[0]
    assert len(results.classes) == 90
    assert test.rows.tolist() == list(range(69, 90))
    for name in ("image", "text", "fusion"):
        assert run.items.items[f"correct_{name}"].mean() == pytest.approx(
            run.metrics[f"classification.{name}.accuracy"]
        )
    assert run.metrics == {path: value for path, value in flatten(test.metrics) if not isinstance(value, str)}
    assert {f"retrieval_by_probabilities.{way}.hp_at_5" for way in ("mean", *DIRECTIONS)} <= run.metrics.keys()
    directions = [run.metrics[f"retrieval.{way}.map"] for way in DIRECTIONS]
    assert run.metrics["retrieval.mean.map"] == pytest.approx(np.mean(directions))
    assert run.items.queries["average_precision"].mean() == pytest.approx(np.mean(directions), abs=1e-6)


def test_unseen_classes_are_measured_and_not_learned_from(make_runner, here):
    assert not any(name.startswith("unseen") for name in make_runner().outcome(HUSE, [1]).runs[0].metrics)
    products = pd.read_parquet(here / paths.PRODUCTS)
    products.loc[products["classes"] == "a<c", "split"] = "unseen"

    def found(factor):
        """The run after the vectors of the unseen products are multiplied."""
        with Outputs() as outputs:
            outputs.table(here / paths.PRODUCTS, products)
            for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS):
                vectors = np.load(here / path)
                vectors[..., products["split"] == "unseen", :] *= factor
                outputs.vectors(here / path, vectors, rows=fingerprint_products(products), parameters={})
        (run,) = make_runner().outcome(HUSE, [1]).runs
        return run

    run = found(1)
    assert set(UNSEEN) == {name.rpartition(".")[2] for name in run.metrics if name.startswith("unseen.mean.")}
    assert run.metrics["unseen.mean.chance.sibling_at_1"] == pytest.approx(0.5)
    other = found(-7)  # changes their own metrics and no other
    for name, value in run.metrics.items():
        if not name.startswith("unseen."):
            assert other.metrics[name] == value, name
    assert other.metrics["unseen.mean.map"] != run.metrics["unseen.mean.map"]


def test_the_command_writes_tables_of_the_methods(here, monkeypatch):
    monkeypatch.chdir(here.root)
    shutil.copy(ROOT / "params.yaml", here.root)
    set_values(here / paths.PARAMS, {"train": SMALL, "machine": {"device": "cpu"}})
    result = CliRunner().invoke(
        cli.app, ["methods", "--seeds", "2", "--only", "Separate", "--only", "HUSE", "--output", "out"]
    )
    assert result.exit_code == 0, result.output
    content = json.loads((here / "out/methods.json").read_text())
    separate, own, regression, correlation = content["groups"]
    assert (separate["label"], own["label"], own["baseline"]) == ("Separate", "HUSE", True)
    assert set(content["choices"]) == {"Separate", "HUSE"}
    found = separate["difference_to_baseline"]["classification.fusion.accuracy"]
    means = [group["metrics"]["classification.fusion.accuracy"]["mean"] for group in (separate, own)]
    assert found["low"] <= found["mean"] <= found["high"]
    assert found["mean"] == pytest.approx(means[0] - means[1])
    assert "retrieval.mean.map" in separate["difference_to_baseline"]
    assert regression["label"] == "logistic regression" and len(regression["runs"]) == 1
    assert 0.8 < regression["metrics"]["classification.image.accuracy"]["mean"] <= 1  # the vectors tell the classes
    assert {"retrieval.mean.map", "classification.text.accuracy"} <= set(regression["difference_to_baseline"])
    assert correlation["label"] == "CCA"
    assert set(correlation["difference_to_baseline"]) >= {"retrieval.mean.map", "retrieval.image_to_text.map"}
    assert not any(path.startswith("classification") for path in correlation["difference_to_baseline"])
    assert "beside the baseline" in result.output
    page = (here / "out/methods.md").read_text()
    assert "| Separate" in page
    assert page.count("±") > 20


def test_the_command_has_trainings_done_by_the_engine_and_writes_the_same(here, monkeypatch):
    monkeypatch.chdir(here.root)
    shutil.copy(ROOT / "params.yaml", here.root)
    set_values(here / paths.PARAMS, {"train": SMALL, "machine": {"device": "cpu"}})
    command, made, done = ["methods", "--seeds", "2", "--only", "HUSE", "--output", "out"], [], []

    @contextmanager
    def far(machine):
        def spread(work, batches):
            batches = list(batches)
            done.append((type(work).__name__, len(batches)))
            return elsewhere(work, batches)

        yield spread

    monkeypatch.setitem(ENGINES, "ray", far)
    for engine in ("local", "ray"):
        set_values(here / paths.PARAMS, {"machine": {"engine": engine}})
        shutil.rmtree(here.cache, ignore_errors=True)
        result = CliRunner().invoke(cli.app, command)
        assert result.exit_code == 0, result.output
        made.append([(here / "out" / name).read_bytes() for name in ("methods.json", "methods.md")])
        assert done == ([] if engine == "local" else [("Trials", 4)])  # the second seed alone is done here
    assert made[0] == made[1]


def test_without_baselines_none_is_measured(here):
    shutil.copy(ROOT / "params.yaml", here.root)
    set_values(here / paths.PARAMS, {"evaluate": {"baselines": 0}})
    assert measure_untrained(here) == {}


def test_the_command_names_the_methods_it_knows():
    result = CliRunner().invoke(cli.app, ["methods", "--only", "nope"])
    assert result.exit_code != 0
    assert "no method of that name; there are: Separate" in str(result.exception)
