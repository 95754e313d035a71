import numpy as np
import pytest

from huse.evaluation import retrieval
from huse.evaluation.chance import references
from huse.evaluation.results import DIRECTIONS, SplitResults, points, sampled
from huse.evaluation.retrieval import (
    choose_share,
    map_over_directions,
    query_metrics,
    references_of,
    retrieval_metrics,
    retrieve,
)
from huse.taxonomy import ClassTree
from tests.evaluation.made import circle

TREE = ClassTree([["a", "x"], ["a", "y"], ["b", "z"]])
TREE_OF_FOUR = ClassTree([["a", "x"], ["a", "y"], ["b", "z"], ["b", "w"]])


def metrics_of(places, classes, tree=TREE):
    found, without = (retrieve(places, classes, tree, exclude_pair=excluded) for excluded in (False, True))
    return retrieval_metrics(found, without, lambda _, excluded: references(classes, tree, own_excluded=excluded))


def test_recall_by_hand():
    places = circle(0, 10, 90, 100)
    found = retrieve({"image": places, "text": places}, np.array([0, 1, 0, 1]), TREE)
    assert tuple(found) == DIRECTIONS
    assert found["image_to_image"].first.tolist() == [2, 3, 3, 2]
    metrics = query_metrics(found["image_to_image"])
    assert [metrics[f"recall_at_{k}"].mean() for k in (1, 5)] == [0, 1]
    assert query_metrics(found["image_to_text"])["recall_at_1"].mean() == 1  # the pair itself


def test_every_metric_stands_where_it_belongs(unit_rows):
    classes = np.arange(30) % 3
    table = metrics_of({"image": unit_rows(30, 8, seed=1), "text": unit_rows(30, 8, seed=2)}, classes)
    names = ["recall_at_1", "recall_at_5", "recall_at_10", "map", "macro_recall_at_1", "median_rank", "ahp"]
    names += [f"{kind}_at_{k}" for kind in ("hp", "class_hp") for k in (2, 5, 10)]
    assert list(table) == [*DIRECTIONS, "mean"]
    for direction, entry in table.items():
        across = direction in ("image_to_text", "text_to_image")
        rest = {"dropped_queries", "chance", "best"} | ({"without_pair"} if across else set())
        assert set(entry) == {*names, *rest}
        assert set(entry["chance"]) == set(names)
        assert entry["best"] == {"class_hp_at_5": pytest.approx(0.6), "class_hp_at_10": pytest.approx(0.3)}
        if across:
            assert set(entry["without_pair"]) == {*names, "dropped_queries", "chance", "best"}
    for name in names:
        assert table["mean"][name] == pytest.approx(np.mean([table[direction][name] for direction in DIRECTIONS]))
    chances = [table[direction]["chance"]["map"] for direction in DIRECTIONS]
    assert table["mean"]["chance"]["map"] == pytest.approx(np.mean(chances))


@pytest.mark.parametrize("excluded", [False, True])
def test_a_sample_of_queries_ranks_all_candidates(unit_rows, excluded):
    classes, places = np.arange(30) % 4, {"image": unit_rows(30, 8, seed=1), "text": unit_rows(30, 8, seed=2)}
    places["text"][5] = np.nan
    asked = sampled(30, 7)
    assert asked.sum() == 7 and np.flatnonzero(asked).tolist() == [0, 4, 8, 12, 17, 21, 25]
    whole = retrieve(places, classes, TREE_OF_FOUR, exclude_pair=excluded)
    some = retrieve(places, classes, TREE_OF_FOUR, exclude_pair=excluded, queries=7)
    for direction, statistics in some.items():
        of = np.isin(whole[direction].kept, statistics.kept)
        assert statistics.kept.tolist() == [row for row in np.flatnonzero(asked) if row in whole[direction].kept]
        assert statistics.candidates == whole[direction].candidates
        np.testing.assert_array_equal(statistics.first, whole[direction].first[of])
        np.testing.assert_array_equal(statistics.average_precision, whole[direction].average_precision[of])
        np.testing.assert_array_equal(statistics.ahp, whole[direction].ahp[of])


def test_chance_is_that_of_the_sample():
    classes = np.array([0, 0, 0, 1, 0, 0, 0, 1])
    there = {"image": np.ones(8, bool), "text": np.ones(8, bool)}
    some, whole = (
        references_of(there, classes, TREE, queries)("image_to_image", True)["chance"]["recall_at_1"]
        for queries in (2, None)  # the first and the fifth, both of the large class
    )
    assert some == pytest.approx(5 / 7) and whole == pytest.approx((6 * 5 / 7 + 2 / 7) / 8)


def test_without_the_pair_there_is_one_candidate_less(unit_rows):
    rows = unit_rows(12, 8)
    table = metrics_of({"image": rows, "text": rows}, np.arange(12) % 3)
    across = table["image_to_text"]
    assert across["recall_at_1"] == 1
    assert across["chance"]["recall_at_1"] == pytest.approx(4 / 12)
    assert across["without_pair"]["chance"]["recall_at_1"] == pytest.approx(3 / 11)
    # With the same vectors on both sides, what is left is retrieval within a modality.
    own = {name: value for name, value in across["without_pair"].items() if name != "best"}
    within = {name: value for name, value in table["image_to_image"].items() if name != "best"}
    assert own == within


def test_classes_of_one_item_are_dropped_within_a_modality(unit_rows):
    rows = unit_rows(4, 8)
    table = metrics_of({"image": rows, "text": rows}, np.array([0, 0, 1, 2]))
    assert table["image_to_image"]["dropped_queries"] == 2
    assert table["image_to_text"]["dropped_queries"] == 0
    assert table["mean"]["dropped_queries"] == 4
    assert table["text_to_image"]["without_pair"]["dropped_queries"] == 2
    only = metrics_of({"image": rows[:2], "text": rows[:2]}, np.array([0, 1]))
    assert only["image_to_image"] == {"dropped_queries": 2}
    assert only["image_to_text"]["without_pair"] == {"dropped_queries": 2}
    assert only["mean"]["recall_at_1"] == 1  # over the two directions that have it


def test_one_item_and_one_class(unit_rows):
    rows = unit_rows(3, 4)
    table = metrics_of({"image": rows[:1], "text": rows[:1]}, np.array([0]))
    assert table["image_to_text"]["map"] == table["mean"]["chance"]["map"] == 1
    assert table["image_to_image"] == {"dropped_queries": 1}
    one_class = metrics_of({"image": rows, "text": rows}, np.zeros(3, int), ClassTree([["a"]]))
    assert one_class["mean"]["map"] == one_class["mean"]["ahp"] == 1
    assert one_class["image_to_image"]["best"]["hp_at_5"] == pytest.approx(2 / 5)


def test_random_embeddings_reach_chance(unit_rows):
    tree = ClassTree([["a", "x"], ["a", "y"], ["a", "z"], ["b", "x"], ["b"]])
    classes = np.random.default_rng(0).choice(5, size=1500, p=[0.5, 0.2, 0.2, 0.08, 0.02])
    table = metrics_of({"image": unit_rows(1500, 32, seed=5), "text": unit_rows(1500, 32, seed=6)}, classes, tree)
    for direction in DIRECTIONS:
        entry = table[direction]
        for name, chance in entry["chance"].items():
            tolerance = 1 if name == "median_rank" else 0.035
            assert entry[name] == pytest.approx(chance, abs=tolerance), (direction, name)
        assert entry["chance"]["class_hp_at_10"] == pytest.approx(0.5)  # five classes, all shown, all correct
        assert entry["best"] == {"class_hp_at_10": 0.5}


def results(unit_rows, classes, scores):
    count = len(classes)
    embeddings = {"image": unit_rows(count, 6, seed=1), "text": unit_rows(count, 6, seed=2)}
    return SplitResults(embeddings, {"image": scores, "text": scores}, classes)


def test_points_of_both_mix_the_two_cosines(unit_rows):
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(3), size=5).astype(np.float32)
    split = results(unit_rows, np.arange(5) % 3, scores)
    embedded, probable, both = (points(split, share)["image"] for share in (0, 1, 0.25))
    assert (embedded == split.embeddings["image"]).all()
    assert [values.shape[1] for values in (embedded, probable, both)] == [6, 3, 9]
    bhattacharyya = [[sum(np.sqrt(p * q)) for q in scores] for p in scores]
    assert probable @ probable.T == pytest.approx(np.array(bhattacharyya), abs=1e-6)
    assert both @ both.T == pytest.approx(0.75 * embedded @ embedded.T + 0.25 * probable @ probable.T, abs=1e-6)


def test_the_share_is_what_finds_best(unit_rows, monkeypatch):
    classes = np.arange(60) % 3
    certain = results(unit_rows, classes, np.eye(3, dtype=np.float32)[classes])
    assert choose_share(certain, TREE) == 0.75  # from there on every mAP is 1; the smallest wins
    useless = results(unit_rows, classes, np.full((60, 3), 1 / 3, np.float32))
    assert choose_share(useless, TREE) == 0
    # Of many items, some at even spacing are tried.
    tried = []
    original = retrieval.retrieve
    monkeypatch.setattr(retrieval, "MOST_RANKED", 25)
    monkeypatch.setattr(retrieval, "retrieve", lambda *given: tried.append(given[1]) or original(*given))
    choose_share(certain, TREE)
    assert {tuple(items) for items in tried} == {tuple(classes[::3])}


def test_map_over_directions_is_over_the_directions_that_have_it(unit_rows):
    rows = unit_rows(2, 4)
    found = retrieve({"image": rows, "text": rows}, np.array([0, 1]), TREE)
    assert map_over_directions(found) == 1
