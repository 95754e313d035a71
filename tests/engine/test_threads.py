"""OpenMP prints how its threads wait when it is loaded, which is when torch is imported."""

import os
import subprocess
import sys

import pytest
import torch

from huse.engine.threads import SPINS, in_threads, same_threads
from tests.repository import ROOT


def spins(module, **environment):
    """Import a module in a new process and return OpenMP's count."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    variables = {**inherited, "OMP_DISPLAY_ENV": "verbose", **environment}
    command = [sys.executable, "-c", f"import {module}"]
    shown = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=True).stderr
    found = [line.split("'")[1] for line in shown.splitlines() if "GOMP_SPINCOUNT" in line]
    if not found:
        pytest.skip("this build of torch has another OpenMP than GNU's")
    return found[0]


def test_a_stage_that_trains_bounds_the_spinning():
    assert spins("stages.train") == str(SPINS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "count"), [({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "passive"}, "0")]
)
def test_what_the_environment_says_is_kept(environment, count):
    assert spins("stages.train", **environment) == count


@pytest.mark.parametrize(("asked", "count"), [(None, 1), ("2", 2), ("no number", 1)])
def test_processes_that_share_work_have_the_same_threads(monkeypatch, asked, count):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    before = torch.get_num_threads()
    with same_threads():
        assert torch.get_num_threads() == count
    assert torch.get_num_threads() == before


def test_threads_yield_in_order_take_few_items_ahead_and_pass_errors_on():
    taken, started = [], []

    def double(number):
        if number == 7:
            raise ValueError("seven")
        return 2 * number

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    found = in_threads(double, items(), ahead=3, start=lambda: started.append(True))
    assert next(found) == 0 and taken == [0, 1, 2, 3] and 1 <= len(started) <= 3
    assert [next(found) for _ in range(6)] == [2, 4, 6, 8, 10, 12]
    with pytest.raises(ValueError, match="seven"):
        next(found)
    assert len(taken) <= 11
