"""Changes values of a YAML file in place: its comments, quotes and order stay."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from huse.errors import InputError
from huse.run.artifacts import Outputs
from huse.run.params.reader import read_yaml


def as_yaml(value: Any) -> str:
    """Return a value as the file writes it: ``null``, ``true``, ``[a, b]``."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


@contextmanager
def edit_yaml(path: Path) -> Iterator[Any]:
    """Give the content of a file to be changed; it is written, whole, where no error comes.

    Raises:
        InputError: the file is missing, no YAML, or no mapping.
    """
    read_yaml(path)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null"))
    content = yaml.load(path.read_text(encoding="utf-8"))
    yield content
    text = StringIO()
    yaml.dump(content, text)
    with Outputs() as outputs:
        outputs.path(path).write_text(text.getvalue(), encoding="utf-8")


def set_values(path: Path, values: Mapping[str, Any]) -> list[str]:
    """Set parameters of a file, given as nested sections.

    Returns:
        One line for each value that changed: ``train.steps: 600 -> 250000``.

    Raises:
        InputError: the file lacks one of the parameters.
    """
    with edit_yaml(path) as content:
        return _merge(content, values, path, "")


def _merge(content: Any, values: Mapping[str, Any], path: Path, prefix: str) -> list[str]:
    changes = []
    for key, value in values.items():
        if key not in content:
            raise InputError(f"{path}: has no parameter {prefix}{key}.")
        if isinstance(value, Mapping):
            changes += _merge(content[key], value, path, f"{prefix}{key}.")
        elif content[key] != value:
            changes.append(f"{prefix}{key}: {as_yaml(content[key])} -> {as_yaml(value)}")
            if isinstance(value, list) and isinstance(content[key], list):
                content[key][:] = [_quoted(item) for item in value]  # in place: on one line as before, with its comment
            else:
                content[key] = value
    return changes


def _quoted(item: Any) -> Any:
    """Put a text with a colon into quotes: in a list on one line, the parser takes the colon for that of a mapping."""
    return DoubleQuotedScalarString(item) if isinstance(item, str) and ":" in item else item
