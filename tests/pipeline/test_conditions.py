"""Machines that are not as one would wish: the same bytes come out there, or a reason, and nothing is lost."""

import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from huse.engine.cores import LEAST_SPACE
from huse.run import paths
from tests.faults import PAGE, many
from tests.pipeline.test_kills import LONGER, STAGES, fingerprint, left_over, make_old, outputs_of
from tests.repository import start

pytestmark = [pytest.mark.slow, pytest.mark.faults]

SOME = list(STAGES) if PAGE else ["catalogue", "image_vectors", "train", "index"]
# Jumps by up to a year at every look.
CLOCK = """
import random, time
true = time.time
time.time = lambda: true() + random.Random(int(true() * 1e6)).uniform(-3e7, 3e7)
time.time_ns = lambda: int(time.time() * 1e9)
"""
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UNUSUAL = "Mein Laden – été 'n продукты"


def stage(name):
    return [sys.executable, "-m", f"stages.{name}"]


def by_shell(setting, command):
    """A command under a setting of the shell."""
    return ["sh", "-c", f'{setting}; exec "$@"', "sh", *command]


def told(result):
    """The message of a command that could not do its work, which must be one for people."""
    assert result.returncode in (1, 2) and "Traceback" not in result.stdout, result.stdout
    last = result.stdout.strip().splitlines()[-1]
    assert last.startswith("error: "), result.stdout
    return last


@pytest.fixture
def disk(tmp_path):
    """A disk of its own in memory, whose size and rights are set by a function."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "disk", place]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if not mount("size=4g"):
        pytest.skip("this user may not mount a disk")
    yield SimpleNamespace(place=place, set=lambda *options: mount("remount", *options))
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("name", SOME)
def test_a_disk_that_is_full_or_read_only(tiny_pipeline, disk, name, tally):
    repository = tiny_pipeline.copy_to(disk.place / "shop")
    shutil.rmtree(repository.root / paths.CACHE, ignore_errors=True)
    outputs = [repository.root / output for output in outputs_of(name)]

    def used():
        return shutil.disk_usage(disk.place).used

    old = [fingerprint(output) if output.name == "index" else make_old(output) for output in outputs]
    before = used()
    assert repository.stage(name).returncode == 0
    needed = max(used() - before, 8192) + sum(len(each) for each in old if isinstance(each, bytes))
    expected = [fingerprint(output) for output in outputs]
    draw = np.random.default_rng(list(STAGES).index(name))
    for _ in range(many(2, 10)):
        shutil.rmtree(repository.root / paths.CACHE, ignore_errors=True)
        old = [fingerprint(output) if output.name == "index" else make_old(output) for output in outputs]
        assert disk.set(f"size={used() + 4096 + int(draw.random() * needed)}")
        result = repository.stage(name)
        assert disk.set("size=4g")
        if result.returncode:
            assert "No space left on device" in told(result) or "disk" in told(result)
            assert [fingerprint(output) for output in outputs] == old
            tally(
                "disk that gets full in a stage", "said in one line, outputs as before; the same bytes with more room"
            )
        assert repository.stage(name).returncode == 0
        assert [fingerprint(output) for output in outputs] == expected and left_over(repository) == []
    assert disk.set("ro")
    assert "Read-only file system" in told(repository.stage(name))
    assert disk.set("rw")
    assert [fingerprint(output) for output in outputs] == expected
    tally("folder that is read-only", "said in one line, outputs as before")


@pytest.mark.parametrize("name", SOME)
def test_memory_that_does_not_suffice(repository, name, tally):
    outputs = [repository.root / output for output in outputs_of(name)]
    old = [fingerprint(output) for output in outputs]
    draw = np.random.default_rng(list(STAGES).index(name))
    for _ in range(many(2, 10)):
        limit = int(draw.uniform(1e5, 4e6))  # KiB
        result = repository.run(*by_shell(f"ulimit -v {limit}", stage(name)), check=False)
        assert [fingerprint(output) for output in outputs] == old, limit
        # vl-convert, by which the report bundles the program of its charts, runs V8, and that ends by a signal.
        assert result.returncode >= 0 or name == "report", limit
        if limit * 1024 < LEAST_SPACE:
            assert "Raise the limit" in told(result)
        if result.returncode:
            tally("memory that does not suffice (`ulimit -v`)", "ended, outputs as before")
        else:
            tally("memory that does not suffice (`ulimit -v`)", "enough after all; the same bytes")


def clock(folder):
    (folder / "sitecustomize.py").write_text(CLOCK)
    return {"PYTHONPATH": str(folder)}


def linked_home(folder):
    (folder / "true home").mkdir()
    (folder / "home").symlink_to(folder / "true home")
    return {"HOME": str(folder / "home")}


CONDITIONS = {
    "a clock that jumps by up to a year": (clock, ":"),
    "a locale that is not UTF-8": (lambda folder: ASCII, ":"),
    "umask 077": (lambda folder: {}, "umask 077"),
    "at most 1,024 files open": (lambda folder: {}, "ulimit -n 1024"),
    "a home that is a link": (linked_home, ":"),
    "a path with blanks, quotes and letters of two scripts": (lambda folder: {}, ":"),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_same_bytes_come_out(tiny_pipeline, tmp_path, condition, tally):
    make, setting = CONDITIONS[condition]
    repository = tiny_pipeline.copy_to(tmp_path / (UNUSUAL if "path" in condition else "shop"))
    expected = {name: [fingerprint(repository.root / output) for output in outputs_of(name)] for name in STAGES}
    names = repository.root / "new.csv"
    products = pd.read_parquet(repository.root / paths.PRODUCTS).head(3)
    new = ["Étole à franges", "Шапка", "plain hat"]
    products[["image", "classes"]].assign(name=new).to_csv(names, index=False)
    usual = dict(repository.environment)
    repository.environment.update(make(tmp_path))
    if PAGE:
        commands = [["dvc", "repro", "--force", "--no-run-cache"]]
    else:
        shutil.rmtree(repository.root / paths.CACHE)
        commands = [stage(name) for name in ("catalogue", "image_vectors", "text_vectors")]
    huse = [sys.executable, "-m", "huse"]
    commands += [[*huse, "add", "new.csv", "--images", "data/sample/images"], [*huse, "search", "hat", "--json"]]
    for command in commands:
        found = repository.run(*by_shell(setting, command)).stdout
    assert '"product"' in found
    repository.environment = usual
    repository.run(*huse, "remove", *new)
    for name, whole in expected.items():
        if name != "report":  # it says when and on which commit
            assert [fingerprint(repository.root / output) for output in outputs_of(name)] == whole, name
    tally(condition, "`dvc repro`, `huse add` and `huse search`: the same bytes")


@pytest.mark.parametrize("name", SOME)
def test_two_at_once(repository, name, tally):
    outputs = [repository.root / output for output in outputs_of(name)]
    expected = [fingerprint(output) for output in outputs]
    for _ in range(many(1, 3)):
        both = [start(repository, *stage(name)) for _ in range(2)]
        ended = sorted(process.wait() for process in both)
        # A training that another process does is refused.
        assert ended in ([0, 0], [0, 2] if name in LONGER else [0, 0])
        assert [fingerprint(output) for output in outputs] == expected and left_over(repository) == []
        said = "one refuses what the other does" if 2 in ended else "both end"
        tally("two runs of a stage at once", f"{said}; the same bytes")


def test_two_runs_of_the_pipeline_at_once(repository, tally):
    for time in range(many(1, 5)):
        repository.set_params({"train": {"dropout": 0.3 + time / 100}})
        both = [start(repository, "dvc", "repro") for _ in range(2)]
        assert 0 in [process.wait() for process in both]
        assert repository.repro() == [] and left_over(repository) == []
        tally("two runs of the pipeline at once", "one runs, the other waits or is refused by DVC's lock")


def test_data_of_another_version(tiny_pipeline, tmp_path, tally):
    """Artefacts that other parameters have made lie where these are expected."""
    repository = tiny_pipeline.copy_to(tmp_path / "shop")
    expected = {name: [fingerprint(repository.root / output) for output in outputs_of(name)] for name in STAGES}
    other = tiny_pipeline.copy_to(tmp_path / "other")
    other.set_params({"train": {"dimension": 16}, "word_vectors": {"dimension": 8}})
    other.repro()
    for name in ("text_vectors", "train", "model"):
        for output in outputs_of(name)[:1]:
            mine, others = repository.root / output, other.root / output
            (shutil.rmtree if mine.is_dir() else type(mine).unlink)(mine)
            (shutil.copytree if others.is_dir() else shutil.copy)(others, mine)
    assert "dvc repro" in told(repository.run(sys.executable, "-m", "huse", "search", "hat", check=False))
    for name in ("model", "index"):
        assert "dvc repro" in told(repository.stage(name))
    repository.repro()
    for name, whole in expected.items():
        if name != "report":
            assert [fingerprint(repository.root / output) for output in outputs_of(name)] == whole, name
    tally("data/ with artefacts of other parameters", "refused with what to do; the right bytes by `dvc repro`")
