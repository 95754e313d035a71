import json
import subprocess
from pathlib import Path

import pytest


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
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    def git(*arguments):
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")

    def commit(message, files, experiment=None):
        for name, content in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
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
