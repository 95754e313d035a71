import io
import sys

import pytest

from huse import progress as module
from huse.progress import progress


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_items_come_through_in_order_and_short_work_says_nothing(clock, capsys):
    for number, item in enumerate(progress(range(7, 1007), description="read", unit="picture"), start=7):
        assert item == number
        clock.now += 0.005
    assert number == 1006
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_long_work_says_a_line_every_ten_seconds(clock, capsys):
    with progress(total=1000, description="train", unit="step") as bar:
        for _ in range(1000):
            clock.now += 0.0353
            bar.set_postfix(loss=0.12345, best="yes")
            bar.update()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "train: 284 of 1,000 steps, 28.3 steps/s, 00:25 left, loss 0.1235, best yes",
        "train: 568 of 1,000 steps, 28.3 steps/s, 00:15 left, loss 0.1235, best yes",
        "train: 852 of 1,000 steps, 28.3 steps/s, 00:05 left, loss 0.1235, best yes",
        "train: 1,000 of 1,000 steps, 28.3 steps/s, 00:35 so far, loss 0.1235, best yes",
    ]


def test_what_is_being_done_changes_on_the_way(clock, capsys):
    with progress(total=3, description="one", unit="step") as bar:
        for what in ("one", "two", "three"):
            bar.describe(what)
            clock.now += 12
            bar.update()
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["one", "two", "three"]


def test_the_last_line_is_not_said_twice(clock, capsys):
    with progress(total=2, description="towers", unit="fold") as bar:
        for _ in range(2):
            clock.now += 20
            bar.update()
    assert capsys.readouterr().err.splitlines() == [
        "towers: 1 of 2 folds, 0.05 folds/s, 00:20 left",
        "towers: 2 of 2 folds, 0.05 folds/s, 00:40 so far",
    ]


def test_what_an_earlier_run_did_counts_as_done_but_not_for_the_rate(clock, capsys):
    with progress(total=1000, done=900, description="train", unit="step") as bar:
        for _ in range(60):
            clock.now += 0.2
            bar.update()
    assert capsys.readouterr().err.splitlines()[0] == "train: 950 of 1,000 steps, 5 steps/s, 00:10 left"


def test_unknown_total(clock, capsys):
    for _ in progress(iter(range(25)), description="read", unit="row"):
        clock.now += 1
    assert capsys.readouterr().err.splitlines() == [
        "read: 10 rows, 1 rows/s, 00:10 so far",
        "read: 20 rows, 1 rows/s, 00:20 so far",
        "read: 25 rows, 1 rows/s, 00:25 so far",
    ]


def test_an_error_prints_no_last_line(clock, capsys):
    with pytest.raises(ValueError, match="stop"), progress(total=9, description="read", unit="row") as bar:
        clock.now += 11
        bar.update()
        raise ValueError("stop")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "BAR_DELAY", 0)
    with progress(total=3, description="train", unit="step") as bar:
        for _ in range(3):
            bar.set_postfix(loss=0.5)
            bar.update()
    assert "train" in terminal.getvalue() and "3/3" in terminal.getvalue() and "loss 0.5" in terminal.getvalue()
