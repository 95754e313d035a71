import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, top_k_accuracy_score

from huse.evaluation.classification import (
    accuracy,
    best_fusion_weight,
    class_f1,
    class_means,
    class_scores,
    confused_pairs,
    fuse,
    level_accuracy,
    macro_f1,
    majority_accuracy,
    predicted_classes,
    top_hits,
)
from huse.taxonomy import ClassTree

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

    # One item is right below 0.475, the other above 0.525, neither at one half: 0.45 and 0.55 are equally good.
    image, text = scores([0.0, 0.53], [0.48, 0.0]), scores([0.48, 0.0], [0.0, 0.53])
    accuracies = [accuracy(fuse(image, text, weight), np.array([0, 0]), [[0], [1]]) for weight in (0.45, 0.5, 0.55)]
    assert accuracies == [0.5, 0, 0.5]
    assert best_fusion_weight(image, text, np.array([0, 0]), [[0], [1]]) == 0.45


def test_majority_accuracy_by_hand():
    assert majority_accuracy(np.array([1, 1, 0]), np.array([0, 1, 1, 2]), LEAF, 3) == 0.5
    assert majority_accuracy(np.array([1, 1, 0]), np.array([0]), LEVELS, 4) == pytest.approx(2 / 3)


def test_predicted_class_has_the_highest_mean_score_of_its_labels():
    assert predicted_classes(scores([0.1, 0.2, 0.7]), LEAF).tolist() == [2]
    assert predicted_classes(scores([0.3, 0.3, 0.1, 0.3], [0.3, 0.3, 0.4, 0.0]), LEVELS).tolist() == [0, 1]


def test_class_scores_are_means_over_labels_of_unequal_depth():
    found = class_scores(scores([0.1, 0.2, 0.3, 0.4]), [[0], [0, 3], [1, 2, 3]])
    assert found == pytest.approx(np.array([[0.1, 0.25, 0.3]]))
    assert found.dtype == np.float32


def test_top_hits_by_hand():
    given_scores = scores([0.4, 0.3, 0.3], [0.2, 0.4, 0.4], [0.0, 0.0, 1.0])
    classes = np.array([2, 2, 0])
    assert top_hits(given_scores, classes, LEAF, 1).tolist() == [0, 0, 0]  # of equal scores the lower class is higher
    assert top_hits(given_scores, classes, LEAF, 2).tolist() == [0, 1, 1]
    assert top_hits(given_scores, classes, LEAF, 5).tolist() == [1, 1, 1]


def test_the_first_of_the_top_is_the_prediction_and_metrics_equal_scikit_learn():
    random = np.random.default_rng(0)
    given_scores = random.dirichlet(np.ones(9), size=300).astype(np.float32)
    classes = random.integers(0, 8, size=300)  # no item has the last class
    labels = [[number] for number in range(9)]
    predicted = predicted_classes(given_scores, labels)
    assert (top_hits(given_scores, classes, labels, 1) == (predicted == classes)).all()
    assert accuracy(given_scores, classes, labels) == accuracy_score(classes, predicted)
    for k in (1, 3, 5):
        expected = top_k_accuracy_score(classes, given_scores, k=k, labels=range(9))
        assert top_hits(given_scores, classes, labels, k).mean() == pytest.approx(expected)
    assert macro_f1(predicted, classes, 9) == pytest.approx(f1_score(classes, predicted, average="macro"))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_f1_equals_scikit_learn(pairs):
    classes, predicted = np.array(pairs).T
    expected = f1_score(classes, predicted, average=None, labels=range(6), zero_division=np.nan)
    assert class_f1(predicted, classes, 6) == pytest.approx(expected, nan_ok=True)
    average = f1_score(classes, predicted, average="macro", zero_division=0)
    assert macro_f1(predicted, classes, 6) == pytest.approx(average)


def test_class_means_of_classes_with_one_item_and_none():
    means = class_means(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 2]), 4)
    assert means == pytest.approx([0.5, np.nan, 1, np.nan], nan_ok=True)


def test_levels_of_unequal_depth():
    paths = [["a"], ["a", "b"], ["a", "b", "c"], ["d", "b"]]
    classes = np.array([0, 0, 1, 2, 2, 3])
    predicted = np.array([0, 1, 2, 1, 2, 1])
    # Level 1: all but the last. Level 2: a is not a<b; a<b and a<b<c agree. Level 3: what is the same class.
    assert level_accuracy(predicted, classes, ClassTree(paths)) == pytest.approx(
        {"level_1": 5 / 6, "level_2": 4 / 6, "level_3": 2 / 6}
    )
    assert level_accuracy(classes, classes, ClassTree(paths)) == {"level_1": 1, "level_2": 1, "level_3": 1}


def test_confused_pairs_are_ordered_by_items_then_share():
    classes = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3, 3])
    predicted = np.array([1, 1, 2, 0, 0, 0, 1, 1, 3, 1])
    assert confused_pairs(predicted, classes, 10) == [
        (1, 0, 2, pytest.approx(2 / 3)),
        (0, 1, 2, 0.5),
        (2, 1, 1, 1.0),
        (3, 1, 1, 0.5),
        (0, 2, 1, 0.25),
    ]
    assert len(confused_pairs(predicted, classes, 2)) == 2
    assert confused_pairs(classes, classes, 10) == []
