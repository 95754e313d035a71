"""Fuses image and text scores (HUSE 4.5), turns label scores into class scores, and combines the items of a product.

Letters: N items, K labels, C classes, D dimension of the shared space, P products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST = np.finfo(np.float32).tiny  # so that a score that underflows to 0 has a logarithm too


@dataclass(frozen=True)
class LogLinear:
    """Fusion of image and text scores by their logarithms; fitted on the validation split.

    Attributes:
        image_temperature: of the image scores; above 1 makes them less certain.
        text_temperature: of the text scores.
        image_weight: of the image scores' logarithms in the sum, from 0 to 1; that of the text scores is
            1 - image_weight.
        sharpness: what the sum is multiplied by. Where both agree, they are surer than either.
    """

    image_temperature: float
    text_temperature: float
    image_weight: float
    sharpness: float = 1.0

    def scores(self, image: Floats, text: Floats) -> Floats:
        """Fuse N × K scores; an item with a row of NaN in one modality gets those of the other, calibrated."""
        tempered = temper(image, self.image_temperature), temper(text, self.text_temperature)
        return self._completed(fuse_log_linear(*tempered, self.image_weight, self.sharpness), image, text)

    def average(self, image: Floats, text: Floats, weight: float) -> Floats:
        """Return the weighted average in place of the log-linear fusion; see `fuse`."""
        return self._completed(fuse(image, text, weight), image, text)

    def _completed(self, fused: Floats, image: Floats, text: Floats) -> Floats:
        """Change the rows of items of one modality, with a row of NaN in the other, to its calibrated scores."""
        for own, other, temperature in ((image, text, self.image_temperature), (text, image, self.text_temperature)):
            alone = np.isnan(other[:, 0])
            if alone.any():
                fused[alone] = temper(own[alone], temperature)
        return fused


def fuse(image: Floats, text: Floats, weight: float) -> Floats:
    """Return the weighted average of the scores (HUSE 4.5): weight · image + (1 - weight) · text."""
    fused: Floats = weight * image + (1 - weight) * text
    return fused


def log_scores(scores: Floats) -> Doubles:
    """Return the logarithms of N × K scores in float64, finite even for a score of 0."""
    logs: Doubles = np.log(np.maximum(scores, LEAST), dtype=np.float64)
    return logs


def temper(scores: Floats, temperature: float) -> Floats:
    """Return N × K scores calibrated by a temperature: softmax(log(scores) / temperature)."""
    return _normalised(log_scores(scores) / temperature)


def fuse_log_linear(image: Floats, text: Floats, weight: float, sharpness: float = 1.0) -> Floats:
    """Return (image^weight · text^(1 - weight))^sharpness of N × K scores, each row scaled to add up to 1."""
    return _normalised(sharpness * (weight * log_scores(image) + (1 - weight) * log_scores(text)))


def _normalised(logs: Doubles) -> Floats:
    scores: Floats = np.exp(logs - _log_sum(logs)).astype(np.float32)
    return scores


def _log_sum(logs: Doubles) -> Doubles:
    """Return the logarithm of the sum of the exponentials of each row, N × 1; NaN of a row of NaN.

    It is SciPy's `logsumexp`, to the bit, in a quarter of its time for one row: the greatest are counted, not added.
    """
    greatest = logs.max(axis=1, keepdims=True)
    at = logs == greatest
    count = np.maximum(at.sum(axis=1, keepdims=True, dtype=np.float64), 1)  # of a row of NaN none is the greatest
    rest = np.exp(np.where(at, -np.inf, logs) - greatest).sum(axis=1, keepdims=True)
    total: Doubles = np.log1p(rest / count) + np.log(count) + greatest
    return total


def class_scores(scores: Floats, class_labels: Sequence[Sequence[int]]) -> Floats:
    """Return the mean score of the labels of each class; in the scheme `leaf` that is the score of its one label.

    Args:
        scores: N × K.
        class_labels: C lists of label numbers.

    Returns:
        N × C float32.
    """
    depths = np.array([len(labels) for labels in class_labels])
    total = np.zeros((len(scores), len(depths)), dtype=np.float32)
    for depth in range(depths.max()):
        deep = [index for index, labels in enumerate(class_labels) if len(labels) > depth]
        total[:, deep] += np.take(scores, [class_labels[index][depth] for index in deep], axis=1)
    mean: Floats = np.divide(total, depths, dtype=np.float32)
    return mean


def class_probabilities(scores: Floats, class_labels: Sequence[Sequence[int]]) -> Floats:
    """Return `class_scores`, each row scaled to add up to 1; N × C float32."""
    of_classes = class_scores(scores, class_labels)
    probabilities: Floats = of_classes / of_classes.sum(axis=1, keepdims=True)
    return probabilities


def mean_scores(scores: Floats, products: Integers) -> Floats:
    """Return the mean of the scores of each product's items; rows of NaN do not count.

    Args:
        scores: N × K.
        products: N product numbers, each of 0 to P - 1 at least once.

    Returns:
        P × K float32; a row of NaN where all rows of a product are.
    """
    if len(np.unique(products)) == len(products):  # the same to the bit, in a hundredth of the time
        alone = np.empty_like(scores)
        alone[products] = scores
        return alone + np.float32(0)  # a mean has no negative zero
    mean: Floats = pd.DataFrame(scores).groupby(products).mean().to_numpy()
    return mean


def mean_direction(embeddings: Floats, products: Integers) -> Floats:
    """Return the mean of the embeddings of each product's items, scaled to unit norm; rows of NaN do not count.

    No other unit vector has a greater sum of cosines with them, and no weight has to be chosen. Embeddings that cancel
    each other have no mean direction; the first of them stands for all.

    Args:
        embeddings: N × D float32, unit norm.
        products: N product numbers, each of 0 to P - 1 at least once.

    Returns:
        P × D float32, unit norm; a row of NaN where all rows of a product are.
    """
    mean = mean_scores(embeddings, products)
    norm = np.linalg.norm(mean, axis=1, keepdims=True)
    directions = (mean / np.where(norm > 0, norm, 1)).astype(np.float32, copy=False)
    cancelled = ~(norm[:, 0] > 0)
    if cancelled.any():
        directions[cancelled] = pd.DataFrame(embeddings).groupby(products).first().to_numpy()[cancelled]
    return directions
