"""Presets: named sets of parameters, each a YAML file in this folder with its purpose.

All set the same parameters, so that the earlier values do not matter: ``sample`` lists every value, the others list
their differences to it, or to the preset that `like` names. Presets leave parameters of the catalogue and the machine
alone.
"""

from typing import Any

from huse.errors import InputError
from huse.experiments.packaged import packaged_names, read_packaged
from huse.nesting import flatten, nest

COMPLETE, LIKE = "sample", "like"
PRESETS = "huse.experiments.presets"  # this package


def preset_names() -> list[str]:
    """Return the names of the presets, sorted."""
    return packaged_names(PRESETS)


def read_preset(name: str) -> dict[str, Any]:
    """Return the sections and values of a preset, complete.

    Raises:
        InputError: the preset is unknown.
    """
    if name not in preset_names():
        raise InputError(f"no preset {name!r}; there are: {', '.join(preset_names())}.")
    own = dict(flatten(read_packaged(PRESETS, name)))
    like = own.pop(LIKE, COMPLETE)
    return nest(own if name == COMPLETE else dict(flatten(read_preset(like))) | own)
