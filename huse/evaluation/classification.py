"""Accuracy of images, texts and both, by class and by level, and which classes are confused (HUSE 4.5).

Letters: N items, K labels, C classes.

Where not said otherwise, `scores` are N × K, `classes` and `predicted` are N class numbers, the actual and the
predicted ones, `class_labels` are C lists of label numbers, and `count` is C.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from huse.fusion import class_scores, fuse
from huse.taxonomy import ClassTree

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
ClassLabels = Sequence[Sequence[int]]

STEPS = 20  # of the grid of fusion weights


def accuracy(scores: Floats, classes: Integers, class_labels: ClassLabels) -> float:
    """Return the mean of `label_hits`; in the scheme `leaf` this is the top-1 accuracy."""
    return float(label_hits(scores, classes, class_labels).mean())


def label_hits(scores: Floats, classes: Integers, class_labels: ClassLabels) -> Doubles:
    """Return for each item the share of its n labels that are among its n highest scores.

    In the scheme `leaf` every item has one label, and this is 1 or 0. Among equal scores the label with the lower
    number ranks higher.
    """
    wanted = label_matrix(class_labels, scores.shape[1])[classes]
    counts = wanted.sum(axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    among = np.arange(scores.shape[1]) < counts[:, None]
    hits: Doubles = (np.take_along_axis(wanted, order, axis=1) & among).sum(axis=1) / counts
    return hits


def label_matrix(class_labels: ClassLabels, labels: int) -> npt.NDArray[np.bool_]:
    """Return C × K, True where a label belongs to a class."""
    matrix = np.zeros((len(class_labels), labels), dtype=bool)
    for row, members in enumerate(class_labels):
        matrix[row, list(members)] = True
    return matrix


def label_shares(class_labels: ClassLabels, labels: int) -> Floats:
    """Return C × K float32 by which scores of classes become scores of labels: a class shares its own out equally."""
    members = label_matrix(class_labels, labels).astype(np.float32)
    shares: Floats = members / members.sum(axis=1, keepdims=True)
    return shares


def best_fusion_weight(
    image: Floats,
    text: Floats,
    classes: Integers,
    class_labels: ClassLabels,
) -> float:
    """Return the weight of the image scores in the average that gives the highest accuracy.

    The grid is 0, 1/`STEPS`, ..., 1. Among equal accuracies, the weight closest to one half wins, then the smaller.
    Items with a row of NaN in one modality do not count. Without others, the weight is 1 if all have image scores, 0 if
    all have text scores.

    Args:
        image: N × K scores of the validation split.
        text: N × K scores of the same items.
        classes: see above.
        class_labels: see above.
    """
    pictured, named = (~np.isnan(scores[:, 0]) for scores in (image, text))
    both = pictured & named
    if not both.any():
        return (1 + float(pictured.all()) - float(named.all())) / 2
    image, text, classes = image[both], text[both], classes[both]

    def rank(step: int) -> tuple[float, int, int]:
        # Integers: as floats, 0.3 and 0.7 are not equally far from one half.
        return accuracy(fuse(image, text, step / STEPS), classes, class_labels), -abs(2 * step - STEPS), -step

    return max(range(STEPS + 1), key=rank) / STEPS


def majority_accuracy(train_classes: Integers, classes: Integers, class_labels: ClassLabels, labels: int) -> float:
    """Return the accuracy of predicting the label shares of the training split for every item."""
    shares = label_matrix(class_labels, labels)[train_classes].mean(axis=0, dtype=np.float64)
    return accuracy(np.tile(shares.astype(np.float32), (len(classes), 1)), classes, class_labels)


def predicted_classes(scores: Floats, class_labels: ClassLabels) -> Integers:
    """Return for each of N rows of scores the class with the highest of `class_scores`, the first among equals."""
    predicted: Integers = class_scores(scores, class_labels).argmax(axis=1)
    return predicted


def top_hits(scores: Floats, classes: Integers, class_labels: ClassLabels, k: int) -> Doubles:
    """Return for each item 1 if its class has one of the `k` highest of `class_scores`, else 0.

    Among equal scores the class with the lower number ranks higher.
    """
    of_classes = class_scores(scores, class_labels)
    own = np.take_along_axis(of_classes, classes[:, None], axis=1)
    before = (of_classes == own) & (np.arange(of_classes.shape[1]) < classes[:, None])
    hits: Doubles = ((of_classes > own).sum(axis=1) + before.sum(axis=1) < k).astype(np.float64)
    return hits


def class_f1(predicted: Integers, classes: Integers, count: int) -> Doubles:
    """Return the F1 score of each of `count` classes; NaN for a class that is neither actual nor predicted."""
    right = np.bincount(classes[predicted == classes], minlength=count)
    either = np.bincount(classes, minlength=count) + np.bincount(predicted, minlength=count)
    scores: Doubles = np.divide(2 * right, either, out=np.full(count, np.nan), where=either > 0)
    return scores


def macro_f1(predicted: Integers, classes: Integers, count: int) -> float:
    """Return the mean of `class_f1` over the classes that have one, as scikit-learn does."""
    return float(np.nanmean(class_f1(predicted, classes, count)))


def class_means(values: Doubles, classes: Integers, count: int) -> Doubles:
    """Return the mean of N values over the items of each of `count` classes, NaN for classes without items."""
    totals, items = np.bincount(classes, weights=values, minlength=count), np.bincount(classes, minlength=count)
    means: Doubles = np.divide(totals, items, out=np.full(count, np.nan), where=items > 0)
    return means


def level_accuracy(predicted: Integers, classes: Integers, tree: ClassTree) -> dict[str, float]:
    """Return the share of items whose predicted class agrees with the actual one down to each level.

    A path that ends above a level agrees there only with itself, so the deepest level gives the class accuracy.

    Returns:
        ``level_1``, the coarsest, to the depth of the tree.
    """
    agree = [nodes[predicted] == nodes[classes] for nodes in tree.levels]
    return {f"level_{level}": float(each.mean()) for level, each in enumerate(agree, start=1)}


def confused_pairs(predicted: Integers, classes: Integers, most: int) -> list[tuple[int, int, int, float]]:
    """Return the pairs of classes that are confused, those with the most items first; at most `most` of them.

    Returns:
        Actual class, predicted class, items, and their share of the items of the actual class. Ties go by the higher
        share, then by the lower class numbers.
    """
    wrong = np.flatnonzero(predicted != classes)
    pairs, items = np.unique(np.stack([classes[wrong], predicted[wrong]]), axis=1, return_counts=True)
    shares = items / np.bincount(classes)[pairs[0]]
    order = np.lexsort((pairs[1], pairs[0], -shares, -items))[:most]
    found = zip(*pairs[:, order].tolist(), items[order].tolist(), shares[order].tolist(), strict=True)
    return [(actual, other, number, share) for actual, other, number, share in found]
