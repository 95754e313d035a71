"""Processes that are killed at random: outputs are whole or as before, and the next run gives the same bytes."""

import shutil
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from huse.run import paths
from huse.run.params.reader import read_yaml
from huse.use.index import Index
from tests.faults import ENDINGS, many
from tests.repository import ROOT, running_stages, start, wait_until

pytestmark = pytest.mark.slow

# A process that keeps its state far more often than it does, so that it can be killed after few steps or products.
EAGER = """
import runpy, sys
from huse.training import loop
from huse.use import index
loop.CHECKPOINT_SECONDS, index.COMMIT = 0.1, 10
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
STAGES = read_yaml(ROOT / paths.MAP)["stages"]
LONGER = {"finetune_backbone": {"epochs": 2}, "train": {"steps": 400, "validate_every": 100}}


def eager(module, *arguments):
    return [sys.executable, "-c", EAGER, module, *arguments]


def run_timed(repository, command):
    before = time.monotonic()
    repository.run(*command)
    return time.monotonic() - before


def end_at_random(process, draw, seconds):
    """End a process within some seconds by one of three ways, and return which; None: it had ended by itself."""
    time.sleep(draw.uniform(0.1, 0.8) * seconds)
    if process.poll() is not None:
        return None
    how = draw.choice(list(ENDINGS))
    for number in ENDINGS[how]:
        process.send_signal(number)
        time.sleep(0.05)
    process.wait()
    return how


def fingerprint(path):
    """Bytes of a file, or of all files of a folder by name; of an index, its rows; None where nothing is."""
    if path.name == "index" and path.is_dir():
        rows = Index.open(path).rows(embeddings=True)
        rows["embedding"] = [embedding.tobytes() for embedding in rows["embedding"]]
        return rows.sort_values(["key", "embedding"]).to_csv(index=False)
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return {file.relative_to(path): file.read_bytes() for file in files}
    return path.read_bytes() if path.exists() else None


def outputs_of(stage):
    """The outputs of a stage as the map has them, and the index; not the curves, which grow while it trains."""
    declared = [each for kind in ("outs", "metrics", "plots") for each in STAGES[stage].get(kind, [])]
    outputs = [Path(each if isinstance(each, str) else next(iter(each))) for each in declared]
    return [output for output in outputs if output != paths.LIVE] + [paths.INDEX] * (stage == "index")


def left_over(repository):
    return [path for place in ("data", "metrics") for path in (repository.root / place).rglob(".partial-*")]


def make_old(path):
    """Put something else where an output lies."""
    if path.is_dir():
        shutil.rmtree(path)
        path.mkdir()
        path /= "old"
    path.write_bytes(b"old")
    return fingerprint(path.parent if path.name == "old" else path)


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_leaves_outputs_as_before_or_whole(repository, stage, tally):
    if stage in LONGER:
        repository.set_params({stage: LONGER[stage]})
    outputs = [repository.root / output for output in outputs_of(stage)]
    cache = repository.root / paths.CACHE
    shutil.rmtree(cache, ignore_errors=True)
    seconds = run_timed(repository, eager(f"stages.{stage}"))
    expected = [fingerprint(output) for output in outputs]
    draw = np.random.default_rng(list(STAGES).index(stage))
    for _ in range(many(1, 20)):
        shutil.rmtree(cache, ignore_errors=True)
        # The index carries what was added to it.
        old = [
            whole if output.name == "index" else make_old(output)
            for output, whole in zip(outputs, expected, strict=True)
        ]
        how = end_at_random(start(repository, *eager(f"stages.{stage}")), draw, seconds)
        for output, before, whole in zip(outputs, old, expected, strict=True):
            assert fingerprint(output) in (before, whole), (output, how)
        again = repository.run(*eager(f"stages.{stage}"))
        assert again.returncode == 0
        for output, whole in zip(outputs, expected, strict=True):
            assert fingerprint(output) == whole, output
        assert left_over(repository) == []
        if how:
            tally(f"killed: the stage `{stage}`", how)


@pytest.mark.parametrize(
    ("stage", "outputs"),
    [
        ("finetune_backbone", [paths.BACKBONE]),
        ("train", [paths.TOWERS, paths.TEXT_EMBEDDINGS, paths.LIVE / "plots"]),
    ],
)
def test_killed_training_goes_on_and_gives_the_same_weights(repository, stage, outputs):
    repository.set_params({stage: LONGER[stage]})
    assert repository.stage(stage).returncode == 0
    expected = [fingerprint(repository.root / output) for output in outputs]
    checkpoints = repository.root / paths.CACHE / paths.CHECKPOINTS
    shutil.rmtree(checkpoints)  # those of stages that other tests have killed
    process = start(repository, *eager(f"stages.{stage}"))
    while not list(checkpoints.glob("[!.]*.safetensors")):  # the first state that it keeps
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert fingerprint(repository.root / outputs[0]) == expected[0]
    again = repository.stage(stage)
    assert again.returncode == 0
    assert "goes on after step" in again.stdout
    assert [fingerprint(repository.root / output) for output in outputs] == expected
    assert not list(checkpoints.glob("*.safetensors"))


@pytest.mark.faults
def test_a_killed_run_goes_on_and_ends_with_the_same_lock(repository, tally):
    """DVC alone is killed; the stage that it has started must end with it."""
    repository.set_params({"train": {"dropout": 0.3}})
    whole = repository.root / "whole.lock"
    lock = repository.root / paths.LOCK
    before = lock.read_bytes()
    seconds = run_timed(repository, ["dvc", "repro", "--no-run-cache"])
    shutil.move(lock, whole)
    draw = np.random.default_rng(1)
    for _ in range(many(1, 20)):
        lock.write_bytes(before)
        repository.dvc("checkout", "--force", "--quiet")
        how = end_at_random(start(repository, "dvc", "repro", "--no-run-cache"), draw, seconds)
        wait_until(lambda: not running_stages(repository), "the stage ends")
        repository.dvc("repro", "--no-run-cache")
        assert outs(lock) == outs(whole) and left_over(repository) == []
        if how:
            tally("killed: `dvc repro`", how)
    whole.unlink()


def outs(lock):
    return {name: stage.get("outs") for name, stage in read_yaml(lock)["stages"].items() if name != "report"}


@pytest.fixture
def new_products(repository):
    """A table of sixty new products with pictures of the sample; the index is that of the model."""
    assert repository.stage("index").returncode == 0
    products = pd.read_parquet(repository.root / paths.PRODUCTS).head(60)
    new = products[["image", "name", "classes"]].assign(
        name=[f"{name} no {n}" for n, name in enumerate(products["name"])]
    )
    new.to_csv(repository.root / "new.csv", index=False)
    yield new
    shutil.rmtree(repository.root / paths.INDEX)
    repository.stage("index")


@pytest.mark.faults
def test_a_killed_add_has_whole_products_alone_and_the_next_one_ends_it(repository, new_products, tally):
    index = repository.root / paths.INDEX
    before = repository.root / "before"
    shutil.rmtree(before, ignore_errors=True)
    shutil.copytree(index, before)
    catalogue = fingerprint(index).splitlines()
    command = eager("huse", "add", "new.csv", "--images", "data/sample/images")
    seconds = run_timed(repository, command)
    expected = fingerprint(index).splitlines()
    assert len(expected) == len(catalogue) + 3 * len(new_products)
    draw = np.random.default_rng(2)
    for _ in range(many(2, 30)):
        shutil.rmtree(index)
        shutil.copytree(before, index)
        how = end_at_random(start(repository, *command), draw, seconds)
        there = fingerprint(index).splitlines()
        assert set(catalogue) <= set(there) <= set(expected)
        assert set(Index.open(index).rows("origin = 'added'")["product"].value_counts()) <= {3}
        repository.run(*command)
        assert fingerprint(index).splitlines() == expected
        if how:
            tally("killed: `huse add`", how)
    shutil.rmtree(before)


@pytest.mark.faults
@pytest.mark.skipif(find_spec("ray") is None, reason="ray, the extra `ray`, is not installed")
def test_a_killed_run_on_ray_gives_the_same_bytes_by_the_next_one(repository, tally):
    import ray

    output = repository.root / paths.IMAGE_VECTORS
    expected = fingerprint(output)
    cache = repository.root / paths.CACHE
    repository.set_params({"machine": {"engine": "ray"}})
    repository.environment["PYTHONPATH"] = str(Path(ray.__file__).parent.parent)
    try:
        shutil.rmtree(cache, ignore_errors=True)
        seconds = run_timed(repository, eager("stages.image_vectors"))
        draw = np.random.default_rng(3)
        left = many(1, 20)
        while left:
            shutil.rmtree(cache, ignore_errors=True)
            old = make_old(output)
            how = end_at_random(start(repository, *eager("stages.image_vectors")), draw, seconds)
            assert fingerprint(output) in (old, expected)
            repository.run(*eager("stages.image_vectors"))
            assert fingerprint(output) == expected and left_over(repository) == []
            if how:
                tally("killed: a run on Ray", how)
                left -= 1
            else:
                seconds *= 0.8  # the first run read Ray from the disk, and took longer than those after it
    finally:
        del repository.environment["PYTHONPATH"]
