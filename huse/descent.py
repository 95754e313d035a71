"""How far down the class tree a prediction is sure: from the root to the class, and where to stop for a precision.

What is not sure to be ``shoes<boots`` may be sure to be ``shoes``. Deng et al. 2012 ("Hedging your bets") trade how
much an answer says for how often it is right in this way.

Letters: N items, C classes, L levels of the deepest class path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.errors import InputError
from huse.taxonomy import Bools, ClassTree

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.str_]

# Kinds of items: with a picture alone, with a name alone, with both.
PICTURED, NAMED, WHOLE = KINDS = ("image", "text", "fusion")


@dataclass(frozen=True)
class Point:
    """Thresholds of node probabilities, one a level, and what they gave on the validation split.

    Attributes:
        precision: right answers / (answers + 1): the next answer counts as wrong, so few answers prove little.
        thresholds: for each of L levels the lowest probability of a node that is answered; None: the level never is.
        shares: L + 1 shares of the items: without an answer; with a node of level 1, ..., L - 1 above their class; and
            with their class.
    """

    precision: float
    thresholds: tuple[float | None, ...]
    shares: tuple[float, ...]


Points = Mapping[str, Sequence[Point]]  # by `KINDS`


@dataclass(frozen=True)
class Descent:
    """The way of N items from the root down to a class, always to the most probable child.

    Attributes:
        classes: N class numbers, where each way ends.
        probabilities: N × L float64, of the nodes on it, never rising; NaN below the class.
    """

    classes: Integers
    probabilities: Doubles


def descend(probabilities: npt.NDArray[np.floating], tree: ClassTree) -> Descent:
    """Follow the most probable child from the root to a class, for each item.

    The probability of a node is the sum of those of the classes at and below it. Where a class lies above others, it is
    a child of its own node beside them: the way ends there if it is more probable than each child below. Of equal
    children the first in tree order wins. So the class need not be the most probable one of all: several kinds of
    shoes, each little probable, can make ``shoes`` the most probable first level.

    Args:
        probabilities: N × C, rows that add up to 1; no NaN.
        tree: of the C classes.
    """
    count = len(probabilities)
    order = tree.order
    sorted_probabilities = probabilities[:, order].astype(np.float64)
    sums = np.full((count, len(tree.levels)), np.nan)
    above, parents = np.zeros(count, np.int64), np.zeros(len(tree), np.int64)
    for level, numbers in enumerate(tree.levels[:, order]):
        # The nodes of a level are runs of classes in tree order.
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        nodes = np.add.reduceat(sorted_probabilities, starts, axis=1)
        nodes[parents[starts] != above[:, None]] = -1
        above, parents = nodes.argmax(axis=1), numbers
        sums[:, level] = np.take_along_axis(nodes, above[:, None], axis=1)[:, 0]
    classes = np.array(order, np.int64)[above]  # each node of the last level is a class
    sums[np.arange(len(tree.levels)) >= tree.depths[classes][:, None]] = np.nan
    return Descent(classes, sums)


def answer_depths(descent: Descent, thresholds: Sequence[float | None]) -> Integers:
    """Return for N items how many levels of the way reach their thresholds, one after the other; 0: none."""
    least = np.array([np.inf if each is None else each for each in thresholds])
    depths: Integers = np.cumprod(descent.probabilities >= least, axis=1).sum(axis=1)
    return depths


def choose_points(points: Points, precision: float) -> dict[str, Point | None]:
    """Return for each kind the first of its points, the deepest answers first, that has a precision; None: none has.

    Raises:
        InputError: the precision is not between 0 and 1.
    """
    if not 0 < precision < 1:
        raise InputError(f"precision: expected a share between 0 and 1, such as 0.95, found {precision:g}.")
    return {
        kind: next((point for point in of_kind if point.precision >= precision), None)
        for kind, of_kind in points.items()
    }


def kinds_of(image: Bools, text: Bools) -> Kinds:
    """Return the kind of N items, by which of them have a picture and which a name; each has one."""
    return np.select([image & text, image], [WHOLE, PICTURED], NAMED)


def hedge(descent: Descent, kinds: Kinds, chosen: Mapping[str, Point | None]) -> Integers:
    """Return how many levels are answered for N items, each by the thresholds of its kind; 0: no answer.

    Args:
        descent: of the items.
        kinds: of them; see `kinds_of`.
        chosen: for each kind; see `choose_points`.
    """
    depths = np.zeros(len(kinds), np.int64)
    for kind, point in chosen.items():
        if point is not None:
            depths[kinds == kind] = answer_depths(descent, point.thresholds)[kinds == kind]
    return depths


def read_points(content: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Point]]:
    """Return points as JSON has them: by kind, a mapping of the attributes each."""
    return {
        kind: [Point(each["precision"], tuple(each["thresholds"]), tuple(each["shares"])) for each in of_kind]
        for kind, of_kind in content.items()
    }
