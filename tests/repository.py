"""A temporary copy of the repository in which DVC runs, with a catalogue small enough for tests."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huse.run.params.editing import set_values

ROOT = Path(__file__).resolve().parent.parent

CODE = ("huse", "sample", "stages", "dvc.yaml", "params.yaml")
CODE += (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore")

SMALL = {
    "sample_catalogue": {"pictures": 600, "size": 48},
    "backbone": {"size": 48},
    "finetune_backbone": {"epochs": 1, "dtype": "float32"},
    "image_vectors": {"dtype": "float32"},
    "word_vectors": {"dimension": 16},
    "label_graph": {"infersent": {"hidden": 32}},
    "train": {"dimension": 32, "width": 64, "batch_size": 64, "steps": 150, "validate_every": 50},
}
# On top of it, where it matters that everything runs, and not what comes out.
TINY = {
    "sample_catalogue": {"pictures": 240},
    "train": {"steps": 20, "validate_every": 10},
    "evaluate": {"resamples": 20},
}


FOREIGN = ("DVC_", "GIT_", "PYTHONPATH")  # variables that would lead DVC, Git or Python elsewhere
SECONDS = 600  # for what should take ten, or a minute where others run beside


class Repository:
    """A Git and DVC repository in a temporary folder."""

    def __init__(self, root: Path, site_cache: Path) -> None:
        self.root = root
        bin_folder = Path(sys.executable).parent
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(site_cache),
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.com",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @classmethod
    def create(cls, root: Path, site_cache: Path) -> "Repository":
        """Copy the code, make the sample small, commit."""
        root.mkdir(parents=True)
        for name in CODE:
            source, target = ROOT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (root / "metrics").mkdir()
        repository = cls(root, site_cache)
        repository.set_params(SMALL)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit()
        return repository

    def copy_to(self, root: Path) -> "Repository":
        """Return a copy at another place, with a cache of DVC's state of its own beside it."""
        shutil.copytree(self.root, root, symlinks=True)
        return Repository(root, root.parent / "site")

    def set_params(self, values: dict[str, Any]) -> None:
        """Merge values into params.yaml."""
        set_values(self.root / "params.yaml", values)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository; its output is text, standard error joined."""
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}")
        return result

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout

    def dvc(self, *arguments: str, check: bool = True) -> str:
        return self.run("dvc", *arguments, check=check).stdout

    def stage(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a stage without DVC, whatever comes of it."""
        return self.run(sys.executable, "-m", f"stages.{name}", check=False)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=state")

    def repro(self, *arguments: str) -> list[str]:
        """Reproduce, and return the names of the stages that ran."""
        output = self.dvc("repro", *arguments)
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def start(repository: Repository, *command: str) -> subprocess.Popen[bytes]:
    """Start a command in the repository, silently, and leave it running."""
    return subprocess.Popen(
        command,
        cwd=repository.root,
        env=repository.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def experiments(repository: Repository) -> list[str]:
    """Return the names of DVC's experiments, sorted."""
    return sorted(repository.git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split())


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def running_stages(repository: Repository) -> list[int]:
    """Process ids of the stages that were started in the repository or in copies below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().split("\0")
            place = (process / "cwd").readlink().as_posix()
        except OSError:
            continue
        if place.startswith(str(repository.root)) and any(word.startswith("stages.") for word in command):
            found.append(int(process.name))
    return found
