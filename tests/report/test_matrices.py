import numpy as np
import pytest

from huse.report.matrices import class_mean_distances, confusions, shown_classes
from huse.taxonomy import ClassTree

PATHS = [("shoes", "boots", "ankle"), ("shoes", "boots", "knee"), ("shoes", "pumps"), ("beauty", "lipstick")]


def test_confusions_by_hand():
    actual, predicted = np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 0, 3])
    finest, middle, coarsest = confusions(ClassTree(PATHS), actual, predicted)
    assert [one.level for one in (finest, middle, coarsest)] == [3, 2, 1]
    assert finest.nodes == [("beauty", "lipstick"), *PATHS[:3]]
    assert finest.counts.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert finest.items.tolist() == [1, 2, 1, 1]
    assert finest.agreement == 3 / 5
    assert middle.nodes == [("beauty", "lipstick"), ("shoes", "boots"), ("shoes", "pumps")]
    assert middle.counts.tolist() == [[1, 0, 0], [0, 3, 0], [0, 1, 0]]
    assert middle.agreement == 4 / 5
    assert coarsest.counts.tolist() == [[1, 0], [0, 4]]
    assert coarsest.agreement == 1


def test_confusions_are_what_counting_gives():
    rng = np.random.default_rng(0)
    paths = [(f"a{i % 3}", f"b{i % 6}", f"c{i}") for i in range(12)]
    actual, predicted = rng.integers(0, 12, 200), rng.integers(0, 12, 200)
    for one in confusions(ClassTree(paths), actual, predicted):
        for row, node in enumerate(one.nodes):
            for column, other in enumerate(one.nodes):
                pairs = zip(actual, predicted, strict=True)
                count = sum(paths[a][: one.level] == node and paths[p][: one.level] == other for a, p in pairs)
                assert one.counts[row, column] == count


def test_the_largest_nodes_are_shown_where_there_are_too_many():
    paths = [(name,) for name in "abcd"]
    actual, predicted = np.array([0, 1, 1, 3, 3, 3]), np.array([0, 1, 0, 3, 3, 0])
    (one,) = confusions(ClassTree(paths), actual, predicted, most=2)
    assert one.nodes == [("b",), ("d",)]
    assert one.counts.tolist() == [[1, 0], [0, 2]]
    assert one.items.tolist() == [2, 3]  # with those taken for a node that is not shown
    assert one.left_out == 1  # c has no item and was never predicted
    assert one.agreement == 4 / 6


def test_a_level_that_parts_nothing_is_left_out():
    paths = [("a", "x"), ("b", "y")]
    (one,) = confusions(ClassTree(paths), np.array([0, 1]), np.array([0, 1]))
    assert one.level == 2 and one.nodes == paths
    deep = [("a",), ("a", "b"), ("a", "b", "c"), tuple("abcdefg"), ("x", "y"), ("x", "z")]
    assert [one.level for one in confusions(ClassTree(deep), np.array([0]), np.array([1]))] == [7, 3, 2, 1]
    many = [tuple("abcdefgh"[:level]) for level in range(1, 9)]
    assert [one.level for one in confusions(ClassTree(many), np.array([0]), np.array([1]))] == [8, 7, 6, 5, 1]
    same = [("a",), ("b",)]
    assert [one.level for one in confusions(ClassTree(same), np.array([0]), np.array([1]))] == [1]


def test_distances_of_class_means_are_what_a_loop_gives(unit_rows):
    images, texts, classes = unit_rows(20, 5), unit_rows(20, 5, 1), np.arange(20) % 3
    distances = class_mean_distances([images, texts], classes, 4)
    for a in range(3):
        for b in range(3):
            one, other = (
                np.concatenate([images[classes == c], texts[classes == c]]).astype(np.float64).mean(axis=0)
                for c in (a, b)
            )
            expected = 0 if a == b else 1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            assert distances[a, b] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(distances[3]).all()
    assert np.isnan(distances[:, 3]).all()


def test_a_class_whose_mean_is_nothing_has_no_distances():
    rows = np.float32([[1, 0], [-1, 0], [0, 1]])
    distances = class_mean_distances([rows], np.array([0, 0, 1]), 2)
    assert np.isnan(distances[0]).all()
    assert distances[1, 1] == 0


def test_classes_with_items_are_shown_in_tree_order_and_large_ones_first():
    assert shown_classes(ClassTree(PATHS), np.array([0, 0, 3, 2, 2])) == [3, 0, 2]
    assert shown_classes(ClassTree(PATHS), np.array([0, 0, 3, 2, 2]), most=2) == [0, 2]
