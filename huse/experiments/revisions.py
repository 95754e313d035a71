"""Reads files of a repository in another Git revision. Only commands use it.

In every function, `root` is the folder of the repository.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from huse.errors import InputError

WORKSPACE = "workspace"  # names the working tree in the place of a revision
EXPERIMENTS = "refs/exps"
MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def git(root: Path, *arguments: str) -> bytes:
    """Return what Git prints.

    Raises:
        InputError: Git fails or is not installed.
    """
    try:
        result = subprocess.run(("git", *arguments), cwd=root, capture_output=True, check=False)  # noqa: S603, S607  no shell; Git of the PATH
    except FileNotFoundError as error:
        raise InputError("git: not found. Install Git; revisions cannot be read without it.") from error
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip()
        raise InputError(f"git {' '.join(arguments)}: {said or 'failed'}")
    return result.stdout


def find_commit(root: Path, revision: str) -> str:
    """Return the full hash of the commit of a revision or an experiment.

    Raises:
        InputError: the revision is unknown, or several experiments have the name.
    """
    try:
        return (
            git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
        )
    except InputError as error:
        named = [reference for reference in _experiments(root) if reference.rpartition("/")[2] == revision]
        if len(named) > 1:
            raise InputError(f"{revision}: {len(named)} experiments have this name. Give one's commit.") from error
        if named:
            return find_commit(root, named[0])
        raise InputError(
            f"{revision}: no such revision. Expected a branch, a tag, a commit or an experiment; in a shallow clone, "
            "fetch it first."
        ) from error


def experiments_of(root: Path, commit: str) -> list[str]:
    """Return the names of DVC's experiments that began from a commit, given by its full hash, sorted."""
    return sorted(name.rpartition("/")[2] for name in _experiments(root, f"{commit[:2]}/{commit[2:]}"))


def messages(root: Path, base: str) -> str:
    """Return the messages of the commits since a base, newest first."""
    return git(root, "log", "--format=%B", f"{find_commit(root, base)}..HEAD").decode(errors="replace")


def _experiments(root: Path, under: str = "") -> list[str]:
    """Return the references of DVC's experiments: ``refs/exps/<2 digits>/<rest of the commit>/<name>``."""
    place = f"{EXPERIMENTS}/{under}".rstrip("/")
    references = git(root, "for-each-ref", "--format=%(refname)", place).decode().split()
    return [name for name in references if re.fullmatch(rf"{EXPERIMENTS}/[0-9a-f]{{2}}/[0-9a-f]{{38}}/[^/]+", name)]


def merge_base(root: Path) -> str:
    """Return the last common commit of this branch and the main one.

    Raises:
        InputError: there is no main branch, or no common commit.
    """
    for branch in MAIN_BRANCHES:
        try:
            main = find_commit(root, branch)
        except InputError:
            continue
        try:
            return git(root, "merge-base", "HEAD", main).decode().strip()
        except InputError as error:
            raise InputError(
                f"HEAD and {branch} have no commit in common: fetch the whole history (fetch-depth: 0), or name a "
                "revision."
            ) from error
    raise InputError(f"no main branch: expected one of {', '.join(MAIN_BRANCHES)}. Name a revision.")


def read_revision(root: Path, revision: str, path: Path) -> bytes | None:
    """Return the content of a file in a revision or `WORKSPACE`, or None if it has no such file.

    Raises:
        InputError: the revision is unknown.
    """
    if revision == WORKSPACE:
        return (root / path).read_bytes() if (root / path).is_file() else None
    commit = find_commit(root, revision)
    name = path.as_posix()
    if not git(root, "ls-tree", "--full-tree", commit, "--", name):
        return None
    return git(root, "cat-file", "blob", f"{commit}:{name}")


def files_of(root: Path, revision: str, folder: Path) -> list[Path]:
    """Return the files of a folder in a revision, without those of its subfolders."""
    names = git(
        root, "ls-tree", "--full-tree", "--name-only", "-z", find_commit(root, revision), f"{folder.as_posix()}/"
    )
    return [Path(name) for name in names.decode(errors="surrogateescape").split("\0") if name]


def read_json(root: Path, revision: str, path: Path) -> dict[str, Any] | None:
    """Return the content of a metrics file in a revision or `WORKSPACE`, or None if it has no such file.

    Raises:
        InputError: the revision is unknown, or the file holds no JSON object.
    """
    content = read_revision(root, revision, path)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except ValueError as error:
        raise InputError(f"{revision}: {path}: not valid JSON ({error}). Run it again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{revision}: {path}: expected an object, found {type(found).__name__}. Run it again.")
    return found
