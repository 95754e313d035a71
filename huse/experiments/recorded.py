"""Reads recorded runs: parameters and metrics from Git, tables from DVC. Only commands use it."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from huse.errors import InputError
from huse.evaluation import intervals
from huse.experiments.revisions import find_commit, read_revision
from huse.experiments.runs.groups import Recorded, numbers
from huse.nesting import flatten
from huse.run import paths
from huse.run.params.reader import parse_yaml
from huse.run.place import Run

WORKSPACE = "workspace"
FILES = {
    "test": (paths.EVALUATE_METRICS, paths.TEST_ITEMS, paths.TEST_QUERIES),
    "validation": (paths.VALIDATION_METRICS, paths.VALIDATION_ITEMS, paths.VALIDATION_QUERIES),
}


def read_run(here: Run, name: str, split: str) -> Recorded:
    """Read a run, with its tables of items and queries if available.

    Args:
        here: the repository.
        name: of an experiment, a branch, a tag or a commit; or ``workspace``, the working tree.
        split: test or validation.

    Raises:
        InputError: the run is unknown, or its parameters or metrics are missing or damaged.
    """
    recorded = read_metrics(here, name, split)  # first, since it is fast and may fail; tables take seconds
    commit = None if name == WORKSPACE else find_commit(here.root, name)
    items, queries = (_table(here, commit, path) for path in FILES[split][1:])
    return recorded if items is None or queries is None else replace(recorded, items=intervals.Run(items, queries))


def read_metrics(here: Run, name: str, split: str) -> Recorded:
    """Read only a run's parameters and metrics; arguments and errors as in `read_run`."""
    metrics_path = FILES[split][0]
    commit = None if name == WORKSPACE else find_commit(here.root, name)
    params = parse_yaml(_require(here, name, commit, paths.PARAMS), where=f"{name}: {paths.PARAMS}")
    try:
        metrics = json.loads(_require(here, name, commit, metrics_path))
    except ValueError as error:
        raise InputError(f"{name}: {metrics_path}: not valid JSON ({error}). Run it again.") from error
    if not isinstance(metrics, dict) or not isinstance(metrics.get("split"), str):
        raise InputError(f"{name}: {metrics_path}: expected metrics and the split's fingerprint; run it again.")
    return Recorded(name, dict(flatten(params)), numbers(metrics), metrics["split"], None)


def _require(here: Run, name: str, commit: str | None, path: Path) -> bytes:
    file = here / path
    content = read_revision(here.root, commit, path) if commit else (file.read_bytes() if file.is_file() else None)
    if content is None:
        raise InputError(f"{name}: expected {path}, found none. Run the pipeline there: dvc repro, or dvc exp run.")
    return content


def _table(here: Run, commit: str | None, path: Path) -> pd.DataFrame | None:
    """Return a table that DVC keeps, or None if it is not available."""
    if commit is None:
        return pd.read_parquet(here / path) if (here / path).is_file() else None
    # These take a second to import.
    import dvc.api  # noqa: PLC0415
    from dvc.exceptions import DvcException  # noqa: PLC0415

    try:
        content: Any = dvc.api.read(str(path), repo=str(here.root), rev=commit, mode="rb")
    except (DvcException, OSError):
        return None
    return pd.read_parquet(io.BytesIO(content))
