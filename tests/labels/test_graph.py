import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from huse.errors import InputError
from huse.labels.graph import (
    adjacency,
    class_distances,
    correlation_with_tree,
    duplicate_labels,
    remarks,
    summarise_distances,
)
from huse.labels.taxonomy import class_hops, make_labels


def names(count):
    return [f"label {index}" for index in range(count)]


def naive_class_distances(matrix, class_labels):
    result = np.zeros((len(class_labels), len(class_labels)))
    for c, first in enumerate(class_labels):
        for d, second in enumerate(class_labels):
            depth = max(len(first), len(second))
            padded = [labels + labels[-1:] * (depth - len(labels)) for labels in (first, second)]
            result[c, d] = sum(matrix[k, other] for k, other in zip(*padded, strict=True)) / depth
    return result


def test_adjacency_by_hand():
    vectors = np.array([[1, 0], [3, 3], [0, 2], [-5, 0]], np.float32)
    half = 1 - np.sqrt(0.5)
    expected = [[0, half, 1, 2], [half, 0, half, 2 - half], [1, half, 0, 1], [2, 2 - half, 1, 0]]
    np.testing.assert_allclose(adjacency(vectors, names(4)), expected, atol=1e-7)


@given(
    hypothesis_numpy.arrays(
        np.float32,
        st.tuples(st.integers(2, 6), st.integers(1, 4)),
        elements=st.floats(-100, 100, width=32).map(lambda value: value if abs(value) > 0.01 else 0.5),
    )
)
def test_adjacency_is_a_symmetric_distance(vectors):
    matrix = adjacency(vectors, names(len(vectors)))
    assert matrix.dtype == np.float32
    assert (matrix == matrix.T).all()
    assert (matrix.diagonal() == 0).all()
    assert matrix.min() >= 0
    assert matrix.max() <= 2


def test_adjacency_does_not_change_with_zero_padding():
    vectors = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    padded = np.pad(vectors, ((0, 0), (0, 7)))
    np.testing.assert_allclose(adjacency(vectors, names(6)), adjacency(padded, names(6)), atol=1e-7)


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_a_label_without_a_direction_is_named(value):
    with pytest.raises(InputError, match="for 1, first 'label 1'"):
        adjacency(np.array([[1, 1], [value, value]], np.float32), names(2))


def test_duplicates_are_pairs_of_different_labels():
    vectors = np.array([[1, 2], [0, 1], [10, 20], [0.1, 0.2]], np.float32)
    assert duplicate_labels(adjacency(vectors, list("abcd")), list("abcd")) == [("a", "c"), ("a", "d"), ("c", "d")]


def test_class_distances_in_the_leaf_scheme_are_the_adjacency():
    matrix = adjacency(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), names(4))
    assert (class_distances(matrix, [[0], [1], [2], [3]]) == matrix).all()


def test_class_distances_are_means_over_levels():
    matrix = np.array([[0, 0.2, 0.9], [0.2, 0, 0.5], [0.9, 0.5, 0]], np.float32)
    # Classes: 0<1, 0<2 and 2 alone, whose last label stands for its second level.
    expected = [[0, 0.25, 0.7], [0.25, 0, 0.45], [0.7, 0.45, 0]]
    np.testing.assert_allclose(class_distances(matrix, [[0, 1], [0, 2], [2]]), expected, rtol=1e-6)


def test_class_distances_of_two_short_paths_ignore_deeper_ones():
    matrix = np.array([[0, 0.2, 0.9], [0.2, 0, 0.5], [0.9, 0.5, 0]], np.float32)
    distances = class_distances(matrix, [[0, 1], [1, 2], [0, 1, 2, 0]])
    assert distances[0, 1] == pytest.approx((0.2 + 0.5) / 2)


def test_class_distances_equal_the_loop():
    rng = np.random.default_rng(2)
    classes = sorted({"<".join(rng.choice(list("abcdef"), rng.integers(1, 5))) for _ in range(40)})
    labels = make_labels(classes, "levels")
    matrix = adjacency(rng.normal(size=(len(labels.labels), 4)).astype(np.float32), labels.labels)
    distances = class_distances(matrix, labels.class_labels)
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, naive_class_distances(matrix, labels.class_labels), atol=1e-6)
    assert (distances == distances.T).all()
    assert (distances.diagonal() == 0).all()


def test_correlation_with_tree():
    hops = class_hops(["a<b", "a<c", "d<e"])
    assert correlation_with_tree((hops / 4).astype(np.float32), hops) == pytest.approx(1)
    assert correlation_with_tree((1 - hops / 4).astype(np.float32), hops) == pytest.approx(-1)
    assert correlation_with_tree(np.ones((3, 3), np.float32), hops) is None
    assert correlation_with_tree(np.zeros((2, 2), np.float32), class_hops(["a", "b"])) is None


def test_summary_leaves_the_diagonal_out():
    matrix = np.array([[0, 0.25, 0.5], [0.25, 0, 0.75], [0.5, 0.75, 0]], np.float32)
    summary = summarise_distances(matrix, matrix, class_hops(["a", "b", "c<d"]))
    assert summary["adjacency"] == {"mean": 0.5, "min": 0.25, "max": 0.75}


def test_remarks_name_a_flat_graph_and_labels_that_coincide():
    good = np.array([[0, 0.4, 0.9], [0.4, 0, 0.7], [0.9, 0.7, 0]], dtype=np.float32)
    assert remarks(good, ["a", "b", "c"]) == []
    same = good * np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=np.float32)
    assert remarks(same, ["a", "b", "c"]) == ["pairs of labels at distance 0, 1 in all: a = b"]
    flat = remarks(good / 100, ["a", "b", "c"])
    assert len(flat) == 1
    assert "no two are farther apart than 0.009" in flat[0]
