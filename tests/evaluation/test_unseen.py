from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.evaluation import unseen
from huse.evaluation.results import DIRECTIONS
from huse.evaluation.unseen import measure_unseen, unseen_intervals, unseen_metrics
from huse.taxonomy import ClassTree
from tests.evaluation.made import circle
from tests.worked_example import ANKLE, EYESHADOW, LIPSTICK, MASCARA, PATHS, PERFUME

TREE = [["a"], ["a", "x"], ["a", "y"], ["a", "y", "z"], ["b", "x"], ["b", "y"], ["c"]]


def metrics_of(embeddings, classes, split, paths):
    found = measure_unseen(embeddings, classes, split, ClassTree(paths))
    return {} if found is None else unseen_metrics(found)


def by_hand():
    """Two unseen eyeshadows at 0° and 24°, one test product of each of four seen classes."""
    classes = np.array([EYESHADOW, EYESHADOW, LIPSTICK, PERFUME, MASCARA, ANKLE, LIPSTICK])
    split = np.array(["unseen", "unseen", "test", "test", "test", "test", "train"], dtype=object)
    places = circle(0, 24, 10, 20, 30, 90, 1)
    return {"image": places, "text": places.copy()}, classes, split, PATHS


def test_by_hand():
    # seen candidates of the first: lipstick, perfume, mascara, ankle; of the second: perfume, mascara, lipstick, ankle
    found = metrics_of(*by_hand())
    assert (found["items"], found["classes"]) == (2, 1)
    metrics = found["image_to_image"]
    assert metrics["sibling_at_1"] == pytest.approx((1 + 0) / 2)
    assert metrics["sibling_at_5"] == pytest.approx(2 / 5)  # of four candidates
    assert metrics["sibling_at_10"] == pytest.approx(2 / 10)
    assert metrics["hops"] == pytest.approx((2 + 4) / 2)
    # similarities 2/3 1/3 2/3 0 and 1/3 2/3 2/3 0; the best sums are 2/3 4/3 5/3 5/3
    assert metrics["ahp"] == pytest.approx(((1 + 0.75 + 1 + 1) / 4 + (0.5 + 0.75 + 1 + 1) / 4) / 2)
    # the first meets the second at rank 3, the second the first at rank 4
    assert metrics["recall_at_1"] == 0
    assert metrics["map"] == pytest.approx((1 / 3 + 1 / 4) / 2)
    chance = metrics["chance"]
    assert chance["sibling_at_1"] == pytest.approx(2 / 4)
    assert chance["sibling_at_5"] == pytest.approx(2 / 5)
    assert chance["hops"] == pytest.approx((2 + 4 + 2 + 6) / 4)
    assert chance["ahp"] == pytest.approx((0.625 + 0.625 + 0.75 + 1) / 4)
    assert chance["recall_at_1"] == pytest.approx(1 / 5)
    assert chance["map"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5)
    # across modalities the pair is a candidate, at rank 1, and the other one at rank 4 or 5
    metrics = found["text_to_image"]
    assert metrics["recall_at_1"] == 1
    assert metrics["map"] == pytest.approx(((1 + 2 / 4) / 2 + (1 + 2 / 5) / 2) / 2)
    assert metrics["chance"]["recall_at_1"] == pytest.approx(2 / 6)
    assert found["mean"]["recall_at_1"] == pytest.approx(0.5)
    assert found["mean"]["chance"]["recall_at_1"] == pytest.approx((1 / 5 + 2 / 6) / 2)
    assert all(found[way]["dropped_without_sibling"] == found[way]["dropped_without_own"] == 0 for way in DIRECTIONS)


class Oracle:
    """One query after the other, one candidate after the other, as the docstring says it."""

    def __init__(self, embeddings, classes, split, paths):
        self.embeddings, self.classes, self.paths = embeddings, classes, paths
        learned = {c for c, s in zip(classes, split, strict=True) if s != "unseen"}
        self.queries = [n for n, s in enumerate(split) if s == "unseen" and classes[n] not in learned]
        self.seen = [n for n, s in enumerate(split) if s == "test"]
        self.edges, self.similarity = ClassTree(paths).hops, ClassTree(paths).similarity

    def is_sibling(self, one, other):
        return one != other and self.paths[one][:-1] == self.paths[other][:-1]

    def ranking(self, query, pool, ways):
        own = self.classes[query]

        def key(n):
            c = self.classes[n]
            cosine = float(self.embeddings[ways[0]][query] @ self.embeddings[ways[1]][n])
            return -cosine, c == own, self.similarity[own, c], self.is_sibling(own, c), -self.edges[own, c]

        return [self.classes[n] for n in sorted(pool, key=key)]

    def direction(self, *ways):
        values = {}
        for query in self.queries:
            own = self.classes[query]
            ranked = self.ranking(query, self.seen, ways)
            if any(self.is_sibling(own, c) for c in ranked):
                found = {f"sibling_at_{k}": sum(self.is_sibling(own, c) for c in ranked[:k]) / k for k in (1, 5, 10)}
                found["hops"] = self.edges[own, ranked[0]]
                sims = [self.similarity[own, c] for c in ranked]
                ideal = sorted(sims, reverse=True)
                shares = [sum(sims[:k]) / sum(ideal[:k]) if ideal[0] else 1 for k in range(1, min(len(sims), 250) + 1)]
                found["ahp"] = sum(shares) / len(shares)
                for name, value in found.items():
                    values.setdefault(name, []).append(value)
            pool = [n for n in self.seen + self.queries if n != query or ways[0] != ways[1]]
            places = [place for place, c in enumerate(self.ranking(query, pool, ways), start=1) if c == own]
            if places:
                values.setdefault("recall_at_1", []).append(places[0] == 1)
                values.setdefault("map", []).append(np.mean([(n + 1) / place for n, place in enumerate(places)]))
        return {name: np.mean(each) for name, each in values.items()}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_metrics_are_those_of_the_oracle(seed, count):
    random = np.random.default_rng(seed)
    classes = random.integers(len(TREE), size=count)
    held_out = random.random(len(TREE)) < 0.4
    split = np.where(held_out[classes], "unseen", random.choice(["train", "test"], size=count)).astype(object)
    split[random.random(count) < 0.05] = "unseen"  # of a class that is learned from too: it is left out
    # few different places, so that many cosines are equal
    places = np.eye(4, dtype=np.float32)
    embeddings = {name: places[random.integers(4, size=count)] for name in ("image", "text")}
    found, oracle = metrics_of(embeddings, classes, split, TREE), Oracle(embeddings, classes, split, TREE)
    if not oracle.queries or not oracle.seen:
        assert found == {}
        return
    assert found["items"] == len(oracle.queries)
    for way in DIRECTIONS:
        metrics = {name: value for name, value in found[way].items() if name in unseen.METRICS}
        assert metrics == pytest.approx(oracle.direction(*way.split("_to_")))
        assert metrics.keys() == found[way]["chance"].keys()
    for name in unseen.METRICS:
        values = [found[way][name] for way in DIRECTIONS if name in found[way]]
        assert (name in found["mean"]) == bool(values)
        assert not values or found["mean"][name] == pytest.approx(np.mean(values))


def test_chance_is_the_mean_over_all_orders():
    """Five candidates on a line before the query, in every order, and the query's pair far away among them."""
    classes = np.array([EYESHADOW, EYESHADOW, LIPSTICK, PERFUME, MASCARA, ANKLE])
    split = np.array(["unseen"] * 2 + ["test"] * 4, dtype=object)
    places, runs = circle(0, 10, 20, 30, 40, 50), []
    for order in permutations(range(1, 6)):
        moved = places.copy()
        moved[1:] = places[list(order)]
        queries = np.tile(places[0], (6, 1))
        found = metrics_of({"image": queries, "text": moved}, classes, split, PATHS)["image_to_text"]
        runs.append(found)
    for name in ("sibling_at_1", "sibling_at_5", "ahp", "hops"):
        assert np.mean([run[name] for run in runs]) == pytest.approx(runs[0]["chance"][name]), name
    # across modalities both unseen ones are candidates, and here one of them is always the nearest
    assert all(run["recall_at_1"] == 1 for run in runs)


@pytest.mark.parametrize(("count", "members"), [(1, 1), (4, 1), (5, 2), (5, 5)])
def test_chance_of_finding_the_own_class_is_the_mean_over_all_orders(count, members):
    orders = np.array(sorted(set(permutations([True] * members + [False] * (count - members)))))
    found = unseen._own_class(orders)
    assert found["recall_at_1"].mean() == pytest.approx(found["chance.recall_at_1"])
    assert found["map"].mean() == pytest.approx(found["chance.map"])


def test_a_space_that_has_collapsed_gets_the_worst_metrics(unit_rows):
    classes = np.array([EYESHADOW, EYESHADOW, LIPSTICK, MASCARA, *[ANKLE] * 12])
    split = np.array(["unseen"] * 2 + ["test"] * 14, dtype=object)
    point = np.repeat(unit_rows(1, 7), 16, axis=0)
    mean = metrics_of({"image": point, "text": point}, classes, split, PATHS)["mean"]
    assert (mean["sibling_at_10"], mean["hops"], mean["recall_at_1"]) == (0, 6, 0)


def one_query(classes):
    """One unseen product and two of the test split."""
    places = circle(0, 10, 20)
    return {"image": places, "text": places}, np.array(classes), np.array(["unseen", "test", "test"], dtype=object)


def test_queries_without_a_sibling_or_another_of_their_class_are_dropped_and_counted():
    found = metrics_of(*one_query([PERFUME, LIPSTICK, ANKLE]), PATHS)
    assert found["image_to_image"] == {"chance": {}, "dropped_without_sibling": 1, "dropped_without_own": 1}
    assert found["image_to_text"]["recall_at_1"] == 1
    assert found["image_to_text"]["dropped_without_sibling"] == 1
    assert set(found["mean"]) == {"recall_at_1", "map", "chance"}


def test_where_no_candidate_is_similar_any_order_is_the_best():
    metrics = metrics_of(*one_query([0, 1, 2]), [["a"], ["b"], ["c"]])["image_to_image"]
    assert (metrics["ahp"], metrics["chance"]["ahp"]) == (1, 1)
    assert metrics["sibling_at_1"] == metrics["chance"]["sibling_at_1"] == 1


def test_nothing_is_measured_without_queries_or_candidates():
    embeddings, classes, split, paths = by_hand()
    assert metrics_of(embeddings, classes, np.where(split == "unseen", "test", split), paths) == {}
    assert metrics_of(embeddings, classes, np.where(split == "test", "train", split), paths) == {}


def test_blocks_change_nothing(monkeypatch):
    whole = metrics_of(*by_hand())
    monkeypatch.setattr(unseen, "BLOCK", 1)
    assert metrics_of(*by_hand()) == whole


def test_intervals_are_of_products_and_hold_the_metrics(unit_rows):
    classes = np.repeat([EYESHADOW, LIPSTICK, MASCARA, ANKLE], 30)
    split = np.array(["unseen"] * 30 + ["test"] * 90, dtype=object)
    places = unit_rows(120, 8, seed=3)
    found = measure_unseen({"image": places, "text": places[::-1].copy()}, classes, split, ClassTree(PATHS))
    metrics, groups = unseen_metrics(found), np.arange(30)
    intervals = unseen_intervals(found, groups, seed=1, resamples=400)
    assert set(intervals) == {*DIRECTIONS, "mean"}
    for direction, those in intervals.items():
        assert set(those) == {name for name in metrics[direction] if name in unseen.METRICS}
        for name, interval in those.items():
            assert interval["low"] <= metrics[direction][name] <= interval["high"]
    values = found.values["image_to_image"]["ahp"]
    width = intervals["image_to_image"]["ahp"]["high"] - intervals["image_to_image"]["ahp"]["low"]
    assert width == pytest.approx(2 * 1.96 * values.std() / np.sqrt(30), rel=0.2)
    # products of one name are drawn together: with two groups, the draws are of two alone
    halves = unseen_intervals(found, groups // 15, seed=1, resamples=400)["image_to_image"]["ahp"]
    assert halves["low"] == pytest.approx(min(values[:15].mean(), values[15:].mean()))
    assert unseen_intervals(found, groups * 0, seed=1, resamples=400) == {}


def test_what_is_missing_is_neither_asked_nor_found():
    """Without the picture of the second eyeshadow and of the perfume: as if they had no place among the pictures."""
    embeddings, classes, split, paths = by_hand()
    embeddings["image"][[1, 3]] = np.nan
    found = measure_unseen(embeddings, classes, split, ClassTree(paths)).values
    rest = [0, 2, 4, 5, 6]
    alone = {name: values[rest] for name, values in embeddings.items()}
    expected = measure_unseen(alone, classes[rest], split[rest], ClassTree(paths)).values["image_to_image"]
    for name, values in found["image_to_image"].items():
        assert values[:1] == pytest.approx(expected[name], nan_ok=True), name
        assert np.isnan(values[1]), name
    assert np.isnan(found["image_to_text"]["hops"]).tolist() == [False, True]
    assert np.isfinite(found["text_to_image"]["hops"]).all()


@pytest.mark.parametrize("name", ["image", "text"])
def test_without_any_picture_or_name_of_unseen_classes_there_are_the_other_directions(name):
    embeddings, classes, split, paths = by_hand()
    whole = metrics_of(embeddings, classes, split, paths)
    embeddings[name][:2] = np.nan
    found = metrics_of(embeddings, classes, split, paths)
    other = "text" if name == "image" else "image"
    for missing in (f"{name}_to_{name}", f"{name}_to_{other}"):
        assert found[missing] == {"chance": {}, "dropped_without_sibling": 2, "dropped_without_own": 2}
    assert found[f"{other}_to_{other}"] == whole[f"{other}_to_{other}"]
    assert found[f"{other}_to_{name}"]["hops"] == whole[f"{other}_to_{name}"]["hops"]
    embeddings[name][:] = np.nan
    assert metrics_of(embeddings, classes, split, paths)[f"{other}_to_{other}"] == whole[f"{other}_to_{other}"]
