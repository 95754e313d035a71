import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from huse import __version__
from huse.commands import cli
from huse.errors import InputError
from huse.run import paths
from huse.run.checkpoints import Checkpoint
from huse.vision.cache import VectorCache
from tests.commands.conftest import error, huse, write
from tests.conftest import ROOT


def test_metrics_before_anything_has_run(workplace, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["huse", "metrics"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: metrics/evaluate.json: not found. Run `dvc repro` to make it.\n"


def test_clearing_leaves_what_a_running_training_needs(workplace):
    folder = paths.CACHE / paths.CHECKPOINTS
    with Checkpoint(folder, {"run": 1}, ()) as done:
        done.save({}, {})
    with Checkpoint(folder, {"run": 2}, ()) as running:
        running.save({}, {"step": 5})
        assert "but for the states of 1 running" in huse("cache", "--clear").stdout
        assert not done.path.exists()
        assert running.load() == ({}, {"step": 5})
        with pytest.raises(InputError, match="another process"), Checkpoint(folder, {"run": 2}, ()):
            pass
    huse("cache", "--clear")
    assert not running.path.exists()


def test_a_preset_without_parameters_to_write_to(workplace):
    paths.PARAMS.unlink()
    told = "params.yaml: not found. Run from the repository, or a folder of it."
    assert error("preset", "sample") == told
    write(paths.PARAMS, "a: [")
    assert error("preset", "sample").startswith("params.yaml: ")


def test_the_cache_is_shown_and_cleared(workplace):
    VectorCache(paths.CACHE / paths.VECTOR_CACHE).put({b"key": np.zeros(4, np.float32)})
    (paths.CACHE / paths.WORD_CACHE / "some").mkdir(parents=True)
    (paths.CACHE / paths.WORD_CACHE / "some" / "words.npy").write_bytes(bytes(2_500_000))
    keep = paths.CACHE / "of somebody else"
    keep.write_text("")
    shown = huse("cache").stdout
    assert "2.5" in shown and (paths.CACHE / paths.VECTOR_CACHE).is_file()
    assert "deleted" in huse("cache", "--clear").stdout
    assert not (paths.CACHE / paths.VECTOR_CACHE).exists()
    assert [file for file in paths.CACHE.rglob("*") if file.is_file()] == [keep]
    assert huse("cache", "--clear").exit_code == 0


def test_presets_are_listed_and_applied(workplace):
    lines = huse("preset").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["notebook", "paper", "products", "products-text", "sample"]
    assert lines[1] == "paper          HUSE as printed (arXiv 1911.05978, 4.2), on fixed vectors"
    shown = huse("preset", "paper").stdout
    assert "train.steps: 600 -> 250000" in shown
    assert "has these values already" in huse("preset", "paper").stdout


def test_a_misspelled_command_names_the_right_one(workplace):
    found = huse("serach", "hat")
    assert (found.exit_code, "Did you mean 'search'?" in found.output) == (2, True)
    assert "Did you mean" not in huse("xyzzy").output


def test_the_version_and_a_short_option_for_help(workplace):
    assert huse("--version").stdout == f"{__version__}\n"
    assert huse("-h").stdout == huse("--help").stdout
    assert huse("search", "-h").stdout == huse("search", "--help").stdout


def test_sigterm_leaves_no_half_written_output(tmp_path):
    """A command that is ended while it writes."""
    program = (
        "import sys, time, pathlib; from huse.commands import cli; from huse.run.artifacts import Outputs\n"
        "def app():\n"
        "    with Outputs() as outputs:\n"
        "        outputs.path(pathlib.Path('x.csv')).touch(); print('begun', flush=True); time.sleep(60)\n"
        "cli.app = app; cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"begun\n"
    process.terminate()
    assert b"terminated: all outputs are as before" in process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_help_imports_no_heavy_library():
    code = "import sys; from huse.commands.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "huse.commands.cli" in imported and not imported & {"torch", "gensim", "dvc", "sklearn", "lancedb"}


def test_an_installation_for_a_server_alone_says_what_other_commands_need():
    without = "import sys; sys.modules['psutil'] = None; from huse.commands.cli import main; main()"

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", without, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )

    told = run("--help")
    assert told.returncode == 0, told.stderr
    assert re.search(r"search\W+\(Needs the package psutil", told.stdout)
    assert re.search(r"serve\W+Serve a model", told.stdout)
    refused = run("search", "red dress", "--k", "5")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: huse search needs the package psutil, which is not installed.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "new.csv", "--output", "s3://id:not-to-be-seen@shop/out.csv"),
        ("search", "hat", "--html", "S3://shop/out.html"),
        ("search", "hat", "--index", "s3://id:not-to-be-seen@shop/index"),
        ("remove", "--from", "https://shop/ids.txt"),
        ("duplicates", "--output", "file:///tmp/out.csv"),
        ("import", "fashion", "gs://shop/products"),
        ("export", "parquet", "s3://shop/out.parquet"),
    ],
)
def test_a_url_is_no_path(workplace, arguments):
    write("new.csv", "name\nA hat\n")
    told = error(*arguments)
    assert "expected a local path, found a URL" in told and "not-to-be-seen" not in told
    assert sorted(map(str, Path().iterdir())) == ["new.csv", "params.yaml"]
    assert error("export", "parquet", "s3x:/out.parquet") != told
