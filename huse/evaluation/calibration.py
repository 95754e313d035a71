"""How well scores are calibrated as probabilities, and the fusion of calibrated scores.

Letters: N items, K labels, C classes. Scores are N × K, rows that add up to 1; `classes` and `predicted` are N class
numbers, `class_labels` are C lists of label numbers.
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from huse.evaluation.classification import ClassLabels, Doubles, Floats, Integers, label_matrix
from huse.fusion import LogLinear, log_scores, temper

BINS = 15  # Guo et al. 2017, arXiv 1706.04599
TEMPERATURES = (0.05, 20.0)  # bounds of the fit; scores that are always right would need 0
EXPONENT = 20.0  # the largest in the fusion; for the same reason
LEAST_SHARPNESS = 0.05  # where neither modality says anything


def choose_log_linear(image: Floats, text: Floats, classes: Integers, class_labels: ClassLabels) -> LogLinear:
    """Fit the temperatures of both modalities, then weight and sharpness of their sum, all by likelihood.

    Likelihood sees how sure every item is, accuracy only which items change sides: of a few hundred items, accuracy
    leaves the weight to chance. The weight can be 0 or 1, so the fusion need not be worse than either modality.

    Rows of NaN do not count; a modality without others has a temperature of 1. Without items of both, the weight is 1
    if all have image scores, 0 if all have text scores.
    """
    image_temperature, text_temperature = (
        fit_temperature(scores[those], classes[those], class_labels)
        if (those := ~np.isnan(scores[:, 0])).any()
        else 1.0
        for scores in (image, text)
    )
    pictured, named = (~np.isnan(scores[:, 0]) for scores in (image, text))
    both = pictured & named
    if not both.any():
        return LogLinear(image_temperature, text_temperature, (1 + float(pictured.all()) - float(named.all())) / 2)
    tempered = temper(image[both], image_temperature), temper(text[both], text_temperature)
    return LogLinear(image_temperature, text_temperature, *_fit_weight(*tempered, classes[both], class_labels))


def _fit_weight(image: Floats, text: Floats, classes: Integers, class_labels: ClassLabels) -> tuple[float, float]:
    """Return the weight of the image scores and the sharpness with the lowest negative log-likelihood.

    The loss is convex in the two exponents, sharpness · weight and sharpness · (1 - weight), so there is one minimum.
    """
    logs = np.stack([log_scores(image), log_scores(text)])
    own = _own(logs, classes, class_labels)

    def loss(exponents: Doubles) -> tuple[float, Doubles]:
        total = np.tensordot(exponents, logs, axes=1)
        largest = logsumexp(total, axis=1, keepdims=True)
        expected = (np.exp(total - largest) * logs).sum(axis=2).mean(axis=1)
        return float(largest.mean() - own @ exponents), expected - own

    found = minimize(loss, [0.5, 0.5], jac=True, method="L-BFGS-B", bounds=[(0, EXPONENT)] * 2)
    of_image, of_text = found.x
    total = float(of_image + of_text)
    return (float(of_image) / total, total) if total > 0 else (0.5, LEAST_SHARPNESS)


def fit_temperature(scores: Floats, classes: Integers, class_labels: ClassLabels) -> float:
    """Return the temperature with the lowest negative log-likelihood (Guo et al. 2017, arXiv 1706.04599).

    The log-likelihood of an item with several labels is the mean over them. It is convex in 1/temperature, so there is
    one minimum; the search stays within `TEMPERATURES`.
    """
    logs = log_scores(scores)
    own = float(_own(logs, classes, class_labels))

    def loss(logarithm: float) -> float:
        inverse = np.exp(-logarithm)
        return float(logsumexp(logs * inverse, axis=1).mean() - own * inverse)

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _own(logs: Doubles, classes: Integers, class_labels: ClassLabels) -> Doubles:
    """Return the mean logarithm of the items' own labels, and of one item more, which may have any of the K.

    Without that item, N items that are all right would be fitted best by scores of 0 and 1, and the next wrong one
    would be as sure as they are. It is Platt's correction (1999) of the targets of a few items.

    Returns:
        Of … × N × K values … means.
    """
    wanted = label_matrix(class_labels, logs.shape[-1])[classes]
    sums: Doubles = ((logs * wanted).sum(axis=-1) / wanted.sum(axis=1)).sum(axis=-1) + logs.mean(axis=(-1, -2))
    return sums / (len(classes) + 1)


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
