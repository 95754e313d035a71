"""Accuracy of images, texts and both, and which classes are mixed up.

Letters: N items, K labels, C classes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


def accuracy(scores: Floats, classes: Integers, class_labels: Sequence[Sequence[int]]) -> float:
    """Return the mean of `label_hits`; in the scheme `leaf` this is the top-1 accuracy.

    Args:
        scores: N × K.
        classes: N class numbers.
        class_labels: C lists of label numbers.
    """
    return float(label_hits(scores, classes, class_labels).mean())


def label_hits(scores: Floats, classes: Integers, class_labels: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """Return for each item the share of its n labels that are among its n highest scores.

    In the scheme `leaf` every item has one label, and this is 1 or 0. Of equal scores the label with the lower number
    is the higher one.

    Args:
        scores: N × K.
        classes: N class numbers.
        class_labels: C lists of label numbers.

    Returns:
        N float64.
    """
    wanted = label_matrix(class_labels, scores.shape[1])[classes]
    counts = wanted.sum(axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    among = np.arange(scores.shape[1]) < counts[:, None]
    hits: npt.NDArray[np.float64] = (np.take_along_axis(wanted, order, axis=1) & among).sum(axis=1) / counts
    return hits


def label_matrix(class_labels: Sequence[Sequence[int]], labels: int) -> npt.NDArray[np.bool_]:
    """Return C × K, True where a label belongs to a class."""
    matrix = np.zeros((len(class_labels), labels), dtype=bool)
    for row, members in enumerate(class_labels):
        matrix[row, list(members)] = True
    return matrix


def fuse(image: Floats, text: Floats, weight: float) -> Floats:
    """Return the weighted average of the scores (HUSE 4.5): weight · image + (1 - weight) · text."""
    fused: Floats = weight * image + (1 - weight) * text
    return fused


def best_fusion_weight(
    image: Floats, text: Floats, classes: Integers, class_labels: Sequence[Sequence[int]], steps: int = 20
) -> float:
    """Return the weight of the image scores that gives the highest accuracy.

    Args:
        image: N × K scores of the validation split.
        text: N × K scores of the same items.
        classes: N class numbers.
        class_labels: C lists of label numbers.
        steps: the grid is 0, 1/steps, ..., 1. Of equal accuracies, the weight closest to one half wins, then
            the smaller one.
    """

    def rank(step: int) -> tuple[float, int, int]:
        # Whole numbers: as floats, 0.3 and 0.7 are not equally far from one half.
        return accuracy(fuse(image, text, step / steps), classes, class_labels), -abs(2 * step - steps), -step

    return max(range(steps + 1), key=rank) / steps


def majority_accuracy(
    train_classes: Integers, classes: Integers, class_labels: Sequence[Sequence[int]], labels: int
) -> float:
    """Return the accuracy of always giving the label shares of the training split, whatever the item."""
    shares = label_matrix(class_labels, labels)[train_classes].mean(axis=0, dtype=np.float64)
    return accuracy(np.tile(shares.astype(np.float32), (len(classes), 1)), classes, class_labels)


def predicted_classes(scores: Floats, class_labels: Sequence[Sequence[int]]) -> Integers:
    """Return the class whose labels have the highest mean score, for each of N rows of N × K scores."""
    matrix = label_matrix(class_labels, scores.shape[1]).astype(np.float32)
    class_scores = scores @ (matrix / matrix.sum(axis=1, keepdims=True)).T
    predicted: Integers = class_scores.argmax(axis=1)
    return predicted
