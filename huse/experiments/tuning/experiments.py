"""Runs a trial as a DVC experiment, in a copy of the repository. Only commands use it."""

from collections.abc import Mapping
from pathlib import Path

from huse.errors import InputError
from huse.experiments.copies import lacking, run_dvc
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
            InputError: a copy of the repository would lack data, the pipeline is not up to date, or a metric to tune is
                missing.
        """
        self._here, self._space, self._logs = here, space, logs
        lines = lacking(here)
        if lines:
            raise InputError("\n- ".join(["trials run in copies of the repository, which would lack:", *lines]))
        status = run_dvc(here, "status", "--quiet", "--with-deps", LAST_STAGE)
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
            run_dvc(self._here, "exp", "run", "--temp", f"--name={name}", *changes, LAST_STAGE, output=file)
        if not _exists(self._here, name):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            said = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["nothing was printed"]
            raise RunFailed(f"{said[0].strip()} (all of it: {log})")


def _exists(here: Run, name: str) -> bool:
    try:
        find_commit(here.root, name)
    except InputError:
        return False
    return True


def _quoted(value: Scalar) -> str:
    """Return a value in the syntax of DVC's --set-param, where a comma separates list values."""
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'")) if isinstance(value, str) else as_yaml(value)
