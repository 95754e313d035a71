"""Runs a trial as a DVC experiment, in a copy of the repository. Only commands use it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from huse.engine.processes import end_with_parent
from huse.errors import InputError
from huse.experiments.recorded import read_metrics
from huse.experiments.revisions import find_commit
from huse.experiments.tuning.space import Scalar, Space
from huse.experiments.tuning.study import RunFailed, mean_metric
from huse.run import paths
from huse.run.params.editing import as_yaml
from huse.run.place import Run

LAST_STAGE = "evaluate"
SPLIT = "validation"


class Experiments:
    """Runs experiments that start from the current working tree."""

    def __init__(self, here: Run, space: Space, logs: Path) -> None:
        """Read the starting point.

        Args:
            here: the working tree.
            space: what is tuned.
            logs: folder for the output of DVC and the stages, one file an experiment.

        Raises:
            InputError: the pipeline is not up to date, or a metric to tune is missing.
        """
        self._here, self._space, self._logs = here, space, logs
        status = _dvc(here, "status", "--quiet", "--with-deps", LAST_STAGE)
        if status != 0:
            raise InputError(
                f"{LAST_STAGE}: not up to date, and trials would all compute the same anew. Run `dvc repro` first; "
                "`dvc status` says what has changed."
            )
        self.present = read_metrics(here, "workspace", SPLIT)
        self.metric = mean_metric(self.present.metrics, space, where=str(paths.VALIDATION_METRICS))

    def run(self, name: str, values: Mapping[str, Scalar]) -> float:
        """Run an experiment, or read the existing one of that name, and return its metric.

        Raises:
            RunFailed: DVC or a stage failed.
            InputError: the existing experiment has other parameters, or was measured on other products.
        """
        if not _exists(self._here, name):
            self._start(name, values)
        found = read_metrics(self._here, name, SPLIT)
        if found.params != {**self.present.params, **values}:
            raise InputError(
                f"{name}: there is an experiment of this name with other parameters. Remove it "
                f"(dvc exp remove {name}), or give the tuning another --name."
            )
        if found.split != self.present.split:
            raise InputError(f"{name}: was measured on other products than the working tree.")
        return mean_metric(found.metrics, self._space, where=f"{name}: {paths.VALIDATION_METRICS}")

    def _start(self, name: str, values: Mapping[str, Scalar]) -> None:
        changes = [f"--set-param={parameter}={_quoted(value)}" for parameter, value in values.items()]
        log = self._logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            _dvc(self._here, "exp", "run", "--temp", f"--name={name}", *changes, LAST_STAGE, output=file)
        if not _exists(self._here, name):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            said = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["nothing was printed"]
            raise RunFailed(f"{said[0].strip()} (all of it: {log})")


def _dvc(here: Run, *arguments: str, output: int | IO[str] = subprocess.DEVNULL) -> int:
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
    """Make DVC end with the tuning, and its stage with DVC; accept interrupts."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # background jobs of a script, and their children, ignore it


def _exists(here: Run, name: str) -> bool:
    try:
        find_commit(here.root, name)
    except InputError:
        return False
    return True


def _quoted(value: Scalar) -> str:
    """Return a value in the syntax of DVC's --set-param, where a comma separates list values."""
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'")) if isinstance(value, str) else as_yaml(value)
