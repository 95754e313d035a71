import json

import numpy as np
import pytest

from huse.evaluation.products import (
    COMBINED,
    measure_products,
    product_intervals,
    product_metrics,
    products_table,
)
from huse.evaluation.results import DIRECTIONS, SplitResults
from huse.evaluation.summary import Catalogue, Choices, measure
from huse.fusion import LogLinear
from huse.nesting import flatten
from huse.taxonomy import ClassTree
from tests.evaluation.made import circle

TREE = ClassTree([["a", "x"], ["a", "y"], ["b", "z"]])
CATALOGUE = Catalogue([[0], [1], [2]], TREE, TREE.hops.astype(np.float32) / 4)
CHOICES = Choices(0.75, LogLinear(2, 0.5, 0.25), "average", 0.5)


def products_of(results, groups):
    return measure_products(measure(results, CATALOGUE, CHOICES), np.array(groups))


@pytest.fixture
def by_hand():
    """Three products: of two pictures 60 degrees apart, one of which is taken for the other class; and of one each."""
    image = [[0.2, 0.8, 0.0], [0.9, 0.1, 0.0], [0.3, 0.7, 0.0], [0.6, 0.0, 0.4]]
    text = [[0.4, 0.6, 0.0], [0.4, 0.6, 0.0], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]]
    return SplitResults(
        {"image": circle(0, 60, 100, 40), "text": circle(90, 90, 110, 10)},
        {"image": np.array(image, np.float32), "text": np.array(text, np.float32)},
        np.array([0, 0, 1, 0]),
    ), [7, 7, 3, 5]


def test_products_by_hand(by_hand):
    products = products_of(*by_hand)
    assert (products.first.tolist(), products.items.tolist()) == ([0, 2, 3], [2, 1, 1])
    results = products.measured.results
    assert results.classes.tolist() == [0, 1, 0]
    assert results.embeddings["image"] == pytest.approx(circle(30, 100, 40), abs=1e-6)
    assert results.embeddings["text"] == pytest.approx(circle(90, 110, 10), abs=1e-6)
    assert results.scores["image"][0] == pytest.approx([0.55, 0.45, 0])
    # One of the two pictures is wrong alone; together they are right, and so is the mean with the name's.
    assert products.measured.predicted["image"].tolist() == [0, 1, 0]
    assert products.measured.scores["fusion"][0] == pytest.approx([0.75 * 0.55 + 0.25 * 0.4, 0.4875, 0])
    assert products.measured.predicted["fusion"].tolist() == [0, 1, 0]
    metrics = product_metrics(products, chance=0.5)
    assert (metrics["products"], metrics["of_several_items"]) == (3, 1)
    assert metrics["classification"]["image"]["accuracy"] == 1
    assert metrics["classification"]["text"]["accuracy"] == pytest.approx(2 / 3)
    assert metrics["classification"]["chance"] == {"accuracy": 0.5}
    # Pictures at 30 and 40 degrees find each other, names at 90 and 10 do not: 110 is nearer to 90.
    assert metrics["retrieval"]["image_to_image"]["recall_at_1"] == 1
    assert metrics["retrieval"]["text_to_text"]["recall_at_1"] == 0.5
    assert metrics["retrieval"]["text_to_text"]["map"] == pytest.approx((1 / 2 + 1) / 2)
    assert metrics["retrieval"]["text_to_text"]["dropped_queries"] == 1
    # Both together lie at 60, 105 and 25 degrees.
    assert metrics["retrieval"][COMBINED]["recall_at_1"] == 1


def drawn(unit_rows, seed):
    """Items of a few groups, which run through classes; the items of a product are not side by side."""
    random = np.random.default_rng(seed)
    groups, classes = random.integers(0, 12, 40), random.integers(0, 3, 40)
    scores = [random.dirichlet(np.ones(3), size=40).astype(np.float32) for _ in range(2)]
    embeddings = [unit_rows(40, 6, seed=2 * seed + place) for place in range(2)]
    return SplitResults(
        *(dict(zip(("image", "text"), both, strict=True)) for both in (embeddings, scores)), classes
    ), groups


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_a_slow_way(unit_rows, seed):
    results, groups = drawn(unit_rows, seed)
    products = products_of(results, groups)
    keys = list(dict.fromkeys(zip(groups.tolist(), results.classes.tolist(), strict=True)))
    assert 12 < len(keys) < 40
    places, right = {"image": [], "text": [], "both": []}, []
    for group, number in keys:
        rows = [row for row in range(40) if (groups[row], results.classes[row]) == (group, number)]
        image, text = (results.embeddings[name][rows].astype(np.float64).sum(axis=0) for name in ("image", "text"))
        image, text = image / np.linalg.norm(image), text / np.linalg.norm(text)
        for name, place in (("image", image), ("text", text), ("both", image + text)):
            places[name].append(place / np.linalg.norm(place))
        pictures, names = (results.scores[name][rows].mean(axis=0) for name in ("image", "text"))
        logs = 0.25 * np.log(pictures) / 2 + 0.75 * np.log(names) / 0.5
        right.append([np.argmax(of) == number for of in (pictures, names, 0.75 * pictures + 0.25 * names, logs)])
    metrics, classes = product_metrics(products, 0.5), np.array([number for _, number in keys])
    accuracies = [metrics["classification"][name]["accuracy"] for name in ("image", "text", "fusion", "log_linear")]
    assert accuracies == pytest.approx(np.mean(right, axis=0))
    for direction in (*DIRECTIONS, COMBINED):
        query, found = (np.array(places[name]) for name in direction.split("_to_"))
        firsts, precisions = [], []
        for row, cosines in enumerate(query @ found.T):
            order = [other for other in np.argsort(-cosines) if direction[:4] not in direction[4:] or other != row]
            hits = classes[order] == classes[row]
            firsts.append(hits[0])
            precisions.append(np.mean(np.cumsum(hits)[hits] / (1 + np.flatnonzero(hits))))
        assert metrics["retrieval"][direction]["recall_at_1"] == pytest.approx(np.mean(firsts))
        assert metrics["retrieval"][direction]["map"] == pytest.approx(np.mean(precisions))
    mean = np.mean([metrics["retrieval"][direction]["map"] for direction in DIRECTIONS])
    assert metrics["retrieval"]["mean"]["map"] == pytest.approx(mean)
    assert metrics["products"] == len(keys)


def test_intervals_stand_at_the_metrics_and_draw_the_products_of_a_group_together(unit_rows):
    results, groups = drawn(unit_rows, 0)
    products = products_of(results, groups)
    metrics = dict(flatten(product_metrics(products, 0.5)))
    intervals = dict(flatten(product_intervals(products, groups, seed=1, resamples=50)))
    for path, low in intervals.items():
        if path.endswith(".low"):
            name = path.removesuffix(".low")
            assert low <= metrics[name] <= intervals[f"{name}.high"]
    for path in ("classification.fusion.accuracy", "retrieval.mean.map", f"retrieval.{COMBINED}.recall_at_1"):
        assert intervals[f"{path}.low"] < intervals[f"{path}.high"]
    assert product_intervals(products, np.zeros(40, np.int64), seed=1, resamples=50) == {}
    json.dumps(metrics, allow_nan=False)


def test_the_order_of_the_items_changes_nothing(unit_rows):
    results, groups = drawn(unit_rows, 1)
    order = np.random.default_rng(0).permutation(40)
    one = product_metrics(products_of(results, groups), 0.5)
    other = product_metrics(products_of(results.rows(order), groups[order]), 0.5)
    assert dict(flatten(one)) == pytest.approx(dict(flatten(other)), abs=1e-6)


def test_the_table_has_a_row_for_every_product(by_hand):
    results, groups = by_hand
    table = products_table(products_of(results, groups), np.array([10, 11, 14, 19]), np.array(groups))
    assert list(table)[:4] == ["row", "group", "items", "class_index"]
    assert table["row"].tolist() == [10, 14, 19]
    assert table["group"].tolist() == [7, 3, 5]
    assert table["items"].tolist() == [2, 1, 1]
    assert table["predicted_fusion"].tolist() == [0, 1, 0]
    assert table["confidence_fusion"].tolist() == pytest.approx([0.5125, 0.75, 0.575])
    assert table["correct_text"].tolist() == [0, 1, 1]


def test_of_products_of_one_item_all_is_as_of_items(by_hand):
    results, _ = by_hand
    items = measure(results, CATALOGUE, CHOICES)
    products = measure_products(items, np.arange(4))
    assert not products.several and products.measured is items
    assert products_table(products, np.arange(4), np.arange(4))["items"].tolist() == [1, 1, 1, 1]
    assert products_of(results, [0, 0, 0, 1]).items.tolist() == [2, 1, 1]  # of one group, but of two classes
