"""What runs again after a change, and what another place, an experiment or another order of the files gives."""

import json

import pytest

from huse.run import paths
from huse.run.place import Run
from tests.pipeline.in_process import ALL, STAGES, write_params
from tests.repository import SMALL, TINY, Repository

pytestmark = pytest.mark.slow


def test_dvc_runs_every_stage_and_at_another_path_gives_the_same_bytes(tiny_pipeline, tmp_path):
    repository = Repository.create(tmp_path / "a place with spaces", tmp_path / "site")
    repository.set_params(TINY)
    here = Run(repository.root)
    assert set(repository.repro()) == set(ALL)
    made = [path for folder in ("data", "metrics") for path in (here / folder).rglob("*") if path.is_file()]
    by_chance = {here.cache, here / paths.INDEX}  # the files of an index have names by chance
    files = [path.relative_to(here.root) for path in made if by_chance.isdisjoint(path.parents)]
    assert [name for name in files if (here / name).read_bytes() != (tiny_pipeline.root / name).read_bytes()] == []
    assert {paths.SAMPLE_CSV, paths.MODEL / "config.json", paths.REPORT} <= set(files)


def test_a_change_reruns_what_it_touches_and_the_run_cache_takes_it_back(repository):
    repository.set_params({"train": {"beta": 3.0}})
    assert repository.repro() == ["train", "evaluate", "model", "index", "report"]
    repository.git("checkout", "--quiet", "--", "params.yaml")
    assert repository.repro() == []  # nothing runs: taken from the run cache, metrics and plots too
    assert repository.git("status", "--porcelain") == ""


def test_a_text_rule_leaves_the_image_vectors_alone(repository):
    repository.set_params({"preprocess_text": {"fold_accents": False}})
    ran = repository.repro("text_vectors", "image_vectors")
    assert (ran[0], ran[-1]) == ("preprocess_text", "text_vectors")
    assert not {"image_vectors", "catalogue"} & set(ran)


def test_a_class_tree_that_is_edited_in_place_is_measured_again(repository):
    here = Run(repository.root)
    classes = json.loads((here / paths.CLASSES).read_text(encoding="utf-8"))["classes"]
    found = []
    for parents in ("ab", "a"):  # two groups of classes, then one, in which all classes are as near
        rows = [f"{path},{parents[place % len(parents)]}" for place, path in enumerate(classes)]
        (here / "tree.csv").write_text("\n".join(["child,parent", *rows]), encoding="utf-8")
        repository.set_params({"evaluate": {"tree": "tree.csv"}})
        assert repository.repro() == ["evaluate", "model", "report"]  # the model answers by its class paths as before
        assert repository.repro() == []
        assert "up to date" in repository.dvc("status")
        found.append(json.loads((here / paths.EVALUATE_METRICS).read_text(encoding="utf-8"))["retrieval"])
    assert found[0]["mean"]["map"] == found[1]["mean"]["map"]
    assert found[0]["mean"]["ahp"] != found[1]["mean"]["ahp"]


def test_a_comment_in_what_comes_after_training_does_not_retrain(repository):
    for name in ("huse/evaluation/retrieval.py", "huse/use/card.py", "huse/report/page.py", "huse/commands/cli.py"):
        module = repository.root / name
        module.write_text(module.read_text(encoding="utf-8") + "# A remark.\n", encoding="utf-8")
    assert repository.repro() == ["evaluate", "model", "index", "report"]


def test_experiments_metrics_and_plots(repository):
    output = repository.dvc("exp", "run", "--name", "no-gap", "--set-param", "train.gamma=0", "evaluate")
    assert "no-gap" in output
    shown = json.loads(repository.dvc("exp", "show", "--json"))
    experiment = shown[1]["experiments"][0]["revs"][0]
    assert experiment["name"] == "no-gap"
    assert experiment["data"]["params"]["params.yaml"]["data"]["train"]["gamma"] == 0
    assert "classification" in experiment["data"]["metrics"]["metrics/evaluate.json"]["data"]
    difference = json.loads(repository.dvc("metrics", "diff", "--json"))
    assert "gap" in difference["metrics/train.json"] or "best.gap" in difference["metrics/train.json"]
    plots = repository.dvc("plots", "diff", "--out", "dvc_plots", "HEAD")
    assert "index.html" in plots
    page = (repository.root / "dvc_plots/index.html").read_text(encoding="utf-8")
    for title in (
        "Terms of the loss",
        "Semantic graph, picture and name",
        "Accuracy on the val",
        "Classes of the test",
    ):
        assert title in page


def test_a_run_elsewhere_uses_the_snapshot_of_the_code(repository):
    """An installed package must not shadow the experiment's own copy."""
    stage = repository.root / "huse/evaluation/retrieval.py"
    stage.write_text(stage.read_text(encoding="utf-8") + "\nprint('SNAPSHOT', __file__)\n", encoding="utf-8")
    output = repository.dvc("exp", "run", "--temp", "--name", "elsewhere")
    line = next(line for line in output.splitlines() if "SNAPSHOT" in line)
    assert "/.dvc/tmp/exps/" in line


def test_the_order_in_which_files_are_listed_changes_no_metric(base, tmp_path):
    """The pictures' files renamed, and so listed in another order: every row keeps its own picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    lines = (base.root / paths.SAMPLE_CSV).read_text(encoding="utf-8").splitlines()
    renamed = [lines[0]]
    for number, line in enumerate(lines[1:]):
        image, rest = line.split(",", 1)
        name = f"{(number * 7919) % 10007:05d}{image[-4:]}"
        (folder / name).write_bytes((base.root / paths.SAMPLE_IMAGES / image).read_bytes())
        renamed.append(f"{name},{rest}")
    (tmp_path / "own.csv").write_text("\n".join(renamed) + "\n", encoding="utf-8")
    write_params(tmp_path, SMALL, TINY, {"catalogue": {"csv": "own.csv", "images": "pictures"}})
    for stage in STAGES:
        stage.main(Run(tmp_path))
    for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS, paths.IMAGE_EMBEDDINGS):
        assert (tmp_path / path).read_bytes() == (base.root / path).read_bytes(), path
    one, two = (json.loads((root / paths.EVALUATE_METRICS).read_text()) for root in (base.root, tmp_path))
    assert one.pop("split") != two.pop("split")  # products go by their pictures' names
    assert one == two
