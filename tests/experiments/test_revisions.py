from pathlib import Path

import pytest

from huse.errors import InputError
from huse.experiments.revisions import WORKSPACE, experiments_of, find_commit, merge_base, read_revision

HERE, FILE = Path(), Path("metrics/a.json")


@pytest.fixture
def git(history):
    """A branch `work` one commit beside `main`, and the function that runs Git in it."""
    history("one", {FILE: "1"})
    history.git("switch", "--quiet", "--create", "work")
    history("two", {FILE: "2"})
    return history.git


def test_files_are_read_as_they_are_in_the_revision(git):
    FILE.write_text("3")
    assert [read_revision(HERE, name, FILE) for name in ("main", "HEAD", WORKSPACE)] == [b"1", b"2", b"3"]
    for name in ("HEAD", WORKSPACE):
        assert read_revision(HERE, name, Path("metrics/b.json")) is None


def test_what_is_no_revision_is_named(git):
    with pytest.raises(InputError, match="--output=x: no such revision"):
        find_commit(HERE, "--output=x")
    git("branch", "--quiet", "--move", "main", "trunk")
    with pytest.raises(InputError, match="no main branch"):
        merge_base(HERE)


def test_histories_without_a_common_commit(git):
    git("switch", "--quiet", "--orphan", "other")
    git("commit", "--quiet", "--allow-empty", "--message=else")
    with pytest.raises(InputError, match="no commit in common"):
        merge_base(HERE)


def test_experiments_have_names(git):
    head, left = find_commit(HERE, "HEAD"), find_commit(HERE, "main")
    for commit, name in ((head, "tame-goat"), (head, "able-bear"), (left, "odd-fish"), (left, "tame-goat")):
        git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", commit)
    git("update-ref", "refs/exps/stash", head)  # DVC keeps other things there too
    assert experiments_of(HERE, head) == ["able-bear", "tame-goat"]
    assert find_commit(HERE, "odd-fish") == left
    with pytest.raises(InputError, match="tame-goat: 2 experiments have this name"):
        find_commit(HERE, "tame-goat")
