import subprocess
from pathlib import Path

import pytest

from huse.errors import InputError
from huse.experiments.revisions import experiments_of, find_commit, merge_base, messages, read_revision


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A branch `work` one commit beside `main`, and the function that runs Git in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.com")

    def git(*arguments):
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    Path("metrics").mkdir()
    Path("metrics/a.json").write_text("1")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    git("switch", "--quiet", "--create", "work")
    Path("metrics/a.json").write_text("2")
    git("commit", "--quiet", "--all", "--message=two")
    return git


def test_files_are_read_as_they_are_in_the_revision(repository):
    Path("metrics/a.json").write_text("3")
    assert read_revision("main", Path("metrics/a.json")) == b"1"
    assert read_revision("HEAD", Path("metrics/a.json")) == b"2"
    assert read_revision("HEAD", Path("metrics/b.json")) is None


def test_the_merge_base_is_where_the_branch_left_main(repository):
    left = find_commit("main")
    repository("switch", "--quiet", "main")
    repository("commit", "--quiet", "--allow-empty", "--message=three")
    assert merge_base() == find_commit("main") != left
    repository("switch", "--quiet", "work")
    assert merge_base() == left


def test_what_is_no_revision_is_named(repository):
    with pytest.raises(InputError, match="nowhere: no such revision"):
        read_revision("nowhere", Path("metrics/a.json"))
    with pytest.raises(InputError, match="--output=x: no such revision"):
        find_commit("--output=x")
    repository("branch", "--quiet", "--move", "main", "trunk")
    with pytest.raises(InputError, match="no main branch"):
        merge_base()


def test_histories_without_a_common_commit(repository):
    repository("switch", "--quiet", "--orphan", "other")
    repository("commit", "--quiet", "--allow-empty", "--message=else")
    with pytest.raises(InputError, match="no commit in common"):
        merge_base()


def test_outside_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="not a git repository"):
        read_revision("HEAD", Path("a"))


def test_experiments_have_names(repository):
    head, left = find_commit("HEAD"), find_commit("main")
    for commit, name in ((head, "tame-goat"), (head, "able-bear"), (left, "odd-fish"), (left, "tame-goat")):
        repository("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", commit)
    repository("update-ref", "refs/exps/stash", head)  # DVC keeps other things there too
    assert experiments_of(head) == ["able-bear", "tame-goat"]
    assert find_commit("odd-fish") == left
    with pytest.raises(InputError, match="tame-goat: 2 experiments have this name"):
        find_commit("tame-goat")


def test_messages_since_a_base(repository):
    assert messages("main") == "two\n\n"
    assert messages("HEAD") == ""
