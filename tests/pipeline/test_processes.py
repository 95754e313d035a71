"""The stage `train` in several processes: the bytes of one, one message, one exit code."""

import signal
import socket
import sys

import pytest

from huse.run import paths
from tests.pipeline.test_kills import eager, fingerprint
from tests.repository import running_stages, start, wait_until

pytestmark = pytest.mark.slow

OUTPUTS = (paths.TOWERS, paths.TOWERS_CONFIG, paths.IMAGE_EMBEDDINGS.parent, paths.TRAIN_METRICS, paths.LIVE)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node")

OFTEN = """
import os
if "RANK" in os.environ:
    from huse.training import loop
    loop.CHECKPOINT_SECONDS = 0.1
"""


def made(repository):
    return [fingerprint(repository.root / output) for output in OUTPUTS]


def set_processes(repository, processes, **train):
    repository.set_params({"machine": {"processes": processes}, "train": train})


def two_machines():
    """The command of each, both on this one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    where = ("--master-addr", "127.0.0.1", "--master-port", port, "-m", "stages.train")
    return [(*TORCHRUN, "1", "--nnodes", "2", "--node-rank", rank, *where) for rank in "01"]


def test_processes_share_the_work_and_change_no_byte(repository):
    set_processes(repository, 1, shards=4)
    assert repository.repro("train") == ["train"]
    expected = made(repository)
    set_processes(repository, 2)
    assert repository.repro("train") == []
    told = repository.run("dvc", "repro", "--single-item", "--force", "train").stdout
    assert told.count("best at") == 1
    assert "train: 2 processes" in told
    assert made(repository) == expected
    told = repository.run(*TORCHRUN, "4", "-m", "stages.train").stdout
    assert told.count("best at") == 1
    assert made(repository) == expected
    assert not list((repository.root / paths.CACHE / paths.CHECKPOINTS).glob("*.safetensors"))


def test_the_first_of_two_machines_writes(repository, tmp_path):
    """Two starts of torchrun on one machine, each in a folder of its own."""
    set_processes(repository, 1, shards=2)
    assert repository.stage("train").returncode == 0
    expected = made(repository)
    other = repository.copy_to(tmp_path / "other")
    before = made(other)
    first, second = two_machines()
    for output in OUTPUTS[:2]:
        (repository.root / output).unlink()
    process = start(other, *second)
    repository.run(*first)
    assert process.wait() == 0
    assert made(repository) == expected
    assert made(other) == before
    repository.dvc("commit", "--force", "train")
    assert repository.repro("train") == []


def test_machines_with_other_parameters_are_told(repository, tmp_path):
    set_processes(repository, 1, shards=2)
    other = repository.copy_to(tmp_path / "other")
    set_processes(other, 1, beta=11)
    first, second = two_machines()
    process = start(other, *second)
    assert (repository.run(*first, check=False).returncode, process.wait()) == (1, 1)


def test_a_batch_in_one_shard_writes_what_it_always_wrote(repository):
    repository.stage("train")
    assert "shards" not in (repository.root / paths.TOWERS_CONFIG).read_text()
    set_processes(repository, 1, shards=2)
    repository.stage("train")
    assert '"shards": 2' in (repository.root / paths.TOWERS_CONFIG).read_text()


def test_shards_that_do_not_fit_the_processes_stop_before_anything_is_read(repository):
    before = made(repository)
    set_processes(repository, 2)
    found = repository.stage("train")
    assert (found.returncode, found.stdout.count("train.shards: expected a multiple of the 2 processes")) == (2, 1)
    found = repository.run(*TORCHRUN, "2", "-m", "stages.train", check=False)
    assert found.returncode == 1
    assert found.stdout.count("error: params.yaml: train.shards: expected a multiple of the 2 processes") == 1
    assert made(repository) == before


def test_input_that_is_wrong_is_told_once(repository):
    set_processes(repository, 2, shards=2, method="triplet", mixup=0.2)
    found = repository.stage("train")
    assert (found.returncode, found.stdout.count("it classifies nothing")) == (2, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_stage_and_another_number_goes_on(repository, number, monkeypatch):
    set_processes(repository, 1, shards=4, steps=400, validate_every=100)
    assert repository.stage("train").returncode == 0
    expected = made(repository)
    checkpoints = repository.root / paths.CACHE / paths.CHECKPOINTS
    set_processes(repository, 2)
    # The processes that the stage starts keep their state as often.
    (repository.root / "sitecustomize.py").write_text(OFTEN)
    monkeypatch.setitem(repository.environment, "PYTHONPATH", str(repository.root))
    process = start(repository, *eager("stages.train"))
    wait_until(lambda: list(checkpoints.glob("[!.]*.safetensors")), "no state is kept")
    process.send_signal(number)
    process.wait()
    wait_until(lambda: not running_stages(repository), "processes live on")
    (repository.root / "sitecustomize.py").unlink()
    set_processes(repository, 4)
    again = repository.stage("train")
    assert "goes on after step" in again.stdout
    assert made(repository) == expected
