"""Presets: named sets of parameters, each a YAML file in this folder with its purpose.

All set the same parameters, so that the earlier values do not matter: ``sample`` lists every value, the others list
their differences. Presets leave parameters of the catalogue and the machine alone.
"""

from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.experiments.packaged import packaged_names, read_packaged
from huse.nesting import flatten, nest
from huse.run.params.editing import set_values

COMPLETE = "sample"


def preset_names() -> list[str]:
    """Return the names of the presets, sorted."""
    return packaged_names("huse.experiments.presets")


def read_preset(name: str) -> dict[str, Any]:
    """Return the sections and values of a preset, complete.

    Raises:
        InputError: the preset is unknown.
    """
    if name not in preset_names():
        raise InputError(f"no preset {name!r}; there are: {', '.join(preset_names())}.")
    return nest({**_read(COMPLETE), **_read(name)})


def _read(name: str) -> dict[str, Any]:
    return dict(flatten(read_packaged("huse.experiments.presets", name)))


def apply_preset(name: str, path: Path) -> list[str]:
    """Write the values of a preset into a parameter file, keeping its comments.

    Args:
        name: of the preset.
        path: of the ``params.yaml``.

    Returns:
        One line for each value that changed: ``train.steps: 600 -> 250000``.

    Raises:
        InputError: the preset is unknown, or the file lacks one of its parameters.
    """
    return set_values(path, read_preset(name))
