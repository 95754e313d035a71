"""Every parameter of ``params.yaml`` with what is known of it: its value, what it may be, and what its comment says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from huse.run.params.all import check_params, sections
from huse.run.params.editing import as_yaml

BOUNDS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
)
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false", "null": "null"}
SEED = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}


@dataclass(frozen=True)
class Parameter:
    """One value of the file.

    Attributes:
        name: with its sections, ``train.graph.zeta``.
        value: as YAML writes it.
        allowed: what else it may be; the rest is checked together with other parameters.
        meaning: its comment in the file; empty where it has none.
    """

    name: str
    value: str
    allowed: str
    meaning: str


def describe_parameters(path: Path) -> list[Parameter]:
    """Read a parameter file.

    Args:
        path: of the ``params.yaml``.

    Returns:
        Every parameter, in the order of the file.

    Raises:
        InputError: see `huse.run.params.all.check_params`.
    """
    check_params(path)
    content = YAML().load(path.read_text(encoding="utf-8"))
    schemas = {name: kind.model_json_schema() for name, kind in sections().items()}
    return [
        Parameter(".".join(names), as_yaml(value), _allowed(names, schemas), meaning)
        for names, value, meaning in _leaves(content)
    ]


def _leaves(section: CommentedMap, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    for name, value in section.items():
        if isinstance(value, CommentedMap):
            yield from _leaves(value, (*names, name))
        else:
            yield (*names, name), value, _comment(section, name)


def _comment(section: CommentedMap, name: str) -> str:
    """Return the comment behind a value, with the lines that go on beneath it; a blank line ends it."""
    token = section.ca.items.get(name, [None] * 3)[2]
    if token is None:
        return ""
    lines = token.value.strip("\n").split("\n\n")[0].split("\n")
    return " ".join(line.strip().lstrip("# ") for line in lines if line.strip())


def _allowed(names: tuple[str, ...], schemas: Mapping[str, Mapping[str, Any]]) -> str:
    if names == ("seed",):
        return _kind(SEED)
    schema = root = schemas[names[0]]
    for name in names[1:]:
        schema = schema["properties"][name]
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return " or ".join(map(_kind, schema.get("anyOf", [schema])))


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(map(as_yaml, schema.get("enum", [schema.get("const")])))
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}"
    kind = KINDS[schema["type"]]
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} from {schema['minimum']} to {schema['maximum']}"
    return ", ".join([kind, *(text.format(schema[name]) for name, text in BOUNDS if name in schema)])
