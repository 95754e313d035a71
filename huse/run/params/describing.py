"""Every parameter of ``params.yaml`` with what is known of it: its value, and what its declaration says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huse.nesting import flatten
from huse.run.params.all import check_params, sections
from huse.run.params.editing import as_yaml
from huse.run.params.reader import read_yaml

BOUNDS = (("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"))
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false", "null": "null"}
SEED = {
    "type": "integer",
    "minimum": 0,
    "maximum": 2**32 - 1,
    "description": "the one seed: sample, split, random weights, training",
}


@dataclass(frozen=True)
class Parameter:
    """One value of the file.

    Attributes:
        name: with its sections, ``train.graph.zeta``.
        value: as YAML writes it.
        allowed: what else it may be; the rest is checked together with other parameters.
        meaning: what it does.
    """

    name: str
    value: str
    allowed: str
    meaning: str


def describe_parameters(path: Path) -> list[Parameter]:
    """Return every parameter of a file, in its order.

    Raises:
        InputError: see `huse.run.params.all.check_params`.
    """
    check_params(path)
    schemas = {name: kind.model_json_schema() for name, kind in sections().items()} | {"seed": SEED}
    described = []
    for name, value in flatten(read_yaml(path)):
        schema = _declaration(name.split("."), schemas)
        described.append(Parameter(name, as_yaml(value), _kind(schema), schema["description"]))
    return described


def _declaration(names: Sequence[str], schemas: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    schema = root = schemas[names[0]]
    for name in names[1:]:
        schema = schema["properties"][name]
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(as_yaml, schema.get("enum", [schema.get("const")])))
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}"
    kind = KINDS[schema["type"]]
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} from {schema['minimum']} to {schema['maximum']}"
    return ", ".join([kind, *(text.format(schema[name]) for name, text in BOUNDS if name in schema)])
