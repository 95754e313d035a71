"""The way down the class tree against one that is walked node by node."""

import numpy as np
import pytest

from huse.descent import Descent, Point, answer_depths, choose_points, descend, hedge, kinds_of, read_points
from huse.errors import InputError
from huse.taxonomy import ClassTree

UNEVEN = ["a", "a<b", "a<b<c", "a<d", "e", "f<g<h<i", "f<g<j", "a b", "a b<c"]


def walk(row, paths):
    """The class where the way ends, and the probability of each node on it; slowly."""
    node, sums = (), []
    while True:
        below = [number for number, path in enumerate(paths) if path[: len(node)] == node]
        children = {}  # in tree order, a class that ends here first
        for number in sorted(below, key=paths.__getitem__):
            child = paths[number][: len(node) + 1]
            children[child] = children.get(child, 0.0) + float(row[number])
        best = max(children, key=children.get)
        if best == node:
            return paths.index(node), sums
        node = best
        sums.append(children[best])


@pytest.mark.parametrize("names", [UNEVEN, UNEVEN[::-1], ["only"], ["a<b", "a<c", "d<e"], ["a", "a<a", "a<a<a"]])
@pytest.mark.parametrize("concentration", [0.05, 1.0])
def test_the_way_is_the_one_that_is_walked(names, concentration):
    tree = ClassTree.of(names)
    probabilities = np.random.default_rng(0).dirichlet([concentration] * len(names), 200).astype(np.float32)
    found = descend(probabilities, tree)
    for row, number, sums in zip(probabilities, found.classes.tolist(), found.probabilities, strict=True):
        expected, of_nodes = walk(row, tree.paths)
        assert number == expected
        assert sums[~np.isnan(sums)] == pytest.approx(of_nodes)
        assert len(of_nodes) == tree.depths[number] == (~np.isnan(sums)).sum()


def test_several_little_probable_classes_make_a_node_probable():
    tree = ClassTree.of(["a<x", "b<y", "b<z"])
    found = descend(np.array([[0.4, 0.35, 0.25]], np.float32), tree)
    assert tree.paths[found.classes[0]] == ("b", "y")  # though a<x is the most probable class
    assert found.probabilities[0] == pytest.approx([0.6, 0.35])


def test_a_way_may_end_at_a_class_above_others():
    tree = ClassTree.of(["a", "a<b", "c"])
    found = descend(np.array([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.4, 0.4, 0.2]], np.float32), tree)
    assert [tree.paths[number] for number in found.classes] == [("a",), ("a", "b"), ("a",)]  # equal: the upper one
    np.testing.assert_allclose(found.probabilities, [[0.8, np.nan], [0.8, 0.5], [0.8, np.nan]], atol=1e-6)


def test_nothing_descends_to_nothing():
    assert descend(np.zeros((0, 3), np.float32), ClassTree.of(["a", "a<b", "c"])).probabilities.shape == (0, 2)


def test_a_level_is_answered_only_if_all_above_are():
    sums = np.array([[0.9, 0.8, 0.7], [0.9, 0.5, 0.45], [0.6, 0.6, 0.6], [0.95, np.nan, np.nan]])
    descent = Descent(np.zeros(4, np.int64), sums)
    assert answer_depths(descent, (0.9, 0.8, 0.4)).tolist() == [3, 1, 0, 1]
    assert answer_depths(descent, (0.0, None, 0.0)).tolist() == [1, 1, 1, 1]
    assert answer_depths(descent, (None, 0.0, 0.0)).tolist() == [0, 0, 0, 0]


def test_each_item_goes_by_the_thresholds_of_its_kind():
    kinds = kinds_of(np.array([True, True, False]), np.array([True, False, True]))
    assert kinds.tolist() == ["fusion", "image", "text"]
    descent = Descent(np.zeros(3, np.int64), np.full((3, 1), 0.5))
    points = {name: Point(0.9, (least,), (0.0, 1.0)) for name, least in (("fusion", 0.5), ("image", 0.6))}
    assert hedge(descent, kinds, {**points, "text": None}).tolist() == [1, 0, 0]
    assert hedge(descent, kinds, {"text": points["fusion"]}).tolist() == [0, 0, 1]


def test_the_first_point_that_is_precise_enough_is_chosen():
    points = [Point(precision, (precision,), (0.0, 1.0)) for precision in (0.8, 0.95, 0.9, 0.97)]
    for precision, expected in (
        (0.5, points[0]),
        (0.85, points[1]),
        (0.95, points[1]),
        (0.96, points[3]),
        (0.98, None),
    ):
        assert choose_points({"image": points, "text": []}, precision) == {"image": expected, "text": None}
    for wrong in (0, 1, 1.5, -0.1, float("nan")):
        with pytest.raises(InputError, match="precision: expected a share between 0 and 1"):
            choose_points({}, wrong)


def test_points_are_read_as_json_has_them():
    point = Point(0.75, (0.5, None), (0.25, 0.5, 0.25))
    content = {"image": [{"precision": 0.75, "thresholds": [0.5, None], "shares": [0.25, 0.5, 0.25]}], "text": []}
    assert read_points(content) == {"image": [point], "text": []}
