import numpy as np
import pytest

from huse.errors import InputError
from huse.labels.graph import adjacency
from huse.labels.taxonomy import class_hops, make_labels
from huse.labels.vectors import label_texts, text_vectors, tree_distances, tree_vectors

EQUAL_DEPTH = ["a<b<c", "a<b<d", "a<e<f", "g<h<i", "g<h<j"]


def encode(texts):
    """Letters as ones, one place each, so that a mean can be read off; twice the length for a path."""
    return np.array([[text.count(letter) for letter in "abcde"] for text in texts], np.float32)


def test_texts_are_each_encoded_once():
    labels = make_labels(["a<b", "a<c", "d<b"], "leaf")
    assert label_texts(labels, "mean") == ["a", "b", "c", "d"]
    assert label_texts(labels, "leaf") == ["b", "c"]
    assert label_texts(labels, "path") == ["a b", "a c", "d b"]
    assert label_texts(make_labels(["b<a", "b<c"], "levels"), "mean") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("label_text", "expected"),
    [
        ("mean", [[0.5, 0.5, 0, 0, 0], [1 / 3, 0, 1 / 3, 0, 1 / 3], [0, 0.5, 0, 0.5, 0]]),
        ("path", [[1, 1, 0, 0, 0], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]),
        ("leaf", [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]]),
    ],
)
def test_leaf_scheme_by_hand(label_text, expected):
    vectors = text_vectors(make_labels(["a<b", "a<c<e", "d<b"], "leaf"), encode, label_text)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)


def test_the_mean_weighs_every_level_the_same_whatever_its_length():
    def lengths(texts):
        return np.array([[len(text), 0] if "x" in text else [0, len(text)] for text in texts], np.float32)

    assert text_vectors(make_labels(["xxxx<y", "z"], "leaf"), lengths, "mean").tolist() == [[2, 0.5], [0, 1]]


def test_levels_scheme_encodes_each_name():
    vectors = text_vectors(make_labels(["b<a", "b<c"], "levels"), encode, "path")
    assert vectors.tolist() == encode(["a", "b", "c"]).tolist()


def test_same_last_names_differ_by_path():
    labels = make_labels(["a<b", "d<b"], "leaf")
    leaf, path = (adjacency(text_vectors(labels, encode, text), labels.labels) for text in ("leaf", "path"))
    assert leaf[0, 1] == 0
    assert path[0, 1] == pytest.approx(0.5)


def test_tree_distances_by_hand():
    distances = tree_distances(class_hops(EQUAL_DEPTH))
    np.testing.assert_allclose(distances[0], [0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)
    assert distances.dtype == np.float32


def test_tree_vectors_give_the_tree_back_where_depths_are_equal():
    labels, hops = make_labels(EQUAL_DEPTH, "leaf"), class_hops(EQUAL_DEPTH)
    vectors = tree_vectors(labels, hops)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(adjacency(vectors, labels.labels), tree_distances(hops), atol=1e-6)


def test_tree_vectors_keep_the_positive_part_where_depths_differ():
    classes = ["a", *(f"a<{leaf}" for leaf in "bcdefg")]  # a star: eigenvalue 1 - √6 / 2
    labels, hops = make_labels(classes, "leaf"), class_hops(classes)
    similarity = 1 - hops / hops.max()
    values, directions = np.linalg.eigh(similarity)
    assert values[0] < -0.01  # so that something is lost
    vectors = tree_vectors(labels, hops)
    nearest = (directions * np.maximum(values, 0)) @ directions.T
    np.testing.assert_allclose(vectors @ vectors.T, nearest, atol=1e-6)


def test_tree_is_refused_with_levels():
    with pytest.raises(InputError, match="several places"):
        tree_vectors(make_labels(EQUAL_DEPTH, "levels"), class_hops(EQUAL_DEPTH))
