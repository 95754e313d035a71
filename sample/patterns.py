"""Patterns of cloth, as the share of the second colour at a place.

The coordinates u (across) and v (down) count repeats of the pattern; any shape, both the same.
"""

import numpy as np
import numpy.typing as npt

Grid = npt.NDArray[np.float32]


def _to_middle(u: Grid) -> Grid:
    """Return the distance to the middle of the repeat, 0 to 0.5."""
    return np.asarray(np.abs(u % 1 - 0.5), dtype=np.float32)


def pattern_share(pattern: str, u: Grid, v: Grid) -> Grid:
    """Return the share of the second colour, 0 to 1, of the shape of `u`.

    Raises:
        ValueError: the pattern is not one of `PATTERNS` but ``plain``.
    """
    match pattern:
        case "stripes":
            share = _to_middle(v) < 0.25
        case "pinstripes":
            share = _to_middle(2 * u) < 0.12
        case "dots":
            share = _to_middle(u) ** 2 + _to_middle(v) ** 2 < 0.28**2
        case "checks":
            return (0.5 * (_to_middle(u) < 0.25) + 0.5 * (_to_middle(v) < 0.25)).astype(np.float32)
        case "zigzag":
            share = (v + _to_middle(u)) % 1 < 0.4
        case "blotches":
            waves = np.sin(5 * u + 2 * np.sin(3 * v)) + np.sin(6 * v + 2 * np.sin(2.6 * u))
            share = waves > 0.7
        case "halves":
            share = v > 0.5
        case _:
            raise ValueError(f"pattern: expected one of the table PATTERNS, found {pattern!r}")
    return share.astype(np.float32)
