"""Reads recorded runs: parameters and metrics from Git, tables from DVC. Only commands use it."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from huse.errors import InputError
from huse.evaluation import intervals
from huse.experiments.revisions import WORKSPACE, find_commit, read_json, read_revision
from huse.experiments.runs.groups import Recorded, numbers
from huse.nesting import flatten
from huse.run import paths
from huse.run.params.reader import parse_yaml
from huse.run.place import Run

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
    items, queries = (_table(here, name, path) for path in FILES[split][1:])
    return recorded if items is None or queries is None else replace(recorded, items=intervals.Run(items, queries))


def read_metrics(here: Run, name: str, split: str) -> Recorded:
    """Read only a run's parameters and metrics; arguments and errors as in `read_run`."""
    metrics_path = FILES[split][0]
    content = read_revision(here.root, name, paths.PARAMS)
    metrics = read_json(here.root, name, metrics_path)
    if content is None or metrics is None:
        missing = paths.PARAMS if content is None else metrics_path
        raise InputError(f"{name}: expected {missing}, found none. Run the pipeline there: dvc repro, or dvc exp run.")
    if not isinstance(metrics.get("split"), str):
        raise InputError(f"{name}: {metrics_path}: expected metrics and the split's fingerprint; run it again.")
    params = parse_yaml(content, where=f"{name}: {paths.PARAMS}")
    return Recorded(name, dict(flatten(params)), numbers(metrics), metrics["split"], None)


def _table(here: Run, name: str, path: Path) -> pd.DataFrame | None:
    """Return a table that DVC keeps, or None if it is not available."""
    if name == WORKSPACE:
        return pd.read_parquet(here / path) if (here / path).is_file() else None
    # These take a second to import.
    import dvc.api  # noqa: PLC0415
    from dvc.exceptions import DvcException  # noqa: PLC0415

    try:
        content: Any = dvc.api.read(str(path), repo=str(here.root), rev=find_commit(here.root, name), mode="rb")
    except (DvcException, OSError):
        return None
    return pd.read_parquet(io.BytesIO(content))
