import numpy as np
import pytest

from huse.labels.taxonomy import class_hops, label_hops, label_nodes, label_order, make_labels, split_path, tree_order
from tests.worked_example import LEAVES as WORKED_EXAMPLE


def naive_hops(classes):
    """Edges that lie above one of the two nodes but not above both."""
    above = [{tuple(path.split("<")[:depth]) for depth in range(1, path.count("<") + 2)} for path in classes]
    return [[len(first ^ second) for second in above] for first in above]


def test_hops_of_the_worked_example():
    hops = class_hops(WORKED_EXAMPLE)
    assert hops[0].tolist() == [0, 2, 2, 4, 6, 6, 6, 6]
    assert (hops == hops.T).all()


def test_hops_of_unequal_depths_and_inner_classes():
    assert class_hops(["a", "a<b", "a<b<c", "d<b"]).tolist() == [
        [0, 1, 2, 3],
        [1, 0, 1, 4],
        [2, 1, 0, 5],
        [3, 4, 5, 0],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_hops_equal_the_edges_counted_one_by_one(seed):
    rng = np.random.default_rng(seed)
    classes = sorted({"<".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(30)})
    assert class_hops(classes).tolist() == naive_hops(classes)


def test_leaf_labels_are_the_classes():
    labels = make_labels(["b<x", "a<x"], "leaf")
    assert labels.labels == ["b<x", "a<x"]
    assert labels.class_labels == [[0], [1]]


def test_level_labels_are_sorted_names_one_entry_a_level():
    labels = make_labels(["shoes<flat", "bags<tote<flat", "flat"], "levels")
    assert labels.labels == ["bags", "flat", "shoes", "tote"]
    assert labels.class_labels == [[2, 1], [0, 3, 1], [1]]


def test_splits_a_path():
    assert split_path("beauty<makeup<lipstick") == ["beauty", "makeup", "lipstick"]


def naive_label_hops(labels):
    nodes = label_nodes(labels)
    above = [[{node[:depth] for depth in range(1, len(node) + 1)} for node in places] for places in nodes]
    return [[min(len(one ^ other) for one in first for other in second) for second in above] for first in above]


def test_hops_are_small_integers_and_none_of_no_classes():
    assert class_hops(["a<b", "c"]).dtype == np.int16
    assert class_hops([]).shape == (0, 0)


def test_nodes_of_a_name_are_all_places_where_it_stands():
    labels = make_labels(["shoes<flat", "bags<tote<flat", "flat"], "levels")
    nodes = dict(zip(labels.labels, label_nodes(labels), strict=True))
    assert nodes == {
        "bags": [("bags",)],
        "flat": [("bags", "tote", "flat"), ("flat",), ("shoes", "flat")],
        "shoes": [("shoes",)],
        "tote": [("bags", "tote")],
    }
    assert label_nodes(make_labels(["a<b", "c"], "leaf")) == [[("a", "b")], [("c",)]]


def test_hops_of_names_by_hand():
    # flat is below shoes and below tote; of its places the nearer one counts.
    labels = make_labels(["shoes<flat", "bags<tote<flat"], "levels")
    assert labels.labels == ["bags", "flat", "shoes", "tote"]
    assert label_hops(labels).tolist() == [[0, 2, 2, 1], [2, 0, 1, 1], [2, 1, 0, 3], [1, 1, 3, 0]]


def test_hops_of_a_name_below_itself():
    labels = make_labels(["accessories<ties<ties", "apparel"], "levels")
    assert labels.labels == ["accessories", "apparel", "ties"]
    assert label_hops(labels).tolist() == [[0, 2, 1], [2, 0, 3], [1, 3, 0]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 4, 1024])
def test_hops_of_names_equal_the_smallest_counted_one_by_one(seed, block):
    rng = np.random.default_rng(seed)
    classes = sorted({"<".join(rng.choice(list("abcdefghij"), rng.integers(1, 5))) for _ in range(12)})
    labels = make_labels(classes, "levels")
    hops = label_hops(labels, block)
    assert hops.dtype == np.int16
    assert hops.tolist() == naive_label_hops(labels)


def test_hops_of_names_at_one_place_are_the_plain_ones():
    labels = make_labels(["a<b<c", "a<b<d", "e"], "levels")
    assert label_hops(labels).tolist() == class_hops(["a", "a<b", "a<b<c", "a<b<d", "e"]).tolist()


def test_hops_of_leaf_labels_are_those_of_the_classes():
    assert label_hops(make_labels(WORKED_EXAMPLE, "leaf")).tolist() == class_hops(WORKED_EXAMPLE).tolist()


def test_tree_order_compares_levels_not_letters():
    classes = ["a<c", "a b", "b", "a", "a<b<x", "a<b"]
    assert sorted(classes) == ["a", "a b", "a<b", "a<b<x", "a<c", "b"]
    assert [classes[index] for index in tree_order(classes)] == ["a", "a<b", "a<b<x", "a<c", "a b", "b"]
    assert tree_order([]) == []


def test_label_order_goes_by_the_first_place():
    labels = make_labels(["shoes<flat", "bags<tote<flat", "shoes<boots"], "levels")
    ordered = [labels.labels[index] for index in label_order(labels)]
    assert ordered == ["bags", "tote", "flat", "shoes", "boots"]
    assert label_order(make_labels(["b", "a<c", "a"], "leaf")) == [2, 1, 0]
