import numpy as np
import pytest

from huse.labels.schemes import label_hops, label_nodes, make_labels
from huse.taxonomy import ClassTree
from tests.worked_example import LEAVES as WORKED_EXAMPLE


def test_leaf_labels_are_the_classes():
    labels = make_labels(["b<x", "a<x"], "leaf")
    assert labels.labels == ["b<x", "a<x"]
    assert labels.class_labels == [[0], [1]]


def test_level_labels_are_sorted_names_one_entry_a_level():
    labels = make_labels(["shoes<flat", "bags<tote<flat", "flat"], "levels")
    assert labels.labels == ["bags", "flat", "shoes", "tote"]
    assert labels.class_labels == [[2, 1], [0, 3, 1], [1]]


def naive_label_hops(labels):
    nodes = label_nodes(labels)
    above = [[{node[:depth] for depth in range(1, len(node) + 1)} for node in places] for places in nodes]
    return [[min(len(one ^ other) for one in first for other in second) for second in above] for first in above]


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


@pytest.mark.parametrize(
    ("classes", "names", "hops"),
    [
        # flat is below shoes and below tote; of its places the nearer one counts.
        (
            ["shoes<flat", "bags<tote<flat"],
            ["bags", "flat", "shoes", "tote"],
            [[0, 2, 2, 1], [2, 0, 1, 1], [2, 1, 0, 3], [1, 1, 3, 0]],
        ),
        # A name below itself, and names at one place each.
        (["a<ties<ties", "b"], ["a", "b", "ties"], [[0, 2, 1], [2, 0, 3], [1, 3, 0]]),
        (["a<b", "e"], ["a", "b", "e"], ClassTree.of(["a", "a<b", "e"]).hops.tolist()),
    ],
)
def test_hops_of_names_by_hand(classes, names, hops):
    labels = make_labels(classes, "levels")
    assert labels.labels == names
    assert label_hops(labels).tolist() == hops


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 4, 1024])
def test_hops_of_names_equal_the_smallest_counted_one_by_one(seed, block):
    rng = np.random.default_rng(seed)
    classes = sorted({"<".join(rng.choice(list("abcdefghij"), rng.integers(1, 5))) for _ in range(12)})
    labels = make_labels(classes, "levels")
    hops = label_hops(labels, block)
    assert hops.dtype == np.int16
    assert hops.tolist() == naive_label_hops(labels)


def test_hops_of_leaf_labels_are_those_of_the_classes():
    assert label_hops(make_labels(WORKED_EXAMPLE, "leaf")).tolist() == ClassTree.of(WORKED_EXAMPLE).hops.tolist()
