"""The whole pipeline, on a tiny sample, in a temporary repository, the way a user runs it."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import huse
from huse.fusion import LogLinear, temper
from huse.run import paths
from huse.run.params.reader import read_yaml
from tests.conftest import ROOT
from tests.pipeline import TINY, Repository

pytestmark = pytest.mark.pipeline

STAGES = list(read_yaml(ROOT / "dvc.yaml")["stages"])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A repository in which everything has run once and is committed."""
    folder = tmp_path_factory.mktemp("pipeline")
    repository = Repository.create(folder / "one", folder / "site")
    assert set(repository.repro()) == set(STAGES)
    repository.commit()
    return repository


@pytest.fixture
def repository(base):
    """The same repository, put back afterwards."""
    yield base
    base.git("checkout", "--quiet", "--", ".")
    base.dvc("checkout", "--force")


def test_a_second_repro_runs_nothing(repository):
    assert repository.repro() == []
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert repository.git("status", "--porcelain") == ""


def assert_is_what_the_stages_computed(root, elsewhere):
    """Hold a copy of the model against embeddings and fused scores of the test split."""
    products = pd.read_parquet(root / paths.PRODUCTS)
    rows = np.flatnonzero(products["split"] == "test")
    folder = Path(read_yaml(root / "params.yaml")["catalogue"]["images"])
    pictures = [root / folder / image for image in products["image"].iloc[rows]]
    names = products["name"].iloc[rows].tolist()
    model = huse.load(shutil.copytree(root / paths.MODEL, elsewhere))
    assert model.classes == sorted(set(products["classes"]))
    for found, path in (
        (model.encode_images(pictures), paths.IMAGE_EMBEDDINGS),
        (model.encode_texts(names), paths.TEXT_EMBEDDINGS),
    ):
        np.testing.assert_allclose(found, np.load(root / path)[rows], atol=1e-5)
    metrics = json.loads((root / paths.EVALUATE_METRICS).read_text())["classification"]
    right = model.class_probabilities(pictures, names).argmax(axis=1) == products["class_index"].iloc[rows]
    assert right.mean() in (metrics["fusion"]["accuracy"], metrics["log_linear"]["accuracy"])
    validation = json.loads((root / paths.VALIDATION_METRICS).read_text())["classification"]["log_linear"]
    choices = LogLinear(**{name: validation[name] for name in LogLinear.__dataclass_fields__})
    image, text = (np.load(root / path)[rows] for path in (paths.IMAGE_SCORES, paths.TEXT_SCORES))
    np.testing.assert_allclose(model.class_probabilities(pictures), temper(image, choices.image_temperature), atol=1e-5)
    np.testing.assert_allclose(
        model.class_probabilities(texts=names), temper(text, choices.text_temperature), atol=1e-5
    )


def test_the_model_is_what_the_stages_computed(base, tmp_path):
    assert_is_what_the_stages_computed(base.root, tmp_path / "somewhere else")


def test_the_artefacts_are_as_described(base):
    products = pd.read_parquet(base.root / paths.PRODUCTS)
    columns = ["row", "image", "name", "classes", "class_index", "split", "group"]
    assert list(products.columns)[:7] == columns
    count, classes = len(products), products["classes"].nunique()
    assert products["row"].tolist() == list(range(count))
    assert (products.groupby("group")["split"].nunique() == 1).all()
    assert (products.groupby(products["name"].str.casefold())["split"].nunique() == 1).all()
    names = pd.read_parquet(base.root / paths.NAMES)
    assert names["row"].tolist() == products["row"].tolist()
    expected = {
        paths.IMAGE_VECTORS: (1, count, 512),
        paths.TEXT_VECTORS: (count, 16),
        paths.LABEL_VECTORS: (classes, 64),
        paths.ADJACENCY: (classes, classes),
        paths.IMAGE_EMBEDDINGS: (count, 32),
        paths.TEXT_EMBEDDINGS: (count, 32),
        paths.IMAGE_SCORES: (count, classes),
        paths.TEXT_SCORES: (count, classes),
    }
    for path, shape in expected.items():
        array = np.load(base.root / path, allow_pickle=False)
        assert (array.shape, array.dtype) == (shape, np.float32), path
    for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS):
        assert np.linalg.norm(np.load(base.root / path), axis=1) == pytest.approx(1, abs=1e-5)
    metrics = json.loads((base.root / paths.EVALUATE_METRICS).read_text())
    assert metrics["items"] == (products["split"] == "test").sum()
    assert metrics["classification"]["fusion"]["accuracy"] > metrics["classification"]["chance"]["accuracy"]
    for direction in ("image_to_image", "image_to_text", "text_to_image", "text_to_text"):
        values = metrics["retrieval"][direction]
        assert values["recall_at_1"] <= values["recall_at_5"] <= values["recall_at_10"]
        assert values["recall_at_10"] > values["chance"]["recall_at_10"]


def test_another_clone_at_another_path_gives_the_same_hashes(tiny_pipeline, tmp_path):
    other = Repository.create(tmp_path / "a place with spaces" / "two", tmp_path / "site")
    other.set_params(TINY)
    other.repro()
    assert other.hashes() == tiny_pipeline.hashes()
    for name in (paths.EVALUATE_METRICS, paths.TRAIN_METRICS, paths.LIVE / "plots/metrics/loss.tsv"):
        assert (other.root / name).read_bytes() == (tiny_pipeline.root / name).read_bytes()


def test_a_change_reruns_what_it_touches_and_the_run_cache_takes_it_back(repository):
    repository.set_params({"train": {"beta": 3.0}})
    assert repository.repro() == ["train", "evaluate", "report"]
    repository.git("checkout", "--quiet", "--", "params.yaml")
    assert repository.repro() == []  # nothing runs: taken from the run cache, metrics and plots too
    assert repository.git("status", "--porcelain") == ""


def test_a_text_rule_leaves_the_image_vectors_alone(repository):
    repository.set_params({"preprocess_text": {"fold_accents": False}})
    ran = repository.repro()
    assert ran[0] == "preprocess_text"
    assert {"text_vectors", "train", "evaluate"} <= set(ran)
    assert "image_vectors" not in ran
    assert "catalogue" not in ran


def test_a_comment_in_an_evaluation_module_does_not_retrain(repository):
    module = repository.root / "huse/evaluation/retrieval.py"
    module.write_text(module.read_text(encoding="utf-8") + "# A remark.\n", encoding="utf-8")
    assert repository.repro() == ["evaluate"]


def test_experiments_metrics_and_plots(repository):
    output = repository.dvc("exp", "run", "--name", "no-gap", "--set-param", "train.gamma=0")
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
        "Accuracy on the validation split",
        "Classes of the test split",
    ):
        assert title in page


def test_the_report_is_a_plot_and_the_only_one_that_dvc_cannot_load(repository):
    assert (repository.root / "metrics/report.html").is_file()
    shown = repository.run("dvc", "plots", "show", "--json").stdout
    plots = json.loads(shown[shown.index("{") :])
    assert {error["name"] for error in plots["errors"]} == {"metrics/report.html"}
    drawn = {name for name, versions in plots["data"].items() if versions}
    assert {"metrics/confusion.csv", "metrics/confused_pairs.csv", "metrics/label_graph.png"} <= drawn


def test_a_run_elsewhere_uses_the_snapshot_of_the_code(repository):
    """An installed package must not shadow the experiment's own copy."""
    stage = repository.root / "huse/evaluation/retrieval.py"
    stage.write_text(stage.read_text(encoding="utf-8") + "\nprint('SNAPSHOT', __file__)\n", encoding="utf-8")
    output = repository.dvc("exp", "run", "--temp", "--name", "elsewhere")
    line = next(line for line in output.splitlines() if "SNAPSHOT" in line)
    assert "/.dvc/tmp/exps/" in line


# Parameters with which a stage is surely still at work when it is killed.
SLOW = {
    "sample_catalogue": {"sample_catalogue": {"pictures": 100_000}},
    "finetune_backbone": {"finetune_backbone": {"epochs": 1000, "patience": 1000}},
    "image_vectors": {"backbone": {"size": 512}},
    "train": {"train": {"steps": 1_000_000}},
}


def start(repository, stage):
    """Start a stage without DVC, silently."""
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=repository.root,
        env=repository.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("stage", SLOW)
def test_a_killed_stage_leaves_no_half_written_output(repository, stage):
    repository.set_params(SLOW[stage])
    outputs = read_yaml(repository.root / "dvc.yaml")["stages"][stage]["outs"]
    before = {name: fingerprint(repository.root / name) for name in outputs}
    process = start(repository, stage)
    if stage == "sample_catalogue":  # it writes picture by picture: kill it in the middle of that
        drawn = (repository.root / paths.SAMPLE_IMAGES).with_name(".partial-images")
        while not drawn.is_dir() or len(list(drawn.iterdir())) < 50:
            assert process.poll() is None
            time.sleep(0.01)
    else:
        time.sleep(4)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert {name: fingerprint(repository.root / name) for name in outputs} == before
    repository.git("checkout", "--quiet", "--", "params.yaml")
    assert repository.stage(stage).returncode == 0
    assert {name: fingerprint(repository.root / name) for name in outputs} == before


@pytest.mark.parametrize(
    ("stage", "changes", "outputs"),
    [
        ("finetune_backbone", {"epochs": 3}, [paths.BACKBONE]),
        ("train", {"steps": 6000, "validate_every": 1000}, [paths.TOWERS, paths.TEXT_EMBEDDINGS, paths.LIVE / "plots"]),
    ],
)
def test_killed_training_goes_on_and_gives_the_same_weights(repository, stage, changes, outputs):
    repository.set_params({stage: changes})
    assert repository.stage(stage).returncode == 0
    expected = [fingerprint(repository.root / output) for output in outputs]
    checkpoints = repository.root / paths.CHECKPOINTS
    shutil.rmtree(checkpoints)  # those of stages that other tests have killed
    process = start(repository, stage)
    while not list(checkpoints.glob("[!.]*.safetensors")):  # the first state that it keeps
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = repository.stage(stage)
    assert again.returncode == 0
    assert "goes on after step" in again.stdout
    assert [fingerprint(repository.root / output) for output in outputs] == expected
    assert not list(checkpoints.glob("*.safetensors"))


def test_a_second_run_on_the_same_checkpoints_is_refused(repository):
    repository.set_params({"finetune_backbone": {"epochs": 1000, "patience": 1000}})
    shutil.rmtree(repository.root / paths.CHECKPOINTS)
    first = start(repository, "finetune_backbone")
    try:
        while not list((repository.root / paths.CHECKPOINTS).glob("*.lock")):
            assert first.poll() is None
            time.sleep(0.01)
        second = repository.stage("finetune_backbone")
        assert second.returncode == 2
        assert "another process trains with these parameters and data" in second.stdout
    finally:
        first.kill()
        first.wait()


def fingerprint(path):
    """Bytes of a file, or of all files of a folder by name."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return {file.relative_to(path): file.read_bytes() for file in files}
    return path.read_bytes()


def test_vectors_of_other_products_are_refused(repository):
    """Rows are never mixed up: a catalogue in another order stops training until the vectors are made again."""
    place = repository.root / paths.PRODUCTS
    place.unlink()
    products = pd.read_parquet(repository.root / ".dvc/cache" / cached(repository, paths.PRODUCTS))
    products = products.iloc[::-1].reset_index(drop=True)
    products["row"] = range(len(products))
    products.to_parquet(place, index=False)
    for stage in ("train", "evaluate"):
        result = repository.stage(stage)
        assert result.returncode == 2
        assert "made for other products or another row order" in result.stdout


def cached(repository, path):
    """Place of an output in the cache, which may be linked: the working copy must not be written through."""
    md5 = dict(repository.hashes()["catalogue"])[str(path)]
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def test_the_order_in_which_files_are_listed_changes_no_figure(base, tmp_path):
    """The pictures' files renamed, and so listed in another order: every row keeps its own picture."""
    other = Repository.create(tmp_path / "renamed", tmp_path / "site")
    folder = other.root / "pictures"
    folder.mkdir()
    lines = (base.root / paths.SAMPLE_CSV).read_text(encoding="utf-8").splitlines()
    renamed = [lines[0]]
    for number, line in enumerate(lines[1:]):
        image, rest = line.split(",", 1)
        name = f"{(number * 7919) % 10007:05d}{image[-4:]}"
        (folder / name).write_bytes((base.root / paths.SAMPLE_IMAGES / image).read_bytes())
        renamed.append(f"{name},{rest}")
    (other.root / "own.csv").write_text("\n".join(renamed) + "\n", encoding="utf-8")
    other.set_params({"catalogue": {"csv": "own.csv", "images": "pictures"}})
    other.repro("evaluate")
    for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS, paths.IMAGE_EMBEDDINGS):
        assert (other.root / path).read_bytes() == (base.root / path).read_bytes(), path
    one, two = (json.loads((each.root / paths.EVALUATE_METRICS).read_text()) for each in (base, other))
    assert one.pop("split") != two.pop("split")  # products go by their pictures' names
    assert one == two
