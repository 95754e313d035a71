"""How well scores are calibrated as probabilities, and the fusion of calibrated scores.

Letters: N items, K labels, C classes. Scores are N × K, rows that add up to 1; `classes` and `predicted` are N class
numbers, `class_labels` are C lists of label numbers.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from huse.evaluation.classification import ClassLabels, Doubles, Floats, Integers, best_fusion_weight, label_matrix
from huse.fusion import LogLinear, fuse_log_linear, log_scores, temper

BINS = 15  # Guo et al. 2017, arXiv 1706.04599
TEMPERATURES = (0.05, 20.0)  # bounds of the fit; scores that are always right would need 0


def choose_log_linear(image: Floats, text: Floats, classes: Integers, class_labels: ClassLabels) -> LogLinear:
    """Fit the temperatures of the scores by likelihood, then choose the image weight by accuracy.

    Rows of NaN do not count; a modality without others has a temperature of 1.
    """
    image_temperature, text_temperature = (
        fit_temperature(scores[those], classes[those], class_labels)
        if (those := ~np.isnan(scores[:, 0])).any()
        else 1.0
        for scores in (image, text)
    )
    tempered = temper(image, image_temperature), temper(text, text_temperature)
    weight = best_fusion_weight(*tempered, classes, class_labels, combine=fuse_log_linear)
    return LogLinear(image_temperature, text_temperature, weight)


def fit_temperature(scores: Floats, classes: Integers, class_labels: ClassLabels) -> float:
    """Return the temperature with the lowest negative log-likelihood (Guo et al. 2017, arXiv 1706.04599).

    The log-likelihood of an item with several labels is the mean over them. It is convex in 1/temperature, so there is
    one minimum; the search stays within `TEMPERATURES`.
    """
    logs = log_scores(scores)
    wanted = label_matrix(class_labels, scores.shape[1])[classes]
    own = float(((logs * wanted).sum(axis=1) / wanted.sum(axis=1)).mean())

    def loss(logarithm: float) -> float:
        inverse = np.exp(-logarithm)
        return float(logsumexp(logs * inverse, axis=1).mean() - own * inverse)

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def confidence(scores: Floats, predicted: Integers, class_labels: ClassLabels) -> Doubles:
    """Return the total score of the labels of the predicted class; in the scheme `leaf` the score of its label."""
    of_class = label_matrix(class_labels, scores.shape[1])[predicted]
    total: Doubles = (scores * of_class).sum(axis=1, dtype=np.float64)
    return total


def expected_calibration_error(confidences: Doubles, correct: Doubles, bins: int = BINS) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal width (Guo et al. 2017).

    A bin holds confidences above its lower and up to its upper bound; 0 is in the first bin. Bins are weighted by their
    number of items.

    Args:
        confidences: N in [0, 1].
        correct: N, 1 where the prediction is right, else 0.
        bins: their number, from 0 to 1.
    """
    numbers = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(numbers, weights=correct - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))
