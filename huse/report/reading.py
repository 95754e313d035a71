"""Reads the small text tables of the metrics: CSV, and the TSV files of curves."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from huse.errors import InputError


def read_text_table(path: Path, columns: Sequence[str], separator: str = ",") -> pd.DataFrame:
    """Read a table with a header that has at least `columns`.

    Args:
        path: the file.
        columns: their names.
        separator: of the columns.

    Raises:
        InputError: the file is missing, no such table, or lacks a column.
    """
    if not path.exists():
        raise InputError(f"{path}: not found. Run `dvc repro` to make it.")
    try:
        # Names that look like missing values ("NA", "null") are names.
        table = pd.read_csv(path, sep=separator, keep_default_na=False, na_values={name: [""] for name in columns})
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise InputError(f"{path}: not a readable table ({error}). Delete it and run `dvc repro`.") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: expected the columns {', '.join(columns)}; found {', '.join(map(str, table.columns))}. "
            "Run `dvc repro` to make it again."
        )
    return table


def read_curves(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the curves of training: one TSV file each, with the columns `step` and the curve's name.

    Args:
        folder: all TSV files in it and below it.

    Returns:
        By name, such as ``validation/recall_at_1``, in alphabetical order; empty where there is no such folder.

    Raises:
        InputError: see `read_text_table`.
    """
    files = {file.relative_to(folder).with_suffix("").as_posix(): file for file in folder.rglob("*.tsv")}
    return {name: read_text_table(files[name], ["step", files[name].stem], "\t") for name in sorted(files)}
