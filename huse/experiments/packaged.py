"""YAML files that come with the package, found by name."""

from importlib import resources
from typing import Any

from ruamel.yaml import YAML

ENDING = ".yaml"


def packaged_names(package: str) -> list[str]:
    """Return the names of the files in a package such as ``huse.experiments.presets``, sorted."""
    files = resources.files(package).iterdir()
    return sorted(file.name.removesuffix(ENDING) for file in files if file.name.endswith(ENDING))


def read_packaged(package: str, name: str) -> dict[str, Any]:
    """Return the content of one."""
    text = resources.files(package).joinpath(f"{name}{ENDING}").read_text(encoding="utf-8")
    content: dict[str, Any] = YAML(typ="safe").load(text)
    return content
