import subprocess
from pathlib import Path

import pytest

from huse.errors import InputError
from huse.experiments.revisions import experiments_of, find_commit, merge_base, messages, read_revision


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A branch `work` one commit beside `main`, and the function that runs Git in it."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.com")

    def git(*arguments):
        return subprocess.run(
            ["git", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/a.json").write_text("1")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    git("switch", "--quiet", "--create", "work")
    (tmp_path / "metrics/a.json").write_text("2")
    git("commit", "--quiet", "--all", "--message=two")
    return git


def test_files_are_read_as_they_are_in_the_revision(repository, tmp_path):
    (tmp_path / "metrics/a.json").write_text("3")
    assert read_revision(tmp_path, "main", Path("metrics/a.json")) == b"1"
    assert read_revision(tmp_path, "HEAD", Path("metrics/a.json")) == b"2"
    assert read_revision(tmp_path, "HEAD", Path("metrics/b.json")) is None


def test_the_merge_base_is_where_the_branch_left_main(repository, tmp_path):
    left = find_commit(tmp_path, "main")
    repository("switch", "--quiet", "main")
    repository("commit", "--quiet", "--allow-empty", "--message=three")
    assert merge_base(tmp_path) == find_commit(tmp_path, "main") != left
    repository("switch", "--quiet", "work")
    assert merge_base(tmp_path) == left


def test_what_is_no_revision_is_named(repository, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such revision"):
        read_revision(tmp_path, "nowhere", Path("metrics/a.json"))
    with pytest.raises(InputError, match="--output=x: no such revision"):
        find_commit(tmp_path, "--output=x")
    repository("branch", "--quiet", "--move", "main", "trunk")
    with pytest.raises(InputError, match="no main branch"):
        merge_base(tmp_path)


def test_histories_without_a_common_commit(repository, tmp_path):
    repository("switch", "--quiet", "--orphan", "other")
    repository("commit", "--quiet", "--allow-empty", "--message=else")
    with pytest.raises(InputError, match="no commit in common"):
        merge_base(tmp_path)


def test_outside_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="not a git repository"):
        read_revision(tmp_path, "HEAD", Path("a"))


def test_experiments_have_names(repository, tmp_path):
    head, left = find_commit(tmp_path, "HEAD"), find_commit(tmp_path, "main")
    for commit, name in ((head, "tame-goat"), (head, "able-bear"), (left, "odd-fish"), (left, "tame-goat")):
        repository("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", commit)
    repository("update-ref", "refs/exps/stash", head)  # DVC keeps other things there too
    assert experiments_of(tmp_path, head) == ["able-bear", "tame-goat"]
    assert find_commit(tmp_path, "odd-fish") == left
    with pytest.raises(InputError, match="tame-goat: 2 experiments have this name"):
        find_commit(tmp_path, "tame-goat")


def test_messages_since_a_base(repository, tmp_path):
    assert messages(tmp_path, "main") == "two\n\n"
    assert messages(tmp_path, "HEAD") == ""
