import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from huse.evaluation import space
from huse.evaluation.retrieval import retrieve
from huse.evaluation.space import (
    class_order,
    gap_metrics,
    pair_places,
    semantic_order,
    space_metrics,
    variance_in_use,
)
from huse.taxonomy import ClassTree
from tests.evaluation.made import circle

TREE = ClassTree([["a", "x"], ["a", "y"], ["b", "z"]])


def test_gap_by_hand():
    # At 0, 90 and 180 degrees, and at about 53, 90 and 270; products of these numbers are equal where they should be.
    image = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    text = np.array([[0.6, 0.8], [0, 1], [0, -1]], np.float32)
    found = gap_metrics(image, text)
    assert found["mean_distance"] == pytest.approx((0.4 + 0 + 1) / 3)
    others = [1 - 0, 1 - 0, 1 - 0.8, 1 + 1, 1 + 0.6, 1 - 0]
    assert found["other_items"] == pytest.approx(np.mean(others), abs=1e-6)
    # Names nearest to the pictures: the first's own, the second's own; to the third, its own and the second's alike.
    assert found["image_to_text"] == {"median_rank": 1, "rank_1": pytest.approx((1 + 1 + 0.5) / 3)}
    # Pictures nearest to the names: the second before the first's own, the second's own, the third's and another alike.
    assert found["text_to_image"] == {"median_rank": 1.5, "rank_1": pytest.approx((0 + 1 + 0.5) / 3)}
    assert found["chance"] == {"median_rank": 2, "rank_1": pytest.approx(1 / 3)}


@pytest.mark.parametrize("block", [1, 7, 256])
def test_places_of_pairs_equal_average_ranks(unit_rows, block):
    queries, candidates = unit_rows(60, 5, seed=1), np.repeat(unit_rows(20, 5, seed=2), 3, axis=0)
    nearer, equal = pair_places(queries, candidates, block=block)
    for query in range(60):
        cosines = np.array([float((queries[query] * row).sum(dtype=np.float64)) for row in candidates])
        assert nearer[query] + (equal[query] + 1) / 2 == rankdata(-cosines.round(9))[query]
    assert (equal == 3).all()
    asked = np.arange(60) % 7 == 2
    some = pair_places(queries, candidates, asked, block)
    np.testing.assert_array_equal(some, (nearer[asked], equal[asked]))


def test_a_collapsed_space_is_at_chance(unit_rows):
    point = np.tile(unit_rows(1, 37), (50, 1))
    found = gap_metrics(point, point)
    for way in ("image_to_text", "text_to_image"):
        assert found[way] == pytest.approx(found["chance"])
    assert found["mean_distance"] == pytest.approx(0, abs=1e-6)


def test_one_item_has_no_others(unit_rows):
    row = unit_rows(1, 4)
    found = gap_metrics(row, row)
    assert "other_items" not in found
    assert found["image_to_text"] == {"median_rank": 1, "rank_1": 1} == found["chance"]


def test_class_order_counts_triples(unit_rows):
    classes = np.array([0, 0, 1, 1, 1, 2])
    images, texts = unit_rows(6, 3, seed=1), unit_rows(6, 3, seed=2)
    places = {"image": images, "text": texts}
    found = class_order(retrieve(places, classes, TREE))
    for direction in ("image_to_image", "image_to_text"):
        query, candidate = (places[name] for name in direction.split("_to_"))
        shares = []
        for q in range(6):
            others = [n for n in range(6) if not (n == q and query is candidate)]
            near = [query[q] @ candidate[n] for n in others if classes[n] == classes[q]]
            far = [query[q] @ candidate[n] for n in others if classes[n] != classes[q]]
            if near:
                shares.append(np.mean([a > b for a in near for b in far]))
        assert found[direction] == pytest.approx(np.mean(shares))
    assert found["mean"] == pytest.approx(np.mean([value for name, value in found.items() if name != "mean"]))


def test_one_class_has_no_order(unit_rows):
    rows = unit_rows(4, 3)
    assert class_order(retrieve({"image": rows, "text": rows}, np.zeros(4, int), TREE)) == {}


def test_semantic_order_is_the_correlation_of_class_means(unit_rows):
    random = np.random.default_rng(0)
    classes = np.append(np.repeat(np.arange(6), 5), 7)  # the seventh has no items
    embeddings = {"image": unit_rows(31, 4, seed=1), "text": unit_rows(31, 4, seed=2)}
    wanted = random.random((8, 8))
    wanted += wanted.T
    found = semantic_order(embeddings, classes, {"adjacency": wanted})
    present = [0, 1, 2, 3, 4, 5, 7]
    both = np.concatenate([embeddings["image"], embeddings["text"]])
    for name, vectors, numbers in (("image", embeddings["image"], classes), ("both", both, np.tile(classes, 2))):
        means = [vectors[numbers == number].mean(axis=0) for number in present]
        pairs = [(a, b) for a in range(7) for b in range(a)]
        near = [1 - means[a] @ means[b] / np.linalg.norm(means[a]) / np.linalg.norm(means[b]) for a, b in pairs]
        expected = spearmanr(near, [wanted[present[a], present[b]] for a, b in pairs]).statistic
        assert found[name]["adjacency"] == pytest.approx(expected)


def test_a_space_in_the_order_of_the_tree_has_a_correlation_of_1():
    # Three classes: two siblings at 0 and 30 degrees, the third at 170; distances 1 < 3 < 4 as hops 2 < 4 < 4.
    rows = np.repeat(circle(0, 30, 170), 2, axis=0)
    classes = np.repeat(np.arange(3), 2)
    adjacency = np.array([[0, 1, 3], [1, 0, 2], [3, 2, 0]], np.float32)
    found = semantic_order({"image": rows, "text": rows}, classes, {"adjacency": adjacency, "tree": TREE.hops})
    assert found["image"] == pytest.approx({"adjacency": 1, "tree": spearmanr([1, 3, 2], [1, 2, 2]).statistic})


def test_what_has_no_order_is_left_out(unit_rows):
    rows = unit_rows(4, 3)
    embeddings = {"image": rows, "text": rows}
    flat, some = np.ones((4, 4)) - np.eye(4), np.arange(16.0).reshape(4, 4)
    none = {"image": {}, "text": {}, "both": {}}
    assert semantic_order(embeddings, np.arange(4), {"adjacency": flat}) == none
    assert semantic_order(embeddings, np.array([0, 0, 1, 1]), {"adjacency": some}) == none  # one pair
    assert semantic_order(embeddings, np.zeros(4, int), {"adjacency": some}) == none
    opposite = {"image": rows, "text": -rows}
    assert semantic_order(opposite, np.arange(4), {"adjacency": some})["both"] == {}  # means of zero


def test_of_many_classes_some_are_looked_at(unit_rows, monkeypatch):
    monkeypatch.setattr(space, "MOST_RANKED", 4)
    rows, wanted = unit_rows(8, 3), np.arange(64.0).reshape(8, 8)
    embeddings = {"image": rows, "text": rows}
    few = semantic_order({name: values[::2] for name, values in embeddings.items()}, np.arange(0, 8, 2), {"a": wanted})
    assert semantic_order(embeddings, np.arange(8), {"a": wanted}) == few


def test_variance_by_hand():
    evenly = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float32)
    assert variance_in_use(evenly) == pytest.approx({"total": 1, "dimensions": 1})
    line = circle(0, 180, 0, 180)
    assert variance_in_use(line) == pytest.approx({"total": 1, "dimensions": 0.5})
    assert variance_in_use(line[:1]) == {"total": 0, "dimensions": 0}


def test_variance_is_the_participation_ratio_of_the_eigenvalues(unit_rows):
    rows = unit_rows(50, 8) * np.linspace(0.1, 1, 8, dtype=np.float32)
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
    found = variance_in_use(rows)
    assert found["dimensions"] == pytest.approx(values.sum() ** 2 / (values**2).sum() / 8)
    assert found["total"] == pytest.approx(values.sum())


def test_a_point_up_to_rounding_uses_no_dimension(unit_rows):
    point = np.tile(unit_rows(1, 64), (100, 1))
    point += 1e-7 * np.random.default_rng(0).normal(size=point.shape).astype(np.float32)
    assert variance_in_use(point)["dimensions"] == 0


def test_all_metrics_stand_together(unit_rows):
    embeddings = {"image": unit_rows(9, 4, seed=1), "text": unit_rows(9, 4, seed=2)}
    classes = np.arange(9) % 3
    adjacency = np.array([[0, 1, 3], [1, 0, 2], [3, 2, 0]], np.float32)
    found = space_metrics(embeddings, classes, retrieve(embeddings, classes, TREE), adjacency, TREE.hops)
    assert list(found) == ["gap", "class_order", "semantic_order", "variance"]
    assert set(found["semantic_order"]) == {"image", "text", "both"}
    assert set(found["semantic_order"]["text"]) == {"adjacency", "tree"}
    assert set(found["variance"]) == {"image", "text"}
