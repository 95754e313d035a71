"""Multinomial logistic regression on many features, dense and sparse, for a range of penalties at once.

The objective is scikit-learn's: C · Σ cross entropy + ½ |W|², with a column of ones, penalised too, for the bias.

Weights are W = Xᵀ A, so there are N × K unknowns, however many features n-grams make. Inner products need no W either:
⟨Xᵀ A, Xᵀ B⟩ = ⟨A, G B⟩ with G = X Xᵀ. So conjugate gradients (Polak & Ribière's) work on A and on the logits G A
throughout, for one product with G a step. Logits along the direction are then known, and the line search is cheap.

Letters: N items, F features of a block, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from huse.evaluation.classification import Floats, Integers

# The N × F features of a block, in factors whose product they are: n-grams of characters are those of words.
Block = Sequence[Floats | csr_matrix]

FLAT = 0.1  # the line search ends where the slope is this share of the first one
TRIES = 8  # slopes that it looks at


@dataclass(frozen=True)
class Point:
    """A matrix of weights Xᵀ A.

    Attributes:
        items: A, N × K float32.
        logits: G A, N × K float32.
    """

    items: Floats
    logits: Floats

    def dot(self, other: "Point") -> float:
        """Return the inner product of the two matrices of weights."""
        return float(np.vdot(self.items, other.logits))

    def plus(self, factor: float, other: "Point") -> "Point":
        """Return self + factor · other."""
        of = np.float32(factor)
        return Point(self.items + of * other.items, self.logits + of * other.logits)


def fit_path(
    blocks: Sequence[Block],
    classes: Integers,
    count: int,
    strengths: Sequence[float],
    *,
    steps: int,
    tolerance: float = 1e-3,
) -> Iterator[list[Floats]]:
    """Fit one model for each strength, each from where the one before ended.

    Args:
        blocks: features of the training items.
        classes: their N class numbers.
        count: of classes, K.
        strengths: C of the objective, ascending; a higher one penalises less.
        steps: for each strength, at most, and twice as many for the first.
        tolerance: it ends earlier where the norm of the gradient is this share of the one with all weights 0.

    Yields:
        The weights of each block, F × K float32, and of the bias, 1 × K.
    """
    objective = _Objective([*blocks, [np.ones((len(classes), 1), np.float32)]], classes)
    zeros = np.zeros((len(classes), count), np.float32)
    at = Point(zeros, zeros)
    start = error = objective.error(at)
    for number, strength in enumerate(strengths):
        penalty = 1 / (strength * len(classes))
        gradient = error.plus(penalty, at)
        direction, length = gradient.plus(-2, gradient), gradient.dot(gradient) ** -0.5
        for _ in range(steps if number else 2 * steps):
            if gradient.dot(gradient) <= tolerance**2 * start.dot(start):
                break
            length = objective.line_search(at, direction, penalty, gradient.dot(direction), length)
            at = at.plus(length, direction)
            error = objective.error(at)
            last, gradient = gradient, error.plus(penalty, at)
            turn = max(0.0, gradient.dot(gradient.plus(-1, last)) / last.dot(last))
            direction = Point(turn * direction.items - gradient.items, turn * direction.logits - gradient.logits)
            if gradient.dot(direction) >= 0:  # not downwards any more: start anew
                direction = gradient.plus(-2, gradient)
        yield objective.weights(at)


class _Objective:
    """The mean cross entropy of the training items."""

    def __init__(self, blocks: Sequence[Block], classes: Integers) -> None:
        self._blocks, self._classes, self._rows = blocks, classes, np.arange(len(classes))
        self._turned = [
            [factor.T.tocsr() if isinstance(factor, csr_matrix) else factor.T for factor in block] for block in blocks
        ]

    def weights(self, at: Point) -> list[Floats]:
        """Return Xᵀ A, block by block."""
        return [_product(factors[::-1], at.items) for factors in self._turned]

    def error(self, at: Point) -> Point:
        """Return the gradient."""
        items = self._residuals(at.logits)
        total = np.zeros_like(items)
        for block, turned in zip(self._blocks, self._turned, strict=True):
            total += _product(block, _product(turned[::-1], items))
        return Point(items, total)

    def line_search(self, at: Point, direction: Point, penalty: float, first: float, guess: float) -> float:
        """Return how far to go: to where the slope, which grows along the line, is nearly 0.

        Args:
            at: where it begins.
            direction: downwards.
            penalty: weight of half the squared weights.
            first: the slope where it begins.
            guess: the length that is tried first.
        """
        along, squared = at.dot(direction), direction.dot(direction)
        low, of_low, high, of_high, length = 0.0, first, np.inf, np.inf, guess
        for _ in range(TRIES):
            residuals = self._residuals(at.logits + np.float32(length) * direction.logits)
            slope = float(np.vdot(residuals, direction.logits)) + penalty * (along + length * squared)
            if abs(slope) <= FLAT * abs(first):
                break
            if slope > 0:
                high, of_high = length, slope
            else:
                low, of_low = length, slope
            if np.isinf(high):
                length *= 2
            else:  # where the line through both slopes is 0, and well within the two
                width = high - low
                between = low + width * of_low / (of_low - of_high)
                length = float(np.clip(between, low + 0.1 * width, high - 0.1 * width))
        return length

    def _residuals(self, logits: Floats) -> Floats:
        """Return the gradient by the logits."""
        found = softmax(logits)
        found[self._rows, self._classes] -= 1
        found /= np.float32(len(found))
        return found


def softmax(logits: Floats) -> Floats:
    """Return N × K probabilities."""
    found: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def probabilities(blocks: Sequence[Block], weights: Sequence[Floats]) -> Floats:
    """Return the N × K probabilities of items by the weights of `fit_path`."""
    *of_blocks, bias = weights
    logits = np.repeat(bias, blocks[0][0].shape[0], axis=0)
    for block, own in zip(blocks, of_blocks, strict=True):
        logits += _product(block, own)
    return softmax(logits)


def rows_of(block: Block, rows: Integers) -> Block:
    """Return some rows of a block, without the rows of a second factor that none of them needs."""
    first, *others = block
    first = first[rows]
    if others and isinstance(first, csr_matrix):
        needed = np.unique(first.indices)
        return [first[:, needed], others[0][needed], *others[1:]]
    return [first, *others]


def _product(factors: Block, matrix: Floats) -> Floats:
    for factor in factors[::-1]:
        matrix = factor @ matrix
    return matrix
