"""A tuning in which every trial is a real experiment of DVC; and runs beside each other, as DVC keeps them."""

import json
import signal
import subprocess
import sys

import optuna
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from huse.commands import cli
from huse.run import paths
from tests.repository import experiments, running_stages, wait_until

pytestmark = pytest.mark.slow

RANGES = """\
metrics: [retrieval.mean.map, classification.image.accuracy]
parameters:
  train.learning_rate: {low: 0.0002, high: 0.005, log: true}
  train.dropout: {low: 0.0, high: 0.5}
"""


@pytest.fixture(scope="module")
def base(tiny_pipeline, tmp_path_factory):
    """A tiny pipeline that has run, and ranges that are no part of it."""
    folder = tmp_path_factory.mktemp("tune")
    (folder / "own.yaml").write_text(RANGES, encoding="utf-8")
    return tiny_pipeline.copy_to(folder / "repository")


def huse(repository, *arguments):
    return repository.run(sys.executable, "-m", "huse", *arguments)


def metrics_by_trial(repository, name="own"):
    """The trials that ended well, as Optuna keeps them, without the working tree's values."""
    storage = f"sqlite:///{repository.root / paths.TUNING / name / 'study.sqlite'}"
    trials = optuna.load_study(study_name="tuning", storage=storage).trials
    return {trial.user_attrs["experiment"]: trial.value for trial in trials[1:] if trial.value is not None}


def test_a_tuning_that_is_ended_twice_goes_on_and_leaves_the_working_tree_alone(base, monkeypatch):
    ranges = str(base.root.parent / "own.yaml")
    deaf = ["sh", "-c", 'trap "" INT && exec "$@"', "sh"]  # as a script's background jobs are
    command = [*deaf, sys.executable, "-m", "huse", "tune", ranges, "--trials", "2"]
    for number, ending in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
        log = base.root / paths.TUNING / f"own/own-{number:04d}.log"
        process = subprocess.Popen(command, cwd=base.root, env=base.environment, stdout=subprocess.PIPE, text=True)
        wait_until(lambda log=log: log.exists() and "Running stage 'train'" in log.read_text(), "training")
        process.send_signal(ending)
        process.communicate(timeout=60)
        assert process.returncode != 0
        wait_until(lambda: not running_stages(base), "the stage ends")
        assert experiments(base) == [f"own-{each:04d}" for each in range(1, number)]
    assert list(metrics_by_trial(base)) == ["own-0001"]
    monkeypatch.chdir(base.root)
    with FileLock(base.root / paths.TUNING / "own/lock"):
        refused = CliRunner().invoke(cli.app, ["tune", ranges]).exception
    assert "another process runs this tuning" in str(refused)

    shown = huse(base, "tune", ranges, "--trials", "2").stdout
    trials = metrics_by_trial(base)
    assert experiments(base) == ["own-0001", "own-0002"]
    for name, metric in trials.items():
        metrics = json.loads(base.git("show", f"refs/exps/{here(base)}/{name}:metrics/validation.json"))
        found = (metrics["retrieval"]["mean"]["map"] + metrics["classification"]["image"]["accuracy"]) / 2
        assert metric == pytest.approx(found, abs=1e-12)
        assert f"{metric:.4f}" in shown
        log = (base.root / paths.TUNING / f"own/{name}.log").read_text()
        assert "Running stage 'train'" in log
        assert "Running stage 'image_vectors'" not in log
    assert base.git("status", "--porcelain") == ""
    best = max(trials, key=trials.get)
    assert f"dvc exp apply {best}" in shown or "no trial is better" in shown


def here(repository):
    commit = repository.git("rev-parse", "HEAD").strip()
    return f"{commit[:2]}/{commit[2:]}"


def test_runs_are_compared_product_by_product_from_what_dvc_keeps(base, tmp_path):
    base.dvc("exp", "run", "--temp", "--name=other", "--set-param=train.beta=0", "evaluate")
    shown = huse(base, "compare", "HEAD", "other", "--baseline", "HEAD", "--output", str(tmp_path / "out")).stdout
    assert "are not at hand" not in shown
    content = json.loads((tmp_path / "out/compare.json").read_text())
    one, other, *_ = content["groups"]  # and the baselines
    assert (one["runs"], other["runs"]) == (["HEAD"], ["other"])
    interval = other["difference_to_baseline"]["retrieval.mean.map"]
    assert interval["low"] <= interval["mean"] <= interval["high"]
    means = [group["metrics"]["retrieval.mean.map"]["mean"] for group in (one, other)]
    assert interval["mean"] == pytest.approx(means[1] - means[0], abs=1e-9)
