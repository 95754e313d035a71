import numpy as np
import pytest

from huse.evaluation.classification import (
    accuracy,
    best_fusion_weight,
    fuse,
    majority_accuracy,
    predicted_classes,
)

LEAF = [[0], [1], [2]]
LEVELS = [[0, 1, 3], [0, 1, 2]]  # two classes, four labels, three levels


def scores(*rows):
    return np.array(rows, dtype=np.float32)


def test_accuracy_is_top_1_in_the_scheme_leaf():
    assert accuracy(scores([0.5, 0.3, 0.2], [0.1, 0.2, 0.7]), np.array([0, 1]), LEAF) == 0.5


def test_accuracy_in_levels_is_the_share_of_labels_among_the_highest():
    # labels 0, 1, 3 wanted; highest three are 0, 2, 3: two of three
    assert accuracy(scores([0.4, 0.1, 0.2, 0.3]), np.array([0]), LEVELS) == pytest.approx(2 / 3)


def test_equal_scores_go_to_the_lower_label():
    assert accuracy(scores([0.5, 0.5, 0.0]), np.array([0]), LEAF) == 1
    assert accuracy(scores([0.5, 0.5, 0.0]), np.array([1]), LEAF) == 0


def test_fusion_weight_is_the_best_and_closest_to_one_half():
    image = scores([0.9, 0.1, 0], [0.9, 0.1, 0])
    text = scores([0.2, 0.8, 0], [0.05, 0.95, 0])
    classes = np.array([0, 1])
    weight = best_fusion_weight(image, text, classes, LEAF)
    assert accuracy(fuse(image, text, weight), classes, LEAF) == 1
    assert weight == 0.5  # right from 0.48 or so to 0.52
    assert best_fusion_weight(image, image, classes, LEAF) == 0.5  # all equal
    assert best_fusion_weight(image, text, np.array([0, 0]), LEAF) == pytest.approx(0.55)


def test_of_two_weights_equally_far_from_one_half_the_smaller_wins():
    # Right for weights up to 0.3 and from 0.7: two rows that want the text, two that want the image.
    image = scores([0.0, 1.0], [1.0, 0.0])
    text = scores([0.4, 0.6], [0.6, 0.4])
    assert best_fusion_weight(image, text, np.array([1, 0]), [[0], [1]]) == 0.5
    image, text = scores([1.0, 0.0], [1.0, 0.0]), scores([0.35, 0.65], [0.0, 1.0])
    # classes 0 and 1: the first is right from w = 0.24, the second up to 0.5; alone, each gives its own bound
    assert best_fusion_weight(image, text, np.array([0, 1]), [[0], [1]]) == 0.45


def test_majority_accuracy_by_hand():
    assert majority_accuracy(np.array([1, 1, 0]), np.array([0, 1, 1, 2]), LEAF, 3) == 0.5
    assert majority_accuracy(np.array([1, 1, 0]), np.array([0]), LEVELS, 4) == pytest.approx(2 / 3)


def test_predicted_class_has_the_highest_mean_score_of_its_labels():
    assert predicted_classes(scores([0.1, 0.2, 0.7]), LEAF).tolist() == [2]
    assert predicted_classes(scores([0.3, 0.3, 0.1, 0.3], [0.3, 0.3, 0.4, 0.0]), LEVELS).tolist() == [0, 1]
