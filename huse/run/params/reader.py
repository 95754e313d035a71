"""Reads one section of ``params.yaml`` into what declares it, as YAML 1.2, the way DVC reads it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from huse.errors import InputError
from huse.settings import Settings

SectionType = TypeVar("SectionType", bound=Settings)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping.

    Raises:
        InputError: the file is missing, no YAML, or no mapping.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Run from the repository, or a folder of it.") from None
    return parse_yaml(content, where=str(path))


def parse_yaml(content: bytes, *, where: str) -> dict[str, Any]:
    """Read a YAML 1.2 mapping from UTF-8; `where` names it in messages.

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


def parse_section(kind: type[SectionType], values: Any, *, where: str, whole: bool = False) -> SectionType:
    """Check the values of one section.

    Args:
        kind: what declares the section.
        values: what the file holds under it.
        where: file and section, for the message.
        whole: every setting must be there, also one that has a default.

    Raises:
        InputError: a key is unknown or missing, or a value does not fit; names every such key.
    """
    problems = [f"{where}.{name}: field required; found nothing" for name in _left_out(kind, values)] if whole else []
    try:
        section = kind.model_validate(values)
    except ValidationError as error:
        problems += [
            f"{where}{'.' if problem['loc'] else ''}{'.'.join(map(str, problem['loc']))}: {_reason(problem)}"
            for problem in error.errors(include_url=False)
        ]
    if problems:
        raise InputError("\n".join(problems))
    return section


def _reason(problem: Mapping[str, Any]) -> str:
    """Return what a value should be, and what was found; settings that do not go together are not repeated."""
    said = problem["msg"].removeprefix("Value error, ")
    found = "nothing" if problem["type"] == "missing" else repr(problem["input"])
    together = problem["type"] == "value_error" and isinstance(problem["input"], Mapping)
    return f"{said[0].lower()}{said[1:]}" + ("" if together else f"; found {found}")


def _left_out(kind: type[Settings], values: Any) -> Iterator[str]:
    """Yield the names of settings that have a default and are not there; pydantic names the others."""
    for name, field in kind.model_fields.items() if isinstance(values, Mapping) else ():
        if name not in values:
            if not field.is_required():
                yield name
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from (f"{name}.{inner}" for inner in _left_out(field.annotation, values[name]))


def read_section(kind: type[SectionType], name: str, path: Path) -> SectionType:
    """Read the section `name` of a parameter file.

    Raises:
        InputError: see `read_yaml` and `parse_section`.
    """
    content = read_yaml(path)
    if name not in content:
        raise InputError(f"{path}: expected a section `{name}`, found {', '.join(content) or 'none'}.")
    return parse_section(kind, content[name], where=f"{path}: {name}", whole=True)


def read_seed(path: Path) -> int:
    """Read the one seed of a parameter file.

    Raises:
        InputError: `seed` is missing or no whole number from 0 to 2³²-1.
    """
    seed = read_yaml(path).get("seed")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise InputError(f"{path}: seed: expected a whole number from 0 to 4294967295, found {seed!r}.")
    return seed
