import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from huse.errors import InputError
from huse.labels.graph import (
    adjacency,
    class_distances,
    count_duplicates,
    duplicate_labels,
    off_diagonal,
    pairs,
    spread_out,
)
from huse.labels.schemes import make_labels
from huse.labels.summary import correlation_with_tree, summarise_distances
from huse.taxonomy import ClassTree


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


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_a_label_without_a_direction_is_named(value):
    with pytest.raises(InputError, match="for 1, first 'label 1'"):
        adjacency(np.array([[1, 1], [value, value]], np.float32), names(2))


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


@pytest.mark.parametrize("block", [1, 9, 256])
def test_class_distances_equal_the_loop_whatever_the_block(block):
    rng = np.random.default_rng(2)
    classes = sorted({"<".join(rng.choice(list("abcdef"), rng.integers(1, 5))) for _ in range(40)})
    labels = make_labels(classes, "levels")
    matrix = adjacency(rng.normal(size=(len(labels.labels), 4)).astype(np.float32), labels.labels)
    distances = class_distances(matrix, labels.class_labels, block)
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, naive_class_distances(matrix, labels.class_labels), atol=1e-6)
    assert (distances == distances.T).all()
    assert (distances.diagonal() == 0).all()


def test_correlation_with_tree():
    hops = ClassTree.of(["a<b", "a<c", "d<e"]).hops
    assert correlation_with_tree((hops / 4).astype(np.float32), hops) == pytest.approx(1)
    assert correlation_with_tree((1 - hops / 4).astype(np.float32), hops) == pytest.approx(-1)
    assert correlation_with_tree(np.ones((3, 3), np.float32), hops) is None
    assert correlation_with_tree(np.zeros((2, 2), np.float32), ClassTree.of(["a", "b"]).hops) is None


def test_summary_leaves_the_diagonal_out():
    matrix = np.array([[0, 0.25, 0.5], [0.25, 0, 0.75], [0.5, 0.75, 0]], np.float32)
    summary = summarise_distances(matrix, matrix, ClassTree.of(["a", "b", "c<d"]).hops)
    assert summary["adjacency"] == {"mean": 0.5, "min": 0.25, "max": 0.75}


@pytest.mark.parametrize("block", [1, 3, 7, 10, 64])  # 10 labels: single rows, a ragged last block, one block
def test_adjacency_by_blocks_equals_the_pairs_one_by_one(block):
    vectors = np.random.default_rng(1).normal(size=(10, 5)).astype(np.float32)
    vectors[7] = 3 * vectors[2]
    exact = vectors.astype(np.float64)
    expected = [[1 - a @ b / np.sqrt((a @ a) * (b @ b)) for b in exact] for a in exact]
    matrix = adjacency(vectors, names(10), block)
    np.testing.assert_allclose(matrix, expected, atol=1e-7)
    assert (matrix == matrix.T).all()
    assert (matrix.diagonal() == 0).all()
    assert matrix.min() >= 0
    assert duplicate_labels(matrix, names(10)) == [("label 2", "label 7")]


def test_near_duplicates_are_told_apart():
    # 1 - cos of these is 5e-7 and 5e-5; in float32 the first would drown in the rounding of 1.
    vectors = np.array([[1, 0], [1, 1e-3], [1, 1e-2]], np.float32)
    np.testing.assert_allclose(adjacency(vectors, names(3))[0, 1:], [5e-7, 5e-5], rtol=1e-3)


def test_duplicates_are_counted_and_the_first_named():
    matrix = np.ones((5, 5), np.float32)
    matrix[np.ix_([0, 2, 4], [0, 2, 4])] = 0
    np.fill_diagonal(matrix, 0)
    assert count_duplicates(matrix) == 3
    assert duplicate_labels(matrix, list("abcde")) == [("a", "c"), ("a", "e"), ("c", "e")]
    assert duplicate_labels(matrix, list("abcde"), most=2) == [("a", "c"), ("a", "e")]
    assert duplicate_labels(matrix, list("abcde"), most=0) == []
    assert count_duplicates(1 - np.eye(3, dtype=np.float32)) == 0


def test_off_diagonal_is_a_view_of_all_but_the_diagonal():
    matrix = np.arange(9, dtype=np.float32).reshape(3, 3)
    assert sorted(off_diagonal(matrix).ravel().tolist()) == [1, 2, 3, 5, 6, 7]
    assert np.shares_memory(off_diagonal(matrix), matrix)
    assert sorted(off_diagonal(matrix.T).ravel().tolist()) == [1, 2, 3, 5, 6, 7]


def test_rows_are_spread_evenly():
    assert spread_out(3, 5).tolist() == [0, 1, 2]
    assert spread_out(9, 3).tolist() == [0, 4, 8]
    assert spread_out(10, 4).tolist() == [0, 3, 6, 9]
    for count in range(2, 40):
        chosen = spread_out(count, 7)
        assert len(set(chosen.tolist())) == min(count, 7)
        assert (chosen[0], chosen[-1]) == (0, count - 1)


def test_pairs_in_order():
    matrix = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]], np.float32)
    assert pairs(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    assert pairs(matrix, most=2).tolist() == [3]


def test_correlation_equals_ranks_by_hand_and_many_classes_are_thinned_out():
    rng = np.random.default_rng(3)
    classes = [f"{first}<{second}<{third}" for first in "abc" for second in "de" for third in range(4)]
    hops = ClassTree.of(classes).hops
    noisy = hops + rng.normal(size=hops.shape)
    distances = (noisy + noisy.T).astype(np.float32)
    chosen = [(i, j) for i in range(24) for j in range(i + 1, 24)]

    def by_hand(of):
        ranks = []
        for values in ([distances[pair] for pair in of], [hops[pair] for pair in of]):
            ranks.append([sum(v < w for v in values) + sum(v == w for v in values) / 2 for w in values])
        return np.corrcoef(ranks)[0, 1]

    assert correlation_with_tree(distances, hops) == pytest.approx(by_hand(chosen))
    thin = spread_out(24, 6).tolist()
    assert correlation_with_tree(distances, hops, most=6) == pytest.approx(
        by_hand([pair for pair in chosen if set(pair) <= set(thin)])
    )
