"""A campaign of faults: how many of each kind are tried, damage that is done to bytes, and a table of what came out.

Few of each kind are tried, or, where HUSE_FAULTS in the environment names the page for the table, all of them.
"""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

PAGE = os.environ.get("HUSE_FAULTS")
MARK = "<!-- table -->"
# Of a process, one signal after the other.
ENDINGS = {
    "by SIGTERM": [signal.SIGTERM],
    "by SIGKILL": [signal.SIGKILL],
    "by SIGSTOP and SIGKILL": [signal.SIGSTOP, signal.SIGKILL],
}


def many(few, all_of_them):
    """How many faults of a kind are tried."""
    return all_of_them if PAGE else few


def damage(content, rng):
    """Damage bytes in one to three ways: bytes changed, a piece cut out, doubled, moved, or replaced by noise."""
    data = np.frombuffer(content, np.uint8)
    for _ in range(rng.integers(1, 4)):
        start, end = np.sort(rng.integers(0, len(data) + 1, 2))
        end = min(end, start + int(rng.choice([1, 4, 40, 4000])))
        piece = data[start:end]
        noise = rng.integers(0, 256, len(piece), dtype=np.uint8)
        instead = [piece[:0], np.tile(piece, 2), noise, piece * 0, piece ^ 1, piece[::-1]][rng.integers(6)]
        data = np.concatenate([data[:start], instead, data[end:]])
    return data.tobytes()


@pytest.fixture
def tally(record_property):
    """A function that notes what came out of a fault, in words that are counted."""
    return lambda fault, came_out, times=1: record_property("fault", json.dumps([fault, came_out, times]))


def write_table(reports):
    """Write what came out of faults, in tests that passed, into the page; rows of faults that were not tried stay."""
    tried = {}
    for report in reports:
        for name, noted in report.user_properties:
            if name == "fault":
                fault, came_out, times = json.loads(noted)
                tried.setdefault(fault, Counter())[came_out] += times
    page = Path(PAGE)
    above, _, table = page.read_text(encoding="utf-8").partition(MARK)
    header = ["| fault | tried | what came out |", "| --- | --- | --- |"]
    lines = [line for line in table.splitlines() if line and line not in header]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    for fault, outcomes in tried.items():
        told = "; ".join(f"{times:,} {came_out}" for came_out, times in outcomes.most_common() if times)
        rows[fault] = f"| {fault} | {outcomes.total():,} | {told} |"
    page.write_text(
        "\n".join([above + MARK, "", *header, *(rows[fault] for fault in sorted(rows)), ""]), encoding="utf-8"
    )
