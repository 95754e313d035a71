"""Copies of the repository, in which DVC runs queued and temporary experiments. Only commands use it.

A copy has what Git knows, committed or staged, and what DVC can check out: outputs of ``dvc.yaml``, and what has a
``.dvc`` file that Git knows. Absolute paths hold in a copy too.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from huse.engine.processes import end_with_parent
from huse.errors import InputError
from huse.experiments.revisions import git
from huse.run import paths
from huse.run.params.all import check_params
from huse.run.params.reader import read_yaml
from huse.run.place import Run

WOULD_LACK = "queued and temporary runs, and huse tune, would lack"  # before a line of `lacking`
NO_PATHS = ("catalogue", "random")  # values of the same parameters


def lacking(here: Run) -> list[str]:
    """Return one line for each path in params.yaml that a copy would lack, with what to do; none without Git."""
    try:
        known = set(git(here.root, "ls-files", "-z").decode(errors="surrogateescape").split("\0"))
    except InputError:
        return []
    sections = check_params(here / paths.PARAMS)
    named = [
        *((f"backbone.{setting}", place) for setting, place in sections["backbone"].places),
        *{
            "catalogue.csv": sections["catalogue"].csv,
            "catalogue.images": sections["catalogue"].images,
            "evaluate.tree": sections["evaluate"].tree,
            "label_graph.given.file": sections["label_graph"].given.file,
            "label_graph.sentences.model": sections["label_graph"].sentences.model,
            "label_graph.weights": sections["label_graph"].weights,
            "text_vectors.given.file": sections["text_vectors"].given.file,
            "text_vectors.sentences.model": sections["text_vectors"].sentences.model,
            "text_vectors.start": sections["text_vectors"].start,
            "train.start": sections["train"].start,
            "word_vectors.source": sections["word_vectors"].source,
        }.items(),
    ]
    for stage in read_yaml(here / paths.MAP)["stages"].values():
        known.update(out if isinstance(out, str) else next(iter(out)) for out in stage.get("outs", []))
    lines = []
    for parameter, path in named:
        if path and path not in NO_PATHS and not Path(path).is_absolute() and (here / path).exists():
            remedy = _remedy(here, os.path.normpath(path), known)
            lines += [f"{parameter}: {path}: {remedy}"] if remedy else []
    return lines


def _remedy(here: Run, path: str, known: set[str]) -> str:
    """Return what makes a path be in a copy too; empty if it is."""
    absolute = f"Give its absolute path: {(here / path).resolve()}"
    if path.startswith(os.pardir):
        return f"the path leaves the repository, and is another one in a copy. {absolute}"
    above = [path, *map(str, Path(path).parents)]
    if any(each in known or f"{each}.dvc" in known for each in above):
        return ""
    if (here / path).is_dir() and not git(here.root, "ls-files", "--others", "-z", "--", path):
        return ""
    pointer = f"git add {path}.dvc {Path(path).parent / '.gitignore'}"
    if (here / f"{path}.dvc").is_file():
        return f"Git does not know its .dvc file. Run: {pointer}"
    if git(here.root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", path):
        return f"Git ignores it. {absolute}"
    return f"neither Git nor DVC knows it. Run: dvc add {path} && {pointer}"


def track(here: Run, file: Path) -> Iterator[str]:
    """Make DVC track a file of the repository, and Git its ``.dvc`` file; yield a line that says so.

    Nothing is done where there is no repository of DVC, or where it does not take the file: Git has it, or ignores it.
    """
    path = here.named(file)
    if (here / ".dvc").is_dir() and not Path(path).is_absolute() and run_dvc(here, "add", "--quiet", path) == 0:
        git(here.root, "add", "--", f"{path}.dvc", str(Path(path).parent / ".gitignore"))
        yield f"DVC tracks it, and Git {path}.dvc, so that queued and temporary runs have it: commit that too"


def run_dvc(here: Run, *arguments: str, output: int | IO[str] = subprocess.DEVNULL) -> int:
    """Run DVC with this Python, and return its exit code; copies of the repository share its caches."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # stages are started as `python`
    environment = {**os.environ, "HUSE_CACHE": str(here.cache.absolute()), "PATH": path}
    command = (sys.executable, "-m", "dvc", *arguments)
    # A process group of its own: an interrupt must reach the stage too, and DVC needs time to clean up.
    options: Any = {"stdout": output, "stderr": subprocess.STDOUT, "env": environment, "cwd": here.root}
    options |= {"process_group": 0, "preexec_fn": _begin}
    with subprocess.Popen(command, **options) as process:  # noqa: S603  no shell
        try:
            return process.wait()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            process.wait()
            raise


def _begin() -> None:
    """Make DVC end with this process, and its stage with DVC; accept interrupts."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # background jobs of a script, and their children, ignore it
