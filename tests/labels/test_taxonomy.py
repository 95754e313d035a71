import numpy as np
import pytest

from huse.labels.taxonomy import class_hops, make_labels, split_path

WORKED_EXAMPLE = [
    "beauty<makeup<lipstick",
    "beauty<makeup<eyeshadow",
    "beauty<makeup<mascara",
    "beauty<fragrance<perfume",
    "shoes<boots<ankle",
    "shoes<boots<knee",
    "shoes<pumps<high",
    "shoes<pumps<mid",
]


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
