import numpy as np
import pytest

from huse.labels.neighbours import nearest_and_farthest, nearest_classes
from huse.taxonomy import ClassTree, split_path

CLASSES = ["shoes<boots", "bags", "shoes<flats"]
DISTANCES = np.array([[0, 0.75, 0.123456], [0.75, 0, 0.5], [0.123456, 0.5, 0]], np.float32)


def naive(distances, classes, hops, count):
    rows = []
    listed = [
        (float(distances[i, j]), classes[i], classes[j], int(hops[i, j]))
        for i in range(len(classes))
        for j in range(len(classes))
        if split_path(classes[i]) < split_path(classes[j])
    ]
    for end, sign in (("nearest", 1), ("farthest", -1)):
        listed.sort(key=lambda pair: (sign * pair[0], split_path(pair[1]), split_path(pair[2])))
        rows += [(end, round(far, 4), steps, first, second) for far, first, second, steps in listed[:count]]
    return rows


def rows(table):
    return [tuple(row) for row in table.itertuples(index=False)]


def test_ends_by_hand():
    table = nearest_and_farthest(DISTANCES, CLASSES, ClassTree.of(CLASSES).hops, count=2)
    assert list(table.columns) == ["end", "distance", "hops", "first", "second"]
    assert rows(table) == [
        ("nearest", 0.1235, 2, "shoes<boots", "shoes<flats"),
        ("nearest", 0.5, 3, "bags", "shoes<flats"),
        ("farthest", 0.75, 3, "bags", "shoes<boots"),
        ("farthest", 0.5, 3, "bags", "shoes<flats"),
    ]


@pytest.mark.parametrize("classes", [[], ["a"]])
def test_without_pairs_the_table_is_empty(classes):
    size = len(classes)
    table = nearest_and_farthest(np.zeros((size, size), np.float32), classes, ClassTree.of(classes).hops)
    assert list(table.columns) == ["end", "distance", "hops", "first", "second"]
    assert len(table) == 0


@pytest.mark.parametrize("values", [1, 2, 5, 1000])  # all tied, many ties, few
@pytest.mark.parametrize("block", [1, 5, 1000])
@pytest.mark.parametrize("count", [0, 1, 20, 10_000])
def test_ends_equal_the_sorted_list_of_all_pairs(values, block, count):
    rng = np.random.default_rng(values)
    classes = list({"<".join(rng.choice(["a", "b", "a b", "c"], rng.integers(1, 4))) for _ in range(40)})
    classes = rng.permutation(sorted(classes)).tolist()
    upper = np.triu(rng.integers(0, values, size=(len(classes), len(classes))) / values, k=1)
    distances, hops = (upper + upper.T).astype(np.float32), ClassTree.of(classes).hops
    assert rows(nearest_and_farthest(distances, classes, hops, count, block)) == naive(distances, classes, hops, count)


@pytest.mark.parametrize("block", [1, 2, 100])
def test_nearest_classes_by_hand(block):
    found = nearest_classes(DISTANCES, CLASSES, count=1, block=block)
    assert list(found) == ["bags", "shoes<boots", "shoes<flats"]
    assert [[name for name, _ in others] for others in found.values()] == [
        ["shoes<flats"],
        ["shoes<flats"],
        ["shoes<boots"],
    ]
    assert found["bags"][0][1] == 0.5


def test_of_equally_near_classes_the_first_in_the_tree_comes_first():
    equal = (1 - np.eye(4)).astype(np.float32)
    found = nearest_classes(equal, ["d", "a b", "a<c", "a"], count=9)
    assert found["a b"] == [("a", 1), ("a<c", 1), ("d", 1)]
    assert (equal == 1 - np.eye(4)).all()  # not written to


def test_one_class_has_no_neighbours():
    assert nearest_classes(np.zeros((1, 1), np.float32), ["a"]) == {"a": []}
