"""Sweeps as people run them: queued runs, their copies of code and vectors, and what is left after a kill."""

import json
import os
import shutil
import signal
import sys

import pytest

from huse.run import paths
from huse.training.loop import CHECKPOINT_SECONDS
from tests.repository import experiments, running_stages, start, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tiny_pipeline, tmp_path):
    """A pipeline that has run, whose copies share the cache of this one; training keeps its state every half second."""
    copy = tiny_pipeline.copy_to(tmp_path / "repository")
    copy.environment["HUSE_CACHE"] = str(copy.root / paths.CACHE)
    loop = copy.root / "huse/training/loop.py"
    every = f"CHECKPOINT_SECONDS = {CHECKPOINT_SECONDS}"
    assert every in loop.read_text(encoding="utf-8")
    loop.write_text(loop.read_text(encoding="utf-8").replace(every, "CHECKPOINT_SECONDS = 0.5"), encoding="utf-8")
    copy.commit()
    return copy


def start_queue(repository, *options):
    """Start workers, which hold on to what they are given to write to."""
    assert start(repository, "dvc", "queue", "start", *options).wait() == 0


def copies(repository):
    return list((repository.root / ".dvc/tmp/exps").glob("tmp*"))


def checkpoints(repository):
    return list((repository.root / paths.CACHE / paths.CHECKPOINTS).glob("[!.]*.safetensors"))


def test_queued_runs_have_their_own_code_and_compute_no_vector(repository):
    repository.dvc("exp", "run", "--queue", "--set-param=train.seed=1,2", "evaluate")
    later = repository.root / "huse/evaluation/retrieval.py"
    later.write_text(later.read_text(encoding="utf-8") + "\nraise RuntimeError('edited later')\n", encoding="utf-8")
    start_queue(repository, "--jobs", "2")
    wait_until(lambda: repository.dvc("queue", "status").count("Success") == 2, "both runs")
    names = [line.split()[1] for line in repository.dvc("queue", "status").splitlines() if "Success" in line]
    for name in names:
        log = repository.dvc("queue", "logs", name)
        assert "Running stage 'train'" in log
        assert "Stage 'image_vectors' didn't change" in log
        assert "Stage 'text_vectors' didn't change" in log
    wait_until(lambda: not copies(repository), "copies are removed")
    repository.git("checkout", "--quiet", "--", ".")
    assert repository.git("status", "--porcelain") == ""

    shown = json.loads(repository.dvc("exp", "show", "--json"))[1]["experiments"]
    runs = {run["revs"][0]["name"]: run["revs"][0]["data"] for run in shown}
    seeds = {name: run["params"]["params.yaml"]["data"]["train"]["seed"] for name, run in runs.items()}
    assert sorted(seeds.values()) == [1, 2]
    one, other = names
    repository.dvc("exp", "diff", one, other)
    repository.dvc("exp", "apply", one)
    metrics = json.loads((repository.root / paths.EVALUATE_METRICS).read_text())
    assert without_lists(metrics) == runs[one]["metrics"]["metrics/evaluate.json"]["data"]
    assert repository.dvc("status", "--with-deps", "evaluate").strip() == "Data and pipelines are up to date."
    repository.dvc("exp", "branch", other, "kept")
    assert f"seed: {seeds[other]}" in repository.git("show", "kept:params.yaml")


def without_lists(content):
    """What DVC takes for metrics; the words about baselines stand in lists."""
    return {
        name: without_lists(value) if isinstance(value, dict) else value
        for name, value in content.items()
        if not isinstance(value, list)
    }


def huse(repository, *arguments, check=True):
    return repository.run(sys.executable, "-m", "huse", *arguments, check=check)


def test_an_imported_catalogue_runs_temporarily_queued_and_in_place(repository, tmp_path):
    shutil.copytree(repository.root / paths.SAMPLE_IMAGES, tmp_path / "pictures")
    shutil.copy(repository.root / paths.SAMPLE_CSV, tmp_path / "shop.csv")
    columns = [f"--{column}={column}" for column in ("image", "name", "classes")]
    imported = huse(repository, "import", "table", "../shop.csv", "--images=../pictures", *columns, "--apply").stdout
    assert "DVC tracks it, and Git data/imported/table.csv.dvc" in imported
    assert "would lack" not in imported + huse(repository, "check").stdout
    staged = repository.git("diff", "--cached", "--name-only").split()
    assert staged == ["data/imported/.gitignore", "data/imported/table.csv.dvc"]
    repository.dvc("exp", "run", "--temp", "--name=temporary", "catalogue")
    repository.dvc("exp", "run", "--queue", "--name=queued", "--set-param=catalogue.max_rejected=0.5", "catalogue")
    start_queue(repository)
    wait_until(lambda: "Success" in repository.dvc("queue", "status"), "the queued run")
    assert experiments(repository) == ["queued", "temporary"]
    repository.dvc("repro", "catalogue")
    assert "path: data/imported/table.csv" in (repository.root / paths.LOCK).read_text()
    assert repository.dvc("status", "catalogue").strip() == "Data and pipelines are up to date."


def test_a_catalogue_that_copies_lack_is_named_with_what_to_do(repository):
    shop = repository.root / "shop"
    shutil.copytree(repository.root / paths.SAMPLE_IMAGES.parent, shop)
    repository.set_params({"catalogue": {"csv": "shop/catalogue.csv", "images": "shop/images"}})
    refused = huse(repository, "tune", "training", check=False)
    assert refused.returncode == 2
    assert "which would lack:\n- catalogue.csv: shop/catalogue.csv: neither Git nor DVC knows it" in refused.stdout
    lines = [line for line in huse(repository, "check").stdout.splitlines() if "would lack" in line]
    assert len(lines) == 2
    for line in lines:
        repository.run("sh", "-c", line.partition("Run: ")[2])
    assert "would lack" not in huse(repository, "check").stdout
    repository.dvc("exp", "run", "--temp", "--name=temporary", "catalogue")
    assert experiments(repository) == ["temporary"]


def test_a_queue_that_is_killed_leaves_nothing_behind_and_its_run_can_go_on(repository):
    long = ["--set-param=train.steps=2500", "--set-param=train.validate_every=500", "train"]
    repository.dvc("exp", "run", "--queue", *long)
    start_queue(repository)
    wait_until(lambda: checkpoints(repository), "a first state")
    repository.dvc("queue", "stop", "--kill")
    wait_until(lambda: not running_stages(repository), "the stage ends")
    wait_until(lambda: not copies(repository), "copies are removed")
    assert repository.git("status", "--porcelain") == ""
    assert not [name for name in experiments(repository) if not name.startswith("exec")]
    assert len(checkpoints(repository)) == 1
    again = repository.dvc("exp", "run", "--temp", "--name", "again", *long)
    assert "goes on after step" in again
    assert "again" in experiments(repository)
    assert not checkpoints(repository)
    assert not copies(repository)


def test_a_stage_ends_with_the_dvc_that_started_it(repository, tmp_path):
    # A shell that stays between them, as some do.
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\nsh "$@"\nexit\n')
    shell.chmod(0o755)
    repository.set_params({"train": {"steps": 1_000_000}})
    repository.environment["SHELL"] = str(shell)
    dvc = start(repository, "dvc", "repro", "train")
    wait_until(lambda: checkpoints(repository), "a first state")
    (stage,) = running_stages(repository)
    os.kill(dvc.pid, signal.SIGKILL)
    dvc.wait()
    wait_until(lambda: stage not in running_stages(repository), "the stage ends")


def test_a_stage_that_ends_writes_nothing_to_a_copy_that_is_being_removed(repository, tmp_path):
    copy = repository.copy_to(tmp_path / "copy")
    copy.environment["HUSE_CACHE"] = repository.environment["HUSE_CACHE"]
    copy.set_params({"train": {"steps": 1_000_000}})
    stage = start(copy, sys.executable, "-m", "stages.train")
    wait_until(lambda: checkpoints(repository), "a first state")
    stage.send_signal(signal.SIGSTOP)
    for path in copy.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    stage.send_signal(signal.SIGTERM)
    stage.send_signal(signal.SIGCONT)
    stage.wait()
    copy.root.rmdir()  # empty still
