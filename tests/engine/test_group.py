"""A group of one; what several processes do is tested with training, in `tests.training.test_shards`."""

import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

from huse.engine.group import ALONE, in_group, joined
from huse.engine.launching import launch

CPU = torch.device("cpu")
LEAVES = """
import pathlib, torch
from huse.engine.group import joined

def threads():
    return [file.read_text().strip() for file in pathlib.Path("/proc/self/task").glob("*/comm")]

weight = torch.nn.Parameter(torch.ones(3))
with joined(torch.device("cpu")) as group:
    weight.sum().backward()
    torch.optim.AdamW([weight]).step()
    group.gather([weight.detach()])
    assert any("gloo" in name for name in threads()), threads()
assert not any("gloo" in name for name in threads()), threads()
"""


def test_one_alone_gives_and_gets_its_own():
    values = [torch.ones(2), torch.zeros(3)]
    (gathered,) = ALONE.gather(values)
    assert all(each is value for each, value in zip(gathered, values, strict=True))
    assert ALONE.share("a") == "a"
    ALONE.agree("a", "they differ")
    assert ALONE.leads


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, False), ({"RANK": "0", "WORLD_SIZE": "1"}, False), ({"RANK": "1", "WORLD_SIZE": "2"}, True)],
)
def test_the_environment_says_whether_there_are_others(monkeypatch, environment, expected):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert in_group() == expected


def test_no_process_group_is_made_for_one(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with joined(CPU) as group:
        assert group == ALONE
        assert not dist.is_initialized()


def test_one_of_several_that_another_program_has_brought_together(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        with joined(CPU) as group:
            assert (group.rank, group.size) == (0, 1)
        assert dist.is_initialized()
    finally:
        dist.destroy_process_group()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc, which lists the threads")
def test_no_thread_of_a_group_outlives_it():
    # One that does wants Python's lock while Python ends, and aborts the process.
    assert launch([sys.executable, "-c", LEAVES], 2) == 0
