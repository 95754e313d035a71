"""What answers say, in what JSON has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from huse.use.server.refused import RefusedError

if TYPE_CHECKING:
    import numpy.typing as npt

    from huse.use.decisions import Decision
    from huse.use.index import Hit


def hit_told(hit: "Hit") -> dict[str, Any]:
    """Return a hit; in place of the path of its picture, which is no client's, the address of its thumbnail."""
    row = plain(asdict(hit))
    key, image = row.pop("key"), row.pop("image")
    return {**row, "picture": picture_address(key) if image else None}


def picture_address(key: str) -> str:
    """Return where the picture of a row is served, by the row's key."""
    return f"/pictures/{quote(key, safe='')}"


def decision_told(decision: "Decision") -> dict[str, Any]:
    """Return a decision with all its fields."""
    return plain({**vars(decision), "agree": decision.agree})


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as JSON can say it: without NaN."""
    return {
        name: plain(value) if isinstance(value, dict) else None if _is_nan(value) else value
        for name, value in row.items()
    }


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def unit(embedding: Sequence[float], dimension: int) -> "npt.NDArray[np.float32]":
    """Return an embedding of a client, D float32, scaled to unit norm.

    Raises:
        RefusedError: 422, it has another number of values, or no direction.
    """
    row = np.asarray(embedding, np.float64)
    norm = np.linalg.norm(row) if len(row) == dimension else 0
    if not 1e-6 < norm < 1e6:
        raise RefusedError(422, f"embedding: expected {dimension} numbers that are not all 0, found {len(row)}.")
    return (row / norm).astype(np.float32)
