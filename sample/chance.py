"""Random generators that depend only on numbers: the same seed gives the same sample."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

Random = np.random.Generator
Choice = TypeVar("Choice")


class Purpose(IntEnum):
    """The use of a generator; keeps the streams of different uses apart."""

    DEAL = 1
    PRODUCT = 2
    NAME = 3
    VIEW = 4
    ORDER = 5


def generator(purpose: Purpose, seed: int, *numbers: int) -> Random:
    """Return the generator of one use.

    Args:
        purpose: its use.
        seed: of the sample.
        numbers: which product, which view; none negative.
    """
    # The length is part of the key because (1, 2) and (1, 2, 0) give the same seed sequence.
    return np.random.default_rng([purpose, len(numbers), seed, *numbers])


def pick(random: Random, choices: Sequence[Choice]) -> Choice:
    """Return one of the choices, each equally likely."""
    return choices[int(random.random() * len(choices))]


def pick_weighted(random: Random, choices: Sequence[tuple[Choice, float]]) -> Choice:
    """Return one of the choices at random by weight; the weights need not add up to 1."""
    left = random.random() * sum(weight for _, weight in choices)
    for choice, weight in choices:
        left -= weight
        if left < 0:
            return choice
    return choices[-1][0]
