"""Stages that are killed: nothing is half written, and training goes on to the same weights."""

import shutil
import signal
import sys
import time

import pytest

from huse.run import paths
from huse.run.params.reader import read_yaml
from tests.repository import start

pytestmark = pytest.mark.slow

# A stage that keeps its state far more often than it does, so that it can be killed after few steps.
EAGER = """
import runpy, sys
from huse.training import loop
loop.CHECKPOINT_SECONDS = 0.1
runpy.run_module(sys.argv[1], run_name="__main__")
"""

# Parameters with which a stage is surely still at work when it is killed.
SLOW = {
    "sample_catalogue": {"sample_catalogue": {"pictures": 100_000}},
    "image_vectors": {"backbone": {"size": 512}},
}


def start_eager(repository, stage):
    """Start a stage without DVC."""
    return start(repository, sys.executable, "-c", EAGER, f"stages.{stage}")


@pytest.mark.parametrize("stage", SLOW)
def test_a_killed_stage_leaves_no_half_written_output(repository, stage):
    repository.set_params(SLOW[stage])
    outputs = read_yaml(repository.root / "dvc.yaml")["stages"][stage]["outs"]
    before = {name: fingerprint(repository.root / name) for name in outputs}
    process = start_eager(repository, stage)
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
        ("finetune_backbone", {"epochs": 2}, [paths.BACKBONE]),
        ("train", {"steps": 400, "validate_every": 100}, [paths.TOWERS, paths.TEXT_EMBEDDINGS, paths.LIVE / "plots"]),
    ],
)
def test_killed_training_goes_on_and_gives_the_same_weights(repository, stage, changes, outputs):
    repository.set_params({stage: changes})
    assert repository.stage(stage).returncode == 0
    expected = [fingerprint(repository.root / output) for output in outputs]
    checkpoints = repository.root / paths.CACHE / paths.CHECKPOINTS
    shutil.rmtree(checkpoints)  # those of stages that other tests have killed
    process = start_eager(repository, stage)
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


def fingerprint(path):
    """Bytes of a file, or of all files of a folder by name."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return {file.relative_to(path): file.read_bytes() for file in files}
    return path.read_bytes()
