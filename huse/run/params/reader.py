"""Reads one section of ``params.yaml`` into its dataclass, as YAML 1.2, the way DVC reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from huse.errors import InputError


class Section(BaseModel):
    """A section of the parameters: no unknown key, no silent conversion, not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


SectionType = TypeVar("SectionType", bound=Section)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping.

    Raises:
        InputError: the file is missing, no YAML, or no mapping.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Run from the root of the repository.") from None
    return parse_yaml(content, where=str(path))


def parse_yaml(content: bytes, *, where: str) -> dict[str, Any]:
    """Read a YAML 1.2 mapping from the bytes of a file.

    Args:
        content: UTF-8.
        where: what it is, for the message.

    Raises:
        InputError: it is no YAML, or no mapping.
    """
    try:
        found = YAML(typ="safe").load(content.decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{where}: expected a mapping of sections, found {type(found).__name__}.")
    return found


def parse_section(kind: type[SectionType], values: Any, *, where: str) -> SectionType:
    """Check the values of one section.

    Args:
        kind: the dataclass of the section.
        values: what the file holds under it.
        where: file and section, for the message.

    Raises:
        InputError: a key is unknown or missing, or a value does not fit; names every such key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{where}{'.' if problem['loc'] else ''}{'.'.join(map(str, problem['loc']))}: "
            f"{problem['msg'][0].lower()}{problem['msg'][1:]}; found {_shown(problem)}"
            for problem in error.errors(include_url=False)
        ]
        raise InputError("\n".join(problems)) from None


def _shown(problem: Mapping[str, Any]) -> str:
    return "nothing" if problem["type"] == "missing" else repr(problem["input"])


def read_section(kind: type[SectionType], name: str, path: Path = Path("params.yaml")) -> SectionType:
    """Read the section `name`.

    Raises:
        InputError: see `read_yaml` and `parse_section`.
    """
    content = read_yaml(path)
    if name not in content:
        raise InputError(f"{path}: expected a section `{name}`, found {', '.join(content) or 'none'}.")
    return parse_section(kind, content[name], where=f"{path}: {name}")


def read_seed(path: Path = Path("params.yaml")) -> int:
    """Read the one seed.

    Raises:
        InputError: `seed` is missing or no whole number from 0 to 2³²-1.
    """
    seed = read_yaml(path).get("seed")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise InputError(f"{path}: seed: expected a whole number from 0 to 4294967295, found {seed!r}.")
    return seed
