import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huse.commands import cli
from huse.errors import InputError
from tests.conftest import ROOT


def huse(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def error(*arguments):
    """The message that the command ends with."""
    found = huse(*arguments).exception
    assert isinstance(found, InputError), found
    return str(found)


def write(path, content):
    """Write text, or anything else as JSON."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder of no repository with the project's parameters, in which no pipeline has run, as the current one."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def history(tmp_path, monkeypatch):
    """An empty Git repository as the current folder, and a function that writes files and commits them.

    Called with a message, files by their path (JSON, or text) and perhaps a name of DVC's for an experiment, it returns
    the commit.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.com")

    def git(*arguments):
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")

    def commit(message, files, experiment=None):
        for path, content in files.items():
            write(path, content)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", f"--message={message}")
        made = git("rev-parse", "HEAD")
        if experiment:
            base = git("rev-parse", "HEAD~1")
            git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{experiment}", made)
            git("reset", "--quiet", "--hard", base)
        return made

    commit.git = git
    return commit
