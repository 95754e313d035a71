"""Flat names to nested mappings and back, as metrics files and parameters have them."""

from collections.abc import Iterator, Mapping
from typing import Any


def nest(values: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Turn ``a.b: 1`` into ``a: {b: 1}``. No name may be the parent of another, as `a` is of `a.b`."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *folders, leaf = name.split(separator)
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[leaf] = value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``a.b`` and 1 of ``a: {b: 1}``, in the order of the tree."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
