"""YAML files that come with the package, found by name."""

from importlib import resources
from itertools import takewhile
from typing import Any

from ruamel.yaml import YAML

ENDING = ".yaml"


def packaged_names(package: str) -> list[str]:
    """Return the names of the files in a package such as ``huse.experiments.presets``, sorted."""
    files = resources.files(package).iterdir()
    return sorted(file.name.removesuffix(ENDING) for file in files if file.name.endswith(ENDING))


def packaged_purposes(package: str) -> list[str]:
    """Return a line for each of these files: its name, and the first sentence of the comment at its head."""
    names = packaged_names(package)
    width = max(map(len, names), default=0)
    return [f"{name:{width}}  {_purpose(_text(package, name))}" for name in names]


def _purpose(text: str) -> str:
    head = takewhile(lambda line: line.startswith("# "), text.splitlines())
    return " ".join(line.removeprefix("# ") for line in head).partition(". ")[0].rstrip(".")


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(f"{name}{ENDING}").read_text(encoding="utf-8")


def read_packaged(package: str, name: str) -> dict[str, Any]:
    """Return the content of one."""
    content: dict[str, Any] = YAML(typ="safe").load(_text(package, name))
    return content
