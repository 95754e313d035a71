"""Stages that are killed: nothing is half written, and training goes on to the same weights."""

import shutil
import signal
import sys
import time

import pytest

from huse.run import paths
from tests.repository import start

pytestmark = pytest.mark.slow

# A stage that keeps its state far more often than it does, so that it can be killed after few steps.
EAGER = """
import runpy, sys
from huse.training import loop
loop.CHECKPOINT_SECONDS = 0.1
runpy.run_module(sys.argv[1], run_name="__main__")
"""


def start_eager(repository, stage):
    """Start a stage without DVC."""
    return start(repository, sys.executable, "-c", EAGER, f"stages.{stage}")


def test_a_killed_stage_leaves_no_half_written_output(repository):
    """One that writes picture by picture, killed in the middle of that."""
    repository.set_params({"sample_catalogue": {"pictures": 100_000}})
    outputs = [repository.root / path for path in (paths.SAMPLE_CSV, paths.SAMPLE_IMAGES)]
    before = [fingerprint(output) for output in outputs]
    process = start_eager(repository, "sample_catalogue")
    drawn = outputs[1].with_name(f".partial-{process.pid}-images")
    while not drawn.is_dir() or len(list(drawn.iterdir())) < 50:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [fingerprint(output) for output in outputs] == before
    repository.git("checkout", "--quiet", "--", "params.yaml")
    assert repository.stage("sample_catalogue").returncode == 0
    assert [fingerprint(output) for output in outputs] == before


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
