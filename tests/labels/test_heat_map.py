import time
import warnings
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from huse.labels.heat_map import (
    MOST_NAMED,
    Branch,
    choose_named,
    colour_range,
    draw_heat_map,
    find_branches,
    mean_cells,
)
from huse.labels.schemes import label_hops, make_labels
from huse.labels.vectors import tree_distances


def tree(first, second, third):
    return [
        f"branch {a}<middle {b}<leaf {a} {b} {c}" for a in range(first) for b in range(second) for c in range(third)
    ]


def draw(classes, output, scheme="leaf"):
    labels = make_labels(classes, scheme)
    draw_heat_map(tree_distances(label_hops(labels)), labels, output, title="Distances of classes")
    with Image.open(output) as picture:
        picture.verify()
        assert picture.format == "PNG"
        assert "Software" not in picture.info
        return picture.size


@pytest.mark.parametrize("scheme", ["leaf", "levels"])
@pytest.mark.parametrize(
    "classes",
    [
        ["a", "b"],
        tree(3, 2, 2),
        [str(index) for index in range(MOST_NAMED + 1)],  # branches of one label each, not all named
        [
            "50$ and 20$<x_1^2",
            "a $\\alpha",
            "a very long name of a class indeed, longer than there is room<" + "x" * 90,
        ],
    ],
)
def test_draws_a_picture_without_warnings(classes, scheme, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        width, height = draw(classes, tmp_path / "map.png", scheme)
    assert 700 < width < 1300
    assert 700 < height < 1300


def test_same_graph_same_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        draw(tree(3, 2, 3), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_thousands_of_labels_are_quick_and_small(tmp_path):
    rng = np.random.default_rng(0)
    labels = make_labels([f"{index % 97}<{index}" for index in range(2000)], "leaf")
    noise = rng.uniform(0, 2, size=(2000, 2000)).astype(np.float32)
    start = time.perf_counter()
    draw_heat_map(noise, labels, tmp_path / "map.png")
    assert time.perf_counter() - start < 10
    assert (tmp_path / "map.png").stat().st_size < 300_000


def test_distances_that_are_all_the_same(tmp_path):
    labels = make_labels(["a", "b", "c"], "leaf")
    draw_heat_map(np.zeros((3, 3), np.float32), labels, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 0


def test_few_labels_keep_their_own_cells_in_order():
    matrix = np.arange(9, dtype=np.float32).reshape(3, 3)
    assert mean_cells(matrix, [2, 0, 1], 3).tolist() == [[8, 6, 7], [2, 0, 1], [5, 3, 4]]


def test_cells_are_means_of_neighbours():
    rng = np.random.default_rng(0)
    matrix, order = rng.uniform(size=(11, 11)).astype(np.float32), rng.permutation(11).tolist()
    cells = mean_cells(matrix, order, 4)
    bounds = [0, 2, 5, 8, 11]
    expected = [
        [np.mean([matrix[i, j] for i in order[a:b] for j in order[c:d]]) for c, d in pairwise(bounds)]
        for a, b in pairwise(bounds)
    ]
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells, expected, rtol=1e-6)


def test_branches_are_runs_in_cells():
    assert find_branches(["a", "a", "b", "c"], 0.5) == [Branch("a", 0, 1), Branch("b", 1, 1.5), Branch("c", 1.5, 2)]


def test_names_of_large_branches_come_first_where_there_is_no_room():
    small, large, far = Branch("small", 0, 1), Branch("large", 1, 4), Branch("far", 4, 6)
    assert choose_named([small, large, far], 0) == [small, large, far]
    assert choose_named([small, large, far], 2.2) == [large, far]
    assert choose_named([small, large, far], 4) == [large]
    equal = [Branch(name, place, place + 1) for place, name in enumerate("abc")]
    assert choose_named(equal, 1.5) == [equal[0], equal[2]]


def test_colours_span_the_distances_off_the_diagonal():
    assert colour_range(np.float32([[0, 0.25], [0.75, 0]])) == pytest.approx((0.25, 0.75), abs=0.01)
    assert colour_range(np.float32([[0, 0.5], [0.5, 0]])) == (0, 0.5)
    low, high = colour_range(np.zeros((2, 2), np.float32))
    assert low < high
