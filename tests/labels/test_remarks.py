import numpy as np
import pytest

from huse.labels.graph import class_distances
from huse.labels.remarks import remarks
from huse.labels.schemes import label_hops, make_labels
from huse.labels.summary import correlation_with_tree
from huse.labels.vectors import tree_distances
from huse.taxonomy import ClassTree

GOOD = np.array([[0, 0.4, 0.9], [0.4, 0, 0.7], [0.9, 0.7, 0]], np.float32)
DEEP = ["a<b", "a<c", "d<e"]


def said(classes, matrix, spearman=None, scheme="leaf", from_tree=False):
    return remarks(make_labels(classes, scheme), classes, np.float32(matrix), spearman, from_tree=from_tree)


def equal(count, distance=0.5):
    return (distance * (1 - np.eye(count))).astype(np.float32)


@pytest.mark.parametrize(
    ("classes", "spearman"), [(["a", "b", "c"], None), (DEEP, None), (DEEP, 0.4), (DEEP, 0.1), (DEEP, 1.0)]
)
def test_nothing_is_said_of_a_good_graph(classes, spearman):
    assert said(classes, GOOD, spearman) == []


def test_of_many_coinciding_labels_the_first_are_named():
    same = GOOD * np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float32)
    assert said(["a", "b", "c"], same) == ["pairs of labels at distance 0, 1 in all: a = b"]
    matrix = np.zeros((6, 6), np.float32)
    matrix[:4, 4:] = matrix[4:, :4] = 1
    found = said(list("abcdef"), matrix)
    assert found == ["pairs of labels at distance 0, 7 in all: a = b, a = c, a = d, b = c, b = d, …"]


def test_a_graph_with_small_distances_only():
    (flat,) = said(["a", "b", "c"], GOOD / 100)
    assert "no two are farther apart than 0.009" in flat
    assert "encoder: tree" not in flat  # the tree has one level
    (flat,) = said(DEEP, GOOD / 100)
    assert "or label_graph.encoder: tree, give" in flat


def test_a_graph_with_nearly_equal_distances():
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.02, 0.02, size=(20, 20))
    classes = [f"{'ab'[index % 2]}<{index}" for index in range(20)]
    (flat,) = said(classes, (equal(20, 0.8) + noise + noise.T) * (1 - np.eye(20)))
    assert "equally far apart: 90 % of the distances lie between 0.7" in flat
    wide = rng.uniform(-0.2, 0.2, size=(20, 20))
    assert said(classes, (equal(20, 0.8) + wide + wide.T) * (1 - np.eye(20))) == []


def test_two_labels_are_too_few_to_be_equally_far_apart():
    assert said(["a<b", "c"], equal(2)) == []
    assert len(said(["a<b", "a<c", "d"], equal(3))) == 1


def test_the_tree_of_one_level_is_flat_by_nature_and_that_is_said():
    labels = make_labels(["a", "b", "c"], "leaf")
    (flat,) = said(["a", "b", "c"], tree_distances(label_hops(labels)), from_tree=True)
    assert "because the classes have one level" in flat
    assert "word_vectors or infersent" in flat


def test_a_broad_tree_is_not_flat_though_most_of_its_distances_are_equal():
    classes = [f"{index // 2}<{index}" for index in range(200)]
    distances = tree_distances(ClassTree.of(classes).hops)
    assert said(classes, distances, 1.0, from_tree=True) == []
    assert len(said(classes, distances, 1.0)) == 1


@pytest.mark.parametrize(
    ("scheme", "from_tree", "remedy"),
    [
        ("leaf", False, "label_graph.label_text: mean or path, or label_graph.encoder: tree"),
        ("levels", False, "label_graph.encoder: tree or label_graph.scheme: leaf"),
        ("levels", True, "scheme: leaf gives every class its one place"),
    ],
)
def test_a_graph_against_the_tree(scheme, from_tree, remedy):
    matrix = GOOD if scheme == "leaf" else np.pad(GOOD, ((0, 2), (0, 2)), constant_values=0.3) * (1 - np.eye(5))
    (found,) = said(DEEP, matrix, 0.0949, scheme, from_tree)
    assert "is 0.09 (1: the same order, 0: unrelated)" in found
    assert remedy in found


def test_the_correlation_that_is_judged_is_that_of_the_classes():
    hops = ClassTree.of(DEEP).hops
    against = (1 - hops / 8).astype(np.float32) * (1 - np.eye(3, dtype=np.float32))
    spearman = correlation_with_tree(class_distances(against, [[0], [1], [2]]), hops)
    (found,) = said(DEEP, against, spearman)
    assert "is -1.00" in found


def test_classes_with_the_same_labels():
    classes = ["a<b", "b<a", "a<c", "a<b<a"]
    (found,) = said(classes, GOOD, 0.5, "levels")
    assert "classes with the same labels" in found
    assert "1 in all: a<b = b<a = a<b<a. label_graph.scheme: leaf" in found
    matrix = np.float32([[0, 0.1, 0.2, 0.4], [0.1, 0, 0.3, 0.5], [0.2, 0.3, 0, 0.9], [0.4, 0.5, 0.9, 0]])
    assert said(classes, matrix, 0.5, "leaf") == []


def test_of_many_classes_with_the_same_labels_five_are_named():
    classes = [path for number in range(6) for path in (f"a{number}<b{number}", f"b{number}<a{number}")]
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0.1, 1, size=(12, 12))
    (found,) = said(classes, (matrix + matrix.T) * (1 - np.eye(12)), 0.5, "levels")
    assert "6 in all: a0<b0 = b0<a0," in found
    assert "a4<b4 = b4<a4, …. " in found
    assert "a5<b5" not in found


def test_classes_that_differ_in_case_or_white_space():
    (found,) = said(["Shoes<Boots", "shoes<boots", "shoes <ankle  boots"], GOOD, 0.5)
    assert "1 in all: Shoes<Boots = shoes<boots. They are learnt" in found
    (found,) = said(["ankle boots", "b", "Ankle  Boots"], GOOD)
    assert "ankle boots = Ankle  Boots" in found
