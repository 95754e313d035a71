"""Outlines that products are made of.

The frame of a product is x to the right and y down, both from -1 to 1. Letters: P points of an outline.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Pair = tuple[float, float]
Traits = tuple[float, ...]
"""Four numbers from 0 to 1 by which products of a class differ in shape."""

CURVE_STEPS = 5
CIRCLE_STEPS = 28


class Paint(Enum):
    """The paint of a part."""

    MAIN = "main"  # colour and pattern of the product
    SECOND = "second"  # its second colour
    DARK = "dark"  # the main colour, darker
    LIGHT = "light"  # the main colour, lighter
    METAL = "metal"
    INK = "ink"  # nearly black
    PALE = "pale"  # nearly white
    GLASS = "glass"
    FLAME = "flame"


@dataclass(frozen=True)
class Part:
    """One outline of a product.

    Attributes:
        points: P × 2, in the frame of the product.
        paint: what it is painted with.
        width: of a line through the points, in the frame of the product; 0: fill the outline.
    """

    points: Points
    paint: Paint
    width: float = 0.0


def fill(points: Points | list[Pair], paint: Paint) -> Part:
    """Return a filled outline (P × 2)."""
    return line(points, paint, 0.0)


def line(points: Points | list[Pair], paint: Paint, width: float) -> Part:
    """Return a line of that width through the points (P × 2)."""
    return Part(np.asarray(points, dtype=np.float64), paint, width)


def between(low: float, high: float, trait: float) -> float:
    """Interpolate from `low` to `high` by `trait`."""
    return low + (high - low) * trait


def ranged(traits: Traits, *ranges: Pair) -> list[float]:
    """Interpolate in each range by the trait of the same place."""
    return [between(low, high, trait) for (low, high), trait in zip(ranges, traits, strict=False)]


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Return a rectangle (4 × 2)."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, across: float, down: float | None = None, turns: Pair = (0, 1)) -> Points:
    """Return an ellipse, or an arc of it (P × 2).

    Args:
        x: of the centre.
        y: of the centre.
        across: radius along x.
        down: radius along y; as `across` where None.
        turns: where the arc begins and ends, in turns clockwise from the right.
    """
    angle = 2 * np.pi * np.linspace(*turns, CIRCLE_STEPS)
    return np.stack([x + across * np.cos(angle), y + (across if down is None else down) * np.sin(angle)], 1)


def mirror(right: Points | list[Pair]) -> Points:
    """Close the right half of an outline, given from top to bottom, by its mirror image (P × 2 to 2P × 2)."""
    half = np.asarray(right, dtype=np.float64)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def sagging(half_top: float, top: float, half_bottom: float, bottom: float) -> Points:
    """Return an outline with straight sides whose lower edge sags in the middle (P × 2)."""
    return np.concatenate([[(-half_top, top), (half_top, top)], ellipse(0, bottom, half_bottom, 0.1, (0, 0.5))])


def smooth(points: Points | list[Pair]) -> Points:
    """Round a closed outline by a Catmull-Rom spline through its points (P × 2 to 5P × 2)."""
    p1 = np.asarray(points, dtype=np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = (np.arange(CURVE_STEPS) / CURVE_STEPS)[None, :, None]
    a, b, c, d = p0[:, None], p1[:, None], p2[:, None], p3[:, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.reshape(-1, 2))


def moved(parts: list[Part], x: float, y: float, scale: float = 1.0, turn: float = 0.0) -> list[Part]:
    """Return the parts turned (in turns, clockwise), scaled and then moved."""
    angle = 2 * np.pi * turn
    matrix = scale * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return [Part(part.points @ matrix + (x, y), part.paint, part.width * scale) for part in parts]
