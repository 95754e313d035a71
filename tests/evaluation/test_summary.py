import json
from dataclasses import replace

import numpy as np
import pytest

from huse.descent import Point
from huse.evaluation import summary
from huse.evaluation.calibration import choose_log_linear
from huse.evaluation.classification import accuracy, best_fusion_weight
from huse.evaluation.results import DIRECTIONS, SplitResults
from huse.evaluation.retrieval import choose_share
from huse.evaluation.summary import (
    DECIDERS,
    Catalogue,
    Choices,
    calibrated,
    choose,
    classification_metrics,
    classified,
    deciders,
    decisions,
    measure,
    metric_intervals,
    spread,
    summarise,
    sureness_metrics,
)
from huse.fusion import LogLinear, temper
from huse.nesting import flatten
from huse.taxonomy import ClassTree

PATHS = [["a", "x"], ["a", "y"], ["b", "z"]]
LEAF = [[0], [1], [2]]
CHOICES = Choices(0.5, LogLinear(1, 1, 0.5), "average", 0.25)


def catalogue(paths=PATHS, class_labels=None):
    labels = class_labels or [[number] for number in range(len(paths))]
    tree = ClassTree(paths)
    return Catalogue(labels, tree, tree.hops.astype(np.float32) / 4)


@pytest.fixture
def make_split(unit_rows):
    """Items of some classes, their scores those of their class, the texts' less sure and some wrong."""

    def make(classes, labels=3, seed=0):
        classes = np.array(classes)
        random = np.random.default_rng(seed)
        scores = [np.eye(labels)[classes % labels] + random.random((len(classes), labels)) * size for size in (0.5, 2)]
        image, text = ((rows / rows.sum(axis=1, keepdims=True)).astype(np.float32) for rows in scores)
        embeddings = {name: unit_rows(len(classes), 4, seed=seed + place) for place, name in enumerate("it")}
        return SplitResults(
            {"image": embeddings["i"], "text": embeddings["t"]}, {"image": image, "text": text}, classes
        )

    return make


def test_choices_by_a_large_split_are_those_by_some_of_it(make_split, monkeypatch):
    split = make_split(np.arange(60) % 3)
    monkeypatch.setattr(summary, "MOST_CHOSEN", 20)
    some = split.rows(np.arange(0, 60, 3))
    assert (
        choose(split, catalogue()) == choose(some, catalogue()) != choose(split.rows(np.arange(1, 60, 3)), catalogue())
    )


def test_answers_are_nodes_of_the_class_paths_whatever_the_tree_of_the_metrics(make_split):
    split, deep = make_split(np.arange(60) % 3), [["r", "s", "a", "x"], ["r", "s", "a", "y"], ["r", "b", "z"]]
    usual, other = catalogue(), catalogue(deep)
    known = replace(other, of_paths=usual.tree)
    points = {name: choose(split, of).points for name, of in (("usual", usual), ("other", other), ("known", known))}
    assert points["known"] == points["usual"] != points["other"]
    measured = {name: measure(split, of, choose(split, of)) for name, of in (("usual", usual), ("known", known))}
    assert sureness_metrics(measured["known"]) == sureness_metrics(measured["usual"])
    levels = {name: classification_metrics(one)["by_level"] for name, one in measured.items()}
    assert levels["known"] == levels["usual"] and list(levels["known"]["image"]) == ["level_1", "level_2"]
    ahp = {name: one.found["retrieval"]["image_to_text"].ahp.mean() for name, one in measured.items()}
    assert ahp["known"] != ahp["usual"]


def test_how_long_many_rankings_take_is_said_beforehand(make_split, monkeypatch, caplog):
    caplog.set_level("INFO")
    split = make_split([0, 1, 2, 0, 1, 2])
    measure(split, catalogue(), CHOICES)
    assert not caplog.records
    monkeypatch.setattr(summary, "LONG", 1)
    measure(split, replace(catalogue(), queries=4), CHOICES)
    assert "4 queries rank 6 items each, about 1 minute;" in caplog.text


def test_the_summary_holds_every_metric(make_split):
    summary = summarise(measure(make_split(np.arange(30) % 3), catalogue(), CHOICES), chance=1 / 3)
    assert list(summary) == [
        "items",
        "classification",
        "retrieval",
        "retrieval_by_probabilities",
        "retrieval_by_both",
        "space",
        "selective",
        "hedging",
    ]
    assert summary["items"] == 30
    classification = summary["classification"]
    assert list(classification) == ["image", "text", "average", "log_linear", "fusion", "by_level", "chance"]
    metrics = {"accuracy", "top_5", "macro_f1", "calibration_error"}
    assert set(classification["text"]) == metrics
    assert set(classification["average"]) == {*metrics, "image_weight"}
    assert set(classification["fusion"]) == {*metrics, "by", "decided_by"}
    temperatures = {"image_temperature", "text_temperature", "sharpness"}
    assert set(classification["log_linear"]) == {*metrics, "image_weight", *temperatures}
    assert classification["image"]["accuracy"] == 1
    assert classification["text"]["accuracy"] < 1
    assert classification["by_level"]["image"] == {"level_1": 1, "level_2": 1}
    assert set(classification["by_level"]) == {"image", "text", "fusion"}
    assert classification["chance"] == {"accuracy": 1 / 3}
    assert summary["retrieval_by_both"].pop("probability_share") == 0.25
    for section in ("retrieval", "retrieval_by_probabilities", "retrieval_by_both"):
        assert list(summary[section]) == [*DIRECTIONS, "mean"]
    by_probabilities = summary["retrieval_by_probabilities"]["image_to_image"]["map"]
    assert by_probabilities > 0.99 > summary["retrieval"]["image_to_image"]["map"]


def test_the_order_of_the_items_changes_nothing(make_split):
    split, groups = make_split(np.arange(40) % 3), np.arange(40) // 2
    order = np.random.default_rng(0).permutation(40)
    measured, shuffled = (measure(results, catalogue(), CHOICES) for results in (split, split.rows(order)))
    intervals = metric_intervals(measured, groups, seed=3, resamples=50)
    again = metric_intervals(shuffled, groups[order], seed=3, resamples=50)
    for one, other in ((summarise(measured, 0.5), summarise(shuffled, 0.5)), (intervals, again)):
        assert dict(flatten(one)) == pytest.approx(dict(flatten(other)), abs=1e-6)
    assert choose(split, catalogue()).image_weight == choose(split.rows(order), catalogue()).image_weight


@pytest.mark.parametrize(
    ("classes", "paths"),
    [
        ([0], PATHS),  # one item
        ([2, 2, 2, 2], PATHS),  # one class of three
        ([0, 0, 0], [["only"]]),
        ([0, 1, 2], PATHS),  # one item a class
        ([0, 0, 1, 2, 2, 3], [["a"], ["a", "b"], ["a", "b", "c"], ["d", "b"]]),
    ],
)
def test_few_items_and_classes_leave_no_metric_that_is_no_number(make_split, classes, paths):
    split, known = make_split(classes, len(paths)), catalogue(paths)
    measured = measure(split, known, choose(split, known))
    summary = summarise(measured, 0.5)
    summary["intervals"] = metric_intervals(measured, np.arange(len(classes)), seed=0, resamples=30)
    json.dumps(summary, allow_nan=False)
    assert summary["retrieval"]["mean"]["chance"]["recall_at_1"] > 0


def test_a_class_of_one_item_stands_in_no_interval_of_its_own(make_split):
    measured = measure(make_split([0, 1, 2]), catalogue(), CHOICES)
    intervals = metric_intervals(measured, np.arange(3), seed=0, resamples=30)
    assert set(intervals["retrieval"]) == {"image_to_text", "text_to_image", "mean"}


def test_several_labels_a_class(make_split):
    labels = [[0, 1], [0, 2], [3]]
    known = catalogue([["a", "x"], ["a", "y"], ["b"]], labels)
    scores = np.array([[0.5, 0.4, 0.1, 0], [0.3, 0.1, 0.2, 0.4], [0.1, 0.0, 0.1, 0.8]], np.float32)
    split = SplitResults(make_split([0, 1, 2]).embeddings, {"image": scores, "text": scores}, np.arange(3))
    metrics = summarise(measure(split, known, CHOICES), 0.5)["classification"]["image"]
    # Labels 0 and 2 are wanted of the second item, 3 and 0 are its highest; by classes it is taken for the third.
    assert metrics["accuracy"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert metrics["macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert metrics["calibration_error"] == pytest.approx((0.1 + 0.4 + 0.2) / 3)
    assert metrics["top_5"] == 1


def test_the_fifth_class_is_among_the_top_5_and_the_sixth_is_not(make_split):
    scores = np.tile(np.array([0.3, 0.25, 0.2, 0.1, 0.08, 0.07], np.float32), (2, 1))
    split = SplitResults(make_split([4, 5], 6).embeddings, {"image": scores, "text": scores}, np.array([4, 5]))
    measured = measure(split, catalogue([[name] for name in "abcdef"]), CHOICES)
    assert summarise(measured, 0.5)["classification"]["image"]["top_5"] == 0.5
    interval = metric_intervals(measured, np.arange(2), seed=0, resamples=100)["classification"]["image"]["top_5"]
    assert interval == {"low": 0, "high": 1}


def test_intervals_hold_the_metrics_that_they_stand_beside(make_split):
    measured = measure(make_split(np.arange(60) % 3), catalogue(), CHOICES)
    summary = summarise(measured, 0.5)
    intervals = metric_intervals(measured, np.arange(60) // 2, seed=0, resamples=200)
    metrics = dict(flatten(summary))
    found = dict(flatten(intervals))
    assert {path.split(".")[0] for path in found} == {
        "classification",
        "retrieval",
        "retrieval_by_probabilities",
        "retrieval_by_both",
    }
    for path in {path.rpartition(".")[0] for path in found}:
        low, high = found[f"{path}.low"], found[f"{path}.high"]
        assert low <= metrics[path] <= high, path
    assert found["retrieval.mean.map.low"] < found["retrieval.mean.map.high"]
    assert set(intervals["retrieval_by_both"]) == {"mean"}
    assert set(intervals["retrieval"]) == {*DIRECTIONS, "mean"}
    assert set(intervals["classification"]) == {"image", "text", "average", "log_linear", "fusion"}


def test_what_is_chosen_is_the_best_on_the_split_given(make_split):
    split, known = make_split(np.arange(30) % 3), catalogue()
    chosen = choose(split, known)
    scores = split.scores["image"], split.scores["text"]
    assert chosen.image_weight == best_fusion_weight(*scores, split.classes, LEAF)
    assert chosen.log_linear == choose_log_linear(*scores, split.classes, LEAF)
    assert chosen.probability_share == choose_share(split, known.tree) == 1  # embeddings by chance bring nothing


@pytest.mark.parametrize(("better", "worse", "by"), [(3, 0, "average"), (4, 3, "log_linear"), (0, 3, "log_linear")])
def test_the_average_is_the_fusion_if_it_is_better_by_more_than_chance(make_split, monkeypatch, better, worse, by):
    """Of 30 items the average has so many right that the other has wrong, and so many the other way round."""
    hits = np.zeros((2, 30))
    hits[0, :better] = hits[1, better : better + worse] = 1
    found = iter(hits)
    monkeypatch.setattr(summary, "label_hits", lambda *_: next(found))
    assert choose(make_split(np.arange(30) % 3), catalogue()).by == by


def test_the_fusion_is_the_chosen_one(make_split):
    split = make_split(np.arange(30) % 3)
    chosen = choose(split, catalogue())
    for name in ("average", "log_linear"):
        measured = measure(split, catalogue(), replace(chosen, by=name))
        assert measured.scores["fusion"] is measured.scores[name]


def test_who_decided(make_split):
    """Items whose fused class is that of the picture, of the name, of both and of neither; by hand."""
    split = make_split([0, 0, 0, 0])
    measured = measure(split, catalogue(), CHOICES)
    predicted = {"image": [0, 0, 1, 1], "text": [0, 1, 0, 2], "fusion": [0, 0, 0, 0]}
    told = replace(
        measured,
        predicted={name: np.array(of) for name, of in predicted.items()},
        hits={"fusion": np.array([1.0, 1, 1, 0])},
    )
    assert deciders(told).tolist() == ["both", "image", "text", "neither"]
    assert decisions(told) == {
        name: {"share": 0.25, "accuracy": float(name != "neither")} for name in ("both", "image", "text", "neither")
    }


def test_what_queries_add_stands_at_their_rows(make_split):
    measured = measure(make_split([0, 1, 0, 2, 1]), catalogue(), CHOICES)
    statistics = measured.found["retrieval"]["image_to_image"]
    rows = spread(statistics, np.array([1.0, 2.0, 3.0, 4.0]), 5)
    assert rows == pytest.approx([1, 2, 3, np.nan, 4], nan_ok=True)


def test_without_the_pair_is_measured_apart(make_split):
    measured = measure(make_split(np.arange(12) % 3), catalogue(), CHOICES)
    for section, found in measured.without_pair.items():
        assert set(found) == {"image_to_text", "text_to_image"}
        for direction, statistics in found.items():
            assert statistics.candidates == 11
            assert measured.found[section][direction].candidates == 12


def test_both_is_not_ranked_again_where_it_is_one_of_the_two(make_split):
    split = make_split(np.arange(12) % 3)
    measured = measure(split, catalogue(), Choices(0.5, LogLinear(1, 1, 0.5), "average", 1.0))
    assert measured.found["retrieval_by_both"] is measured.found["retrieval_by_probabilities"]


def test_one_product_leaves_nothing_to_draw(make_split):
    measured = measure(make_split([0, 1, 2, 0]), catalogue(), CHOICES)
    assert metric_intervals(measured, np.zeros(4, np.int64), seed=0, resamples=30) == {}


@pytest.fixture
def halves(make_split):
    """A whole split, the same with halves missing, and which are there."""
    whole, number = make_split(np.arange(30) % 3), np.arange(30) // 3
    there = {"image": number % 3 > 0, "text": number % 4 != 1}
    there["text"] |= ~there["image"]
    return whole, SplitResults.of(whole.embeddings, whole.scores, whole.classes, there), there


def test_items_are_measured_by_what_they_have(halves):
    whole, split, there = halves
    summary = summarise(measure(split, catalogue(), CHOICES), 0.5)
    json.dumps(summary, allow_nan=False)
    for name in ("image", "text"):
        rows = np.flatnonzero(there[name])
        alone = summarise(measure(whole.rows(rows), catalogue(), CHOICES), 0.5)
        assert summary["classification"][name].pop("items") == len(rows) < 30
        assert summary["classification"][name] == alone["classification"][name]
        assert summary["classification"]["by_level"][name] == alone["classification"]["by_level"][name]
        for section in ("retrieval", "retrieval_by_probabilities", "retrieval_by_both"):
            found, expected = (dict(flatten(those[section][f"{name}_to_{name}"])) for those in (summary, alone))
            assert found == pytest.approx(expected)
        assert summary["space"]["variance"][name] == alone["space"]["variance"][name]
        assert summary["space"]["semantic_order"][name] == alone["space"]["semantic_order"][name]
    assert "items" not in summary["classification"]["fusion"]
    assert summary["items"] == 30
    both = np.flatnonzero(there["image"] & there["text"])
    gap = summarise(measure(whole.rows(both), catalogue(), CHOICES), 0.5)["space"]["gap"]
    assert summary["space"]["gap"] == gap


def test_a_picture_is_ranked_among_the_names_that_are_there(halves):
    whole, split, there = halves
    found = measure(split, catalogue(), CHOICES).found["retrieval"]["image_to_text"]
    names = np.flatnonzero(there["text"])
    assert found.kept.tolist() == np.flatnonzero(there["image"]).tolist()
    assert found.candidates == len(names)
    for place, row in enumerate(found.kept):
        order = names[np.argsort(-(whole.embeddings["text"][names] @ whole.embeddings["image"][row]))]
        first = np.flatnonzero(whole.classes[order] == whole.classes[row])[0] + 1
        assert found.first[place] == first
    pairless = measure(split, catalogue(), CHOICES).without_pair["retrieval"]["image_to_text"]
    assert pairless.kept.tolist() == np.flatnonzero(there["image"] & there["text"]).tolist()
    assert pairless.candidates == len(names) - 1


def test_the_scores_of_a_half_are_its_calibrated_ones(halves):
    whole, split, there = halves
    choices = Choices(0.3, LogLinear(2, 0.5, 0.25), "average", 0)
    measured, complete = (measure(results, catalogue(), choices) for results in (split, whole))
    both = there["image"] & there["text"]
    for way in ("average", "log_linear"):
        assert np.array_equal(measured.scores[way][both], complete.scores[way][both])
        for name, other, temperature in (("image", "text", 2), ("text", "image", 0.5)):
            alone = ~there[other]
            assert alone.any()
            assert np.array_equal(measured.scores[way][alone], temper(whole.scores[name][alone], temperature))
    assert measured.predicted["image"][~there["image"]].tolist() == [-1] * int((~there["image"]).sum())


def test_choices_are_made_on_what_is_there(halves):
    whole, split, there = halves
    chosen = choose(split, catalogue())
    both = np.flatnonzero(there["image"] & there["text"])
    assert chosen.image_weight == choose(whole.rows(both), catalogue()).image_weight
    for name in ("image", "text"):
        alone = choose(whole.rows(np.flatnonzero(there[name])), catalogue()).log_linear
        assert getattr(chosen.log_linear, f"{name}_temperature") == getattr(alone, f"{name}_temperature")


@pytest.mark.parametrize(("name", "other", "weight"), [("text", "image", 0), ("image", "text", 1)])
def test_a_split_of_one_modality(make_split, name, other, weight):
    whole = make_split(np.arange(30) % 3)
    there = {name: np.ones(30, bool), other: np.zeros(30, bool)}
    split = SplitResults.of(whole.embeddings, whole.scores, whole.classes, there)
    chosen = choose(split, catalogue())
    assert chosen.image_weight == chosen.log_linear.image_weight == weight
    measured = measure(split, catalogue(), chosen)
    summary = summarise(measured, 0.5)
    summary["intervals"] = metric_intervals(measured, np.arange(30), seed=0, resamples=30)
    json.dumps(summary, allow_nan=False)
    classification = summary["classification"]
    assert other not in classification
    assert classification["fusion"]["accuracy"] == classification[name]["accuracy"]
    assert classification["average"]["accuracy"] == classification[name]["accuracy"]
    assert classification["log_linear"]["accuracy"] == classification[name]["accuracy"]
    decided = classification["fusion"]["decided_by"]
    assert {by: of["share"] for by, of in decided.items()} == {by: float(by == name) for by in DECIDERS}
    assert [by for by, of in decided.items() if "accuracy" in of] == [name]
    assert "gap" not in summary["space"]
    assert summary["retrieval"][f"{name}_to_{other}"] == {
        "dropped_queries": 30,
        "without_pair": {"dropped_queries": 0},
    }
    assert summary["retrieval"]["mean"]["recall_at_1"] == summary["retrieval"][f"{name}_to_{name}"]["recall_at_1"]
    assert set(summary["intervals"]["classification"]) == {name, "average", "log_linear", "fusion"}


@pytest.mark.parametrize("picture", [0, 1, 2, 4])
@pytest.mark.parametrize("name", [0.5, 2, 4, 8])
def test_the_fusion_is_hardly_ever_a_standard_error_below_the_better_modality(picture, name, unit_rows):
    """Whatever either modality knows, and however sure it wrongly is; chosen on 200 items, tried on 300 others."""
    labels, items = [[number] for number in range(20)], 500
    known = catalogue([["a", f"c{number:02}"] for number in range(20)])
    lost = []
    for seed in range(5):
        random = np.random.default_rng(seed)
        classes = random.integers(0, 20, items)
        scores = {}
        for modality, evidence, sureness in (("image", picture, 3.0), ("text", name, 0.5)):
            logits = random.normal(size=(items, 20)) * 2 + evidence * np.eye(20)[classes]
            scores[modality] = temper(np.exp(logits - logits.max(axis=1, keepdims=True)), 1 / sureness)
        embeddings = {each: unit_rows(items, 4) for each in scores}
        validation, others = (
            SplitResults(
                *({each: rows[part] for each, rows in values.items()} for values in (embeddings, scores)), classes[part]
            )
            for part in (slice(200), slice(200, items))
        )
        fused, _, _ = classified(others, known, choose(validation, known))
        found = {each: accuracy(rows, others.classes, labels) for each, rows in fused.items()}
        better = max(found["image"], found["text"])
        lost.append(better - found["fusion"] > np.sqrt(better * (1 - better) / 300))
    assert sum(lost) <= 1


def without(split, image, text):
    """The split without the pictures of some rows, and the names of others."""
    missing = {"image": image, "text": text}
    found = [
        {
            name: np.where(np.isin(np.arange(len(rows)), missing[name])[:, None], np.nan, rows)
            for name, rows in of.items()
        }
        for of in (split.embeddings, split.scores)
    ]
    return SplitResults(*found, split.classes)


def test_answers_go_by_the_thresholds_of_what_an_item_has(make_split):
    split = without(make_split(np.arange(6) % 3), [0, 1, 2], [3])
    every, none = [Point(0.9, (0.0, 0.0), (0.0, 0.0, 1.0))], []
    for points, answered in (
        ({"image": none, "text": every, "fusion": none}, (0, 1, 3 / 6)),
        ({"image": every, "text": none, "fusion": none}, (1, 0, 1 / 6)),
        ({"image": none, "text": none, "fusion": every}, (0, 0, 2 / 6)),
    ):
        measured = measure(split, catalogue(), replace(CHOICES, points=points))
        found = sureness_metrics(measured)
        for name, share in zip(("image", "text", "fusion"), answered, strict=True):
            assert found["hedging"][name]["precision_90"]["class"] == pytest.approx(share)
            assert found["hedging"][name]["precision_95"]["none"] == 1
        accuracy = summarise(measured, 0.5)["classification"]
        for name in ("image", "text", "fusion"):
            assert found["selective"][name]["risk"]["at_100"] == pytest.approx(1 - accuracy[name]["accuracy"])


def test_thresholds_are_chosen_for_pictures_names_and_both(make_split):
    """Of both, only by items that have both: those with one half are of another kind."""
    split, known = make_split(np.arange(90) % 3), catalogue()
    half = without(split, np.arange(40), np.arange(80, 90))
    points = choose(half, known).points
    alone = {
        "image": half.rows(np.arange(40, 90)),
        "text": half.rows(np.arange(80)),
        "fusion": half.rows(np.arange(40, 80)),
    }
    for name, those in alone.items():
        choices = choose(those, known)
        if name != "fusion":  # the fusion is fitted on the same items of both
            assert choices.points[name] == points[name]
        assert points[name]
    assert choose(alone["fusion"], known).points["fusion"] != []
    assert choose(without(split, np.arange(90), []), known).points["image"] == []


def test_probabilities_are_those_of_a_model(make_split):
    split = make_split(np.arange(6) % 3)
    found = calibrated({**split.scores, "fusion": split.scores["text"]}, LogLinear(2, 0.5, 0.25), LEAF)
    np.testing.assert_allclose(found["image"], temper(split.scores["image"], 2), atol=1e-6)
    np.testing.assert_allclose(found["text"], temper(split.scores["text"], 0.5), atol=1e-6)
    np.testing.assert_allclose(found["fusion"], split.scores["text"], atol=1e-6)
    levels = calibrated({**split.scores, "fusion": split.scores["text"]}, LogLinear(1, 1, 0.25), [[0, 1], [0, 2], [1]])
    scores = split.scores["image"]
    means = np.stack([scores[:, [0, 1]].mean(1), scores[:, [0, 2]].mean(1), scores[:, 1]], axis=1)
    np.testing.assert_allclose(levels["image"], means / means.sum(axis=1, keepdims=True), atol=1e-6)


def test_labels_in_levels_and_uneven_paths_have_answers(make_split):
    paths, labels = [["a"], ["a", "b"], ["a", "b", "c"], ["d", "b"]], [[0], [0, 1], [0, 1, 2], [3, 4]]
    split, known = make_split(np.arange(200) % 4, 5), catalogue(paths, labels)
    found = sureness_metrics(measure(split, known, choose(split, known)))
    for name, targets in found["hedging"].items():
        for metrics in targets.values():
            shares = [metrics[key] for key in ("class", "level_1", "level_2", "none")]
            assert sum(shares) == pytest.approx(1), name
            assert metrics["none"] == 1 or metrics["accuracy"] >= 0.9
