import numpy as np
import pytest

from huse.encoders.families import load_encoder
from huse.encoders.tree import TreeEncoder
from huse.errors import InputError
from huse.labels.graph import adjacency
from huse.labels.schemes import label_hops, label_nodes, make_labels
from huse.labels.vectors import (
    LabelSettings,
    class_sentences,
    label_texts,
    text_vectors,
    tree_distances,
    unit_sphere_vectors,
)
from huse.taxonomy import ClassTree

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


def test_sentences_of_classes_name_them():
    assert class_sentences(["a<b c"], "a photo of {path}") == ["a photo of a b c"]
    assert class_sentences(["a<b", "c"], "{leaf}, {path} {x}") == ["b, a b {x}", "c, c {x}"]
    for empty in ("a photo", "a photo of {class}", ""):
        with pytest.raises(ValueError, match=r"expected \{path\} or \{leaf\}"):
            LabelSettings(zero_shot=empty)


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


def test_tree_distances_by_hand():
    distances = tree_distances(ClassTree.of(EQUAL_DEPTH).hops)
    np.testing.assert_allclose(distances[0], [0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)
    assert distances.dtype == np.float32


def tree_vectors(labels, hops):
    places = dict(zip(labels.labels, label_nodes(labels), strict=True))
    return TreeEncoder(places, int(hops.max())).encode(labels.labels)


def squared_distances(vectors):
    return ((vectors[:, None] - vectors) ** 2).sum(axis=2)


@pytest.mark.parametrize("classes", [EQUAL_DEPTH, [f"root<{path}" for path in EQUAL_DEPTH]])
def test_tree_vectors_give_the_tree_back_where_depths_are_equal(classes):
    labels = make_labels(classes, "leaf")
    hops = label_hops(labels)
    vectors = tree_vectors(labels, hops)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(adjacency(vectors, labels.labels), tree_distances(hops), atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "largest_hops", "expected"),
    [
        # Nodes: r<a, r<b, r<b<c, r<b<d; r is above all labels.
        (["r<a", "r<b<c", "r<b<d"], 3, [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]]),
        (["a", "a<b", "a<c"], 2, [[1, 0, 0], [1, 1, 0], [1, 0, 1]]),  # a class above all others
    ],
)
def test_tree_vectors_by_hand(classes, largest_hops, expected):
    labels = make_labels(classes, "leaf")
    vectors = tree_vectors(labels, label_hops(labels))
    np.testing.assert_allclose(vectors, np.sqrt(2 / largest_hops) * np.array(expected), rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_squared_distances_of_tree_vectors_are_exact_whatever_the_depths(seed):
    rng = np.random.default_rng(seed)
    classes = sorted({"<".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(20)})
    labels = make_labels(classes, "leaf")
    hops = label_hops(labels)
    vectors = tree_vectors(labels, hops)
    np.testing.assert_allclose(squared_distances(vectors), 2 * tree_distances(hops), atol=1e-5)
    assert (np.linalg.norm(vectors, axis=1) > 0).all()


def test_a_saved_tree_gives_the_same_vectors_and_names_what_it_lacks(tmp_path):
    before = TreeEncoder({"c": [("a", "c"), ("b", "c")], "b": [("b",)]}, 2)
    before.save(tmp_path)
    after = load_encoder(tmp_path)
    assert after.config == before.config
    assert after.encode(["b", "c"]).tolist() == before.encode(["b", "c"]).tolist()
    with pytest.raises(InputError, match="'d': expected a label of the class tree"):
        after.encode(["b", "d"])


def test_a_name_at_several_nodes_has_the_mean_of_their_vectors():
    labels = make_labels(["a<c", "b<c"], "levels")
    # Most hops: 2 (a to b). c stands below a and below b. Features: a, b, a<c, b<c in the order of the labels.
    assert labels.labels == ["a", "b", "c"]
    hops = label_hops(labels)
    assert hops.tolist() == [[0, 2, 1], [2, 0, 1], [1, 1, 0]]
    vectors = tree_vectors(labels, hops)
    assert sorted(vectors[2].tolist()) == [0.5, 0.5, 0.5, 0.5]
    assert squared_distances(vectors).tolist() == [[0, 2, 1], [2, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize("seed", range(4))
def test_names_lie_no_farther_apart_than_their_nodes_on_average(seed):
    rng = np.random.default_rng(seed)
    classes = sorted({"<".join(rng.choice(list("abcdefgh"), rng.integers(1, 4))) for _ in range(8)})
    labels = make_labels(classes, "levels")
    hops, nodes = label_hops(labels), label_nodes(labels)
    found = squared_distances(tree_vectors(labels, hops))
    for k, first in enumerate(nodes):
        for other, second in enumerate(nodes):
            between = ClassTree.of(["<".join(node) for node in first + second]).hops[: len(first), len(first) :]
            assert found[k, other] <= 2 * between.mean() / hops.max() + 1e-5
            assert (found[k, other] > 1e-6) == (k != other)
            if len(first) == len(second) == 1:
                assert found[k, other] == pytest.approx(2 * hops[k, other] / hops.max(), abs=1e-5)


def naive_similarity(one, other, classes):
    """1 - height of the lowest common ancestor / height of the root, by walking the paths."""
    paths = [path.split("<") for path in classes]

    def height(node):
        below = [len(path) - len(node) for path in paths if path[: len(node)] == node]
        return max(below)

    first, second = one.split("<"), other.split("<")
    shared = []
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        shared.append(left)
    root = next(paths[0][:end] for end in (4, 3, 2, 1, 0) if all(path[:end] == paths[0][:end] for path in paths))
    return 1 - height(shared) / height(root)


@pytest.mark.parametrize(
    "classes",
    [
        ["a<b<c", "a<b<d", "a<e<f", "g<h<i"],
        ["a", "a<b", "a<b<c", "d<e", "f"],  # of unequal depth, some above others
        ["a", "b"],
        ["z<a<b", "z<a<c", "z<d<b"],  # under a level that all share, which makes none similar
    ],
)
def test_unit_sphere_vectors_have_the_trees_cosines(classes):
    vectors = unit_sphere_vectors(ClassTree.of(classes))
    cosines = vectors @ vectors.T
    for row, one in enumerate(classes):
        for column, other in enumerate(classes):
            expected = 1 if row == column else naive_similarity(one, other, classes)
            assert cosines[row, column] == pytest.approx(expected, abs=1e-6)
