from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huse.evaluation.calibration import (
    TEMPERATURES,
    choose_log_linear,
    confidence,
    expected_calibration_error,
    fit_temperature,
)
from huse.fusion import fuse_log_linear, temper

LEAF = [[0], [1], [2]]


def softmax(logits):
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def drawn(count, scale, seed=0):
    """Scores, and classes that come as often as the scores say; then the scores made surer or less sure."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, 3)) * 2
    classes = (softmax(logits).cumsum(axis=1) < random.random((count, 1))).sum(axis=1).clip(max=2)
    return softmax(logits * scale), classes


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_the_temperature_that_scores_were_made_with_is_found(scale):
    scores, classes = drawn(20_000, scale)
    assert fit_temperature(scores, classes, LEAF) == pytest.approx(scale, rel=0.03)


def test_the_fitted_temperature_is_the_lowest_of_a_fine_grid():
    scores, classes = drawn(300, 2.5)

    def loss(temperature):
        logs = np.log(np.maximum(temper(scores, temperature).astype(np.float64), 1e-38))
        return -(logs[np.arange(300), classes].sum() + logs.mean()) / 301  # the last item may have any label

    found = fit_temperature(scores, classes, LEAF)
    assert loss(found) <= min(loss(value) for value in np.geomspace(*TEMPERATURES, 200)) + 1e-6


def test_scores_that_are_always_right_or_wrong_stay_within_bounds():
    sure = np.eye(3, dtype=np.float32)  # zeros, whose logarithms are taken too
    for classes in (np.arange(3), np.array([1, 2, 0])):
        temperature = fit_temperature(sure, classes, LEAF)
        assert TEMPERATURES[0] <= temperature <= TEMPERATURES[1]
        assert np.isfinite(temper(sure, temperature)).all()


def test_several_labels_count_as_their_mean():
    scores = np.repeat(softmax(np.array([[2.0, 1.0, 0.0, -1.0]])), 2, axis=0)
    one = fit_temperature(scores, np.array([0, 1]), [[0], [1], [2], [3]])
    both = fit_temperature(scores, np.array([0, 0]), [[0, 1]])
    assert both == pytest.approx(one, rel=1e-3)


def test_few_items_that_are_all_right_do_not_make_the_next_one_sure():
    scores = np.array([[0.8, 0.2]], np.float32)
    temperature = fit_temperature(scores, np.array([0]), [[0], [1]])
    assert temper(scores, temperature) == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-4)  # 1.5 of 2 items
    many = np.repeat(scores, 99, axis=0)
    found = choose_log_linear(many, many, np.zeros(99, int), [[0], [1]])
    assert found.scores(scores, scores) == pytest.approx(np.array([[0.995, 0.005]]), abs=1e-4)  # 99.5 of 100


def test_tempering_by_hand():
    scores = np.array([[0.8, 0.2]], np.float32)
    assert temper(scores, 1) == pytest.approx(scores)
    assert temper(scores, 2) == pytest.approx(np.array([[2 / 3, 1 / 3]]))  # roots are as 2 to 1
    assert temper(scores, 0.5) == pytest.approx(np.array([[16 / 17, 1 / 17]]))


def test_log_linear_fusion_by_hand():
    image, text = np.array([[0.8, 0.2]], np.float32), np.array([[0.5, 0.5]], np.float32)
    assert fuse_log_linear(image, text, 1) == pytest.approx(image)
    assert fuse_log_linear(image, text, 0) == pytest.approx(text)
    assert fuse_log_linear(image, text, 0.5) == pytest.approx(np.array([[2 / 3, 1 / 3]]))
    other = np.array([[0.1, 0.9]], np.float32)
    product = np.sqrt([0.8 * 0.1, 0.2 * 0.9])
    assert fuse_log_linear(image, other, 0.5)[0] == pytest.approx(product / product.sum())


def test_sharpness_by_hand():
    image, text = np.array([[0.8, 0.2]], np.float32), np.array([[0.8, 0.2]], np.float32)
    assert fuse_log_linear(image, text, 0.3, 2) == pytest.approx(np.array([[16 / 17, 1 / 17]]))


def test_the_fusion_is_the_most_likely_one():
    """No weight and no sharpness near, nor either modality alone, makes the classes more likely."""
    image, classes = drawn(500, 3, seed=1)
    text, _ = drawn(500, 0.5, seed=2)
    chosen = choose_log_linear(image, text, classes, LEAF)
    assert chosen.image_temperature == fit_temperature(image, classes, LEAF)

    def unlikely(how):
        scores = how.scores(image, text)
        return -np.log(scores[np.arange(len(classes)), classes], dtype=np.float64).mean()

    assert chosen.scores(image, text).dtype == np.float32
    assert chosen.scores(image, text).sum(axis=1) == pytest.approx(1, abs=1e-5)
    for changes in (
        *({"image_weight": step / 20} for step in range(21)),
        *({"sharpness": chosen.sharpness * factor} for factor in (0.5, 0.9, 1.1, 2)),
        {"image_weight": 1.0, "sharpness": 1.0},
        {"image_weight": 0.0, "sharpness": 1.0},
    ):
        assert unlikely(chosen) <= unlikely(replace(chosen, **changes)) + 1e-6, changes


def test_a_modality_that_knows_nothing_has_no_say():
    image, classes = drawn(500, 3, seed=1)
    noise, other = drawn(500, 3, seed=2)[0], np.random.default_rng(3).permutation(500)
    assert choose_log_linear(image, noise[other], classes, LEAF).image_weight > 0.9
    assert choose_log_linear(noise[other], image, classes, LEAF).image_weight < 0.1


def test_confidence_is_the_score_of_the_predicted_class():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32)
    assert confidence(scores, np.array([0, 1]), LEAF) == pytest.approx([0.5, 0.2])
    assert confidence(scores, np.array([0, 1]), [[0, 1], [2]]) == pytest.approx([0.8, 0.7])


def naive_calibration_error(confidences, correct, bins):
    total = 0.0
    for number in range(bins):
        members = [
            n
            for n, value in enumerate(confidences)
            if number / bins < value <= (number + 1) / bins or (number == 0 and value == 0)
        ]
        if members:
            gap = np.mean([correct[n] for n in members]) - np.mean([confidences[n] for n in members])
            total += len(members) / len(confidences) * abs(gap)
    return total


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_equals_its_definition(items):
    confidences = np.array([value / 1000 for value, _ in items])
    correct = np.array([float(right) for _, right in items])
    for bins in (1, 7, 15):
        found = expected_calibration_error(confidences, correct, bins)
        assert found == pytest.approx(naive_calibration_error(confidences, correct, bins), abs=1e-9)


def test_calibration_error_by_hand():
    # Bins of a tenth: 0.9 and 0.85 fall together, half of them right; 0.2 is on the upper bound of its bin.
    confidences, correct = np.array([0.9, 0.85, 0.2, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    expected = (2 * abs(0.5 - 0.875) + 1 * 0.8 + 1 * 0.0) / 4
    assert expected_calibration_error(confidences, correct, bins=10) == pytest.approx(expected)
    assert expected_calibration_error(np.array([1.0]), np.array([1.0])) == 0


def test_confidences_are_put_into_15_bins():
    right = np.array([1.0, 0.0])
    # The tenth of 15 bins reaches from 0.6 to 0.667: one pair is in it, the other is parted by its upper bound.
    assert expected_calibration_error(np.array([0.605, 0.66]), right) == pytest.approx(abs(1 - 0.605 - 0.66) / 2)
    assert expected_calibration_error(np.array([0.65, 0.68]), right) == pytest.approx((1 - 0.65 + 0.68) / 2)


def test_true_probabilities_are_calibrated():
    scores, classes = drawn(40_000, 1)
    predicted = scores.argmax(axis=1)
    right = (predicted == classes).astype(float)
    assert expected_calibration_error(confidence(scores, predicted, LEAF), right) < 0.01
    surer, _ = drawn(40_000, 3)
    assert expected_calibration_error(confidence(surer, predicted, LEAF), right) > 0.1
