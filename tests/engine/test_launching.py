"""Several processes of one command; what they compute together is tested with training."""

import sys
import time

import pytest

from huse.engine import launching
from huse.engine.launching import launch


def python(code):
    return [sys.executable, "-c", f"import os, sys, time\nrank = int(os.environ['RANK'])\n{code}"]


def test_each_process_knows_its_rank_and_all_are_waited_for(capfd):
    assert launch(python("time.sleep(rank / 5); print(rank, os.environ['WORLD_SIZE'])"), 3) == 0
    assert capfd.readouterr().out.splitlines() == ["0 3", "1 3", "2 3"]


@pytest.mark.parametrize(
    ("code", "expected"), [("sys.exit(rank)", 1), ("sys.exit(3 * rank)", 3), ("os.kill(os.getpid(), 9 * rank)", 137)]
)
def test_the_code_is_that_of_one_that_failed(code, expected, capfd):
    assert launch(python(code), 2) == expected
    assert ("ended by SIGKILL" in capfd.readouterr().err) == (expected == 137)


def test_one_that_fails_ends_the_others(monkeypatch):
    monkeypatch.setattr(launching, "GRACE", 0.5)
    start = time.monotonic()
    assert launch(python("time.sleep(0 if rank else 60); sys.exit(5)"), 3) == 5
    assert time.monotonic() - start < 30


def test_one_that_does_not_heed_is_killed(monkeypatch):
    monkeypatch.setattr(launching, "GRACE", 0.5)
    start = time.monotonic()
    ignores = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
    assert launch(python(f"{ignores}\ntime.sleep(0.2 if rank else 60)\nsys.exit(5)"), 2) == 5
    assert time.monotonic() - start < 30
