import json
from pathlib import Path

import pytest

from huse.errors import InputError
from huse.run import paths
from tests.commands.conftest import error, huse, write
from tests.experiments.runs.made import tables


def state(accuracy, seed=1, beta=10, split="one"):
    metrics = {"split": split, "classification": {"image": {"accuracy": accuracy}}}
    params = f"seed: 13\ntrain: {{seed: {seed}, beta: {beta}}}\n"
    return {"metrics/validation.json": metrics, "metrics/evaluate.json": metrics, "params.yaml": params}


@pytest.fixture
def experiments(history):
    """Two values of beta, two seeds each, as experiments of a commit."""
    history("base", {"params.yaml": "seed: 13\n"})
    for name, accuracy, seed, beta in (("a", 0.5, 1, 10), ("b", 0.7, 2, 10), ("c", 0.8, 1, 1), ("d", 0.9, 2, 1)):
        history(name, state(accuracy, seed, beta), experiment=name)
    return history


def test_all_experiments_of_the_commit(experiments):
    result = huse("compare", "--output", "out")
    assert result.exit_code == 0, result.exception
    shown = " ".join(result.stdout.split())
    assert "validation split; the baseline: beta 10" in shown
    assert "beta 10 2 60.0 ± 14.1" in shown
    assert "the tables of c, d, a, b are not at hand" in shown  # this repository has no DVC
    content = json.loads(Path("out/compare.json").read_text())
    assert [group["runs"] for group in content["groups"]] == [["a", "b"], ["c", "d"]]
    assert "### Parameters that differ" in Path("out/compare.md").read_text(encoding="utf-8")


def test_the_baseline_comes_first_and_the_workspace_is_a_run(experiments):
    for path, content in state(0.95, beta=3).items():
        write(path, content)
    paths.VALIDATION_ITEMS.parent.mkdir(parents=True)
    run = tables([1, 0])
    run.items.to_parquet(paths.VALIDATION_ITEMS)
    run.queries.to_parquet(paths.VALIDATION_QUERIES)
    shown = huse("compare", "a", "workspace", "--baseline", "c").stdout
    assert "the baseline: beta 1" in shown
    assert "beta 3" in shown
    assert "the tables of workspace" not in shown


def test_what_is_wrong_is_named(experiments):
    assert "nothing: no such revision" in error("compare", "nothing")
    assert "HEAD: expected metrics/validation.json, found none" in error("compare", "HEAD")
    assert "--split training: expected test or validation" in error("compare", "--split", "training")
    assert "workspace: expected metrics/validation.json, found none" in error("compare", "workspace")
    assert huse("compare", "a", "a").exit_code == 0  # named twice is one run
    experiments("copy", state(0.6), experiment="again")
    assert "again and a: found other metrics with the same parameters and seeds" in error("compare", "a", "again")
    damaged = state(0.5, beta=5) | {"metrics/validation.json": "{"}
    experiments("damaged", damaged, experiment="damaged")
    assert "damaged: metrics/validation.json: not valid JSON" in error("compare", "damaged")
    experiments("old", state(0.5, beta=6) | {"metrics/validation.json": {"items": 3}}, experiment="old")
    assert "old: metrics/validation.json: expected metrics and the split's fingerprint" in error("compare", "old")
    experiments("no params", state(0.5, beta=7) | {"params.yaml": "- 1"}, experiment="list")
    assert "list: params.yaml: expected a mapping of sections, found list" in error("compare", "list")
    experiments("next", {})
    assert "no experiments of this commit" in error("compare")
    write("file", "")
    assert isinstance(huse("compare", "a", "c", "--output", "file").exception, OSError | InputError)


def test_outside_of_a_repository(workplace):
    assert "not a git repository" in error("compare")
