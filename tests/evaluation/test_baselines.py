"""The baselines on items whose right values are known."""

import numpy as np
import pytest

from huse.evaluation.baselines import (
    IMAGE,
    NGRAMS,
    TEXT,
    Inputs,
    fit_all,
    measure_baselines,
    rows_in_use,
)
from huse.evaluation.beside import COMPARISONS, Tried, beside, remarks
from huse.evaluation.results import SplitResults
from huse.evaluation.splits import measure_splits
from huse.evaluation.summary import Catalogue
from huse.taxonomy import ClassTree

LEAF = [[0], [1], [2]]
TREE = ClassTree.of(["a<b", "a<c", "d<e"])
CATALOGUE = Catalogue(LEAF, TREE, TREE.hops.astype(np.float32))
COUNT = 90
CLASSES = np.arange(COUNT) % 3
PARTS = {"train": np.arange(30), "validation": np.arange(30, 60), "test": np.arange(60, 90)}
SPLIT = np.repeat(list(PARTS), 30)
TELLING = np.eye(3, dtype=np.float32)[CLASSES]


def by_chance(seed, width=3):
    return np.random.default_rng(seed).random((COUNT, width)).astype(np.float32)


def inputs(image=TELLING, text=None, ngrams=TELLING, pictured=True, named=True):
    there = {"image": np.broadcast_to(pictured, COUNT), "text": np.broadcast_to(named, COUNT)}
    return Inputs({"image": image, "text": by_chance(1) if text is None else text}, [[ngrams]], there, CLASSES, PARTS)


def measured(given, catalogue=CATALOGUE, labels=3):
    return measure_baselines(given, catalogue, labels)


def by_chance_beside(given):
    """Put the baselines of the test split beside a space by chance."""
    space, scores = by_chance(2), by_chance(3)
    space /= np.linalg.norm(space, axis=1, keepdims=True)
    scores /= scores.sum(axis=1, keepdims=True)
    halves = {"image": space, "text": space[::-1].copy()}, {"image": scores, "text": scores[::-1].copy()}
    results = SplitResults.of(*halves, CLASSES, given.there)
    _, ours = measure_splits(results, SPLIT, np.arange(COUNT), CATALOGUE, seed=0, resamples=0)
    return ours, beside(measured(given)[1], ours, seed=0, resamples=200)


def test_vectors_that_tell_the_class_are_right_and_others_are_not():
    _, test = measured(inputs(image=by_chance(0)))
    metrics = test.metrics
    assert metrics["training_items"] == 30
    assert metrics[NGRAMS]["accuracy"] == metrics[TEXT]["accuracy"] == 1
    assert metrics[IMAGE]["accuracy"] < 0.7
    assert metrics["fused"]["accuracy"] == 1  # names decide
    assert metrics["retrieval"]["text_to_text"]["map"] == 1 > metrics["retrieval"]["image_to_image"]["map"]


def test_the_fusion_takes_from_each_what_it_knows():
    """Pictures tell class 2 from the others, names tell 0 from 1: only both are always right."""
    image = np.stack([CLASSES == 2, CLASSES != 2], axis=1).astype(np.float32)
    names = np.where(CLASSES == 2, np.arange(COUNT) // 3 % 2, CLASSES)
    _, test = measured(
        inputs(image=image, text=np.zeros((COUNT, 1), np.float32), ngrams=np.eye(2, dtype=np.float32)[names])
    )
    assert test.metrics[IMAGE]["accuracy"] == pytest.approx(2 / 3)
    assert test.metrics[NGRAMS]["accuracy"] < 0.9
    assert test.metrics["fused"]["accuracy"] == 1


@pytest.mark.parametrize(("ngrams", "text", "better"), [(TELLING, None, NGRAMS), (by_chance(4), TELLING, TEXT)])
def test_names_are_those_of_the_better_regression_on_validation(ngrams, text, better):
    validation, test = measured(inputs(ngrams=ngrams, text=text))
    assert test.metrics["fused"]["text"] == better
    assert validation.metrics[better]["accuracy"] == 1
    np.testing.assert_array_equal(test.measured.scores["text"], test.measured.scores[better])


def test_neighbours_in_raw_vectors_by_hand():
    """Items of a class on one ray from the origin: cosines find them; standardised, two classes of them mix."""
    rays = np.array([[1, 0.2], [1, 0.4], [1, 0.6]], np.float32)[CLASSES]
    lengths = 1 + np.arange(COUNT, dtype=np.float32)[:, None] % 7
    validation, test = measured(inputs(image=rays * lengths))
    near = test.metrics["neighbours"]
    assert near["image_to_image"]["vectors"] == "plain"
    assert near["image_to_image"]["recall_at_1"] == near["image_to_image"]["map"] == 1
    assert near["text_to_text"]["map"] < 0.8
    assert "text_to_image" not in near
    assert validation.metrics["neighbours"]["image_to_image"]["map"] == 1


def test_one_large_feature_without_meaning_is_standardised_away():
    noise = 1e4 * by_chance(5, 1)
    _, test = measured(inputs(text=np.concatenate([TELLING, noise], axis=1)))
    assert test.metrics["neighbours"]["text_to_text"]["vectors"] == "standardised"
    assert test.metrics["neighbours"]["text_to_text"]["recall_at_1"] > 0.9


def test_choices_are_of_the_validation_split():
    given = inputs(image=by_chance(0))
    first = measured(given)
    changed = by_chance(0)
    changed[PARTS["test"]] = by_chance(6)[PARTS["test"]]
    second = measured(inputs(image=changed))
    assert first[0].metrics == second[0].metrics
    assert first[1].metrics[IMAGE]["accuracy"] != second[1].metrics[IMAGE]["accuracy"]
    for key in ("image_weight", "image_temperature", "text_temperature", "text"):
        assert first[1].metrics["fused"][key] == second[1].metrics["fused"][key]


def test_halves():
    """Every second item has no picture, every third no name: each is judged by what it has."""
    pictured, named = np.arange(COUNT) % 2 == 0, np.arange(COUNT) // 3 % 3 > 0
    named |= ~pictured
    image, ngrams = TELLING.copy(), TELLING.copy()
    image[~pictured], ngrams[~named] = 99, -99  # what stands there counts for nothing
    _, test = measured(inputs(image=image, ngrams=ngrams, pictured=pictured, named=named))
    metrics, part = test.metrics, PARTS["test"]
    assert metrics[IMAGE]["items"] == pictured[part].sum() and metrics[NGRAMS]["items"] == named[part].sum()
    assert metrics[IMAGE]["accuracy"] == metrics[NGRAMS]["accuracy"] == metrics["fused"]["accuracy"] == 1
    assert np.isnan(test.measured.scores["image"][~pictured[part]]).all()
    assert np.isfinite(test.measured.scores["fusion"]).all()


@pytest.mark.parametrize("modality", ["image", "text"])
def test_catalogues_of_one_modality(modality):
    there = {"pictured": modality == "image", "named": modality == "text"}
    _, test = measured(inputs(**there))
    assert set(test.metrics) & {IMAGE, NGRAMS, TEXT} == ({IMAGE} if modality == "image" else {NGRAMS, TEXT})
    assert test.metrics["fused"]["accuracy"] == 1
    assert list(test.metrics["neighbours"]) == [f"{modality}_to_{modality}"]
    _, compared = by_chance_beside(inputs(**there))
    assert {path.split(".")[1] for path in compared if path.startswith("class")} == {modality, "fusion"}
    kind, read = {"image": ("pictures", "the image vectors"), "text": ("names", "n-grams of the names")}[modality]
    assert compared["classification.fusion.accuracy"]["name"] == f"fused, of {kind} alone: accuracy"
    assert compared["classification.fusion.accuracy"]["by"] == f"logistic regression on {read}"
    assert compared["retrieval.mean.map"]["by"] == f"class probabilities of logistic regression on {read}"
    said = next(line for line in remarks(compared) if "fused" in line)
    assert ("backbone" in said) == (modality == "image")
    assert said.startswith(f"behind a baseline, fused, of {kind} alone: accuracy ")


def test_ours_stand_beside_the_baselines_with_paired_intervals():
    """The baselines are always right, so each difference is what ours lacks."""
    ours, compared = by_chance_beside(inputs())
    for path, value in (
        ("classification.text.accuracy", ours.metrics["classification"]["text"]["accuracy"]),
        ("retrieval.mean.map", ours.metrics["retrieval"]["mean"]["map"]),
        ("neighbours.image_to_image.recall_at_1", ours.metrics["retrieval"]["image_to_image"]["recall_at_1"]),
    ):
        one = compared[path]
        assert one["ours"] == value < 1
        assert one["baseline"] == pytest.approx(1)
        assert one["difference"] == pytest.approx(value - 1)
        assert one["low"] < one["difference"] < one["high"] < 0
    assert compared["neighbours.image_to_image.map"]["by"] == "nearest neighbours in the raw image vectors"
    assert compared["classification.text.accuracy"]["by"] == "logistic regression on n-grams of the names"
    assert len(compared) == 11 and len(remarks(compared)[0].splitlines()) == 1


def test_what_only_the_test_split_has_is_not_learned():
    pictured = SPLIT == "test"
    _, test = measured(inputs(pictured=pictured))
    assert IMAGE not in test.metrics and np.isnan(test.measured.scores["image"]).all()
    assert test.metrics["fused"]["accuracy"] == 1


def test_labels_of_levels_share_the_probability_of_a_class():
    """Labels a, b, c, d, e of a<b, a<c and d<e: a has half of what both its classes have."""
    levels = Catalogue([[0, 1], [0, 2], [3, 4]], TREE, CATALOGUE.adjacency)
    _, test = measured(inputs(), levels, labels=5)
    scores, leaf = test.measured.scores["image"], fit_all(inputs(), CATALOGUE, 3)[IMAGE].scores["test"]
    np.testing.assert_allclose(scores[:, 0], (leaf[:, 0] + leaf[:, 1]) / 2, rtol=1e-5)
    np.testing.assert_allclose(scores[:, 4], leaf[:, 2] / 2, rtol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert test.metrics[IMAGE]["accuracy"] == test.metrics[IMAGE]["macro_f1"] == 1


def test_of_many_training_items_each_class_keeps_its_share():
    classes = np.array([0] * 60 + [1] * 30 + [2] * 10)[np.random.default_rng(0).permutation(100)]
    split = np.array(["train"] * 100 + ["test"] * 3 + ["unseen"] * 2)
    rows = rows_in_use(split, np.concatenate([classes, [0] * 5]), 20)
    assert np.bincount(classes[rows["train"]]).tolist() == [12, 6, 2]
    assert (np.diff(rows["train"]) > 0).all()
    assert rows["test"].tolist() == [100, 101, 102] and len(rows["validation"]) == 0
    assert rows_in_use(split, np.concatenate([classes, [0] * 5]), 100)["train"].tolist() == list(range(100))


def test_only_what_is_behind_is_remarked_on():
    one = {"name": "names: accuracy", "by": "logistic regression", "ours": 0.5, "baseline": 0.6, "difference": -0.1}
    (line,) = remarks({"classification.text.accuracy": one})
    assert line.startswith("behind a baseline, names: accuracy 0.500, the baseline has 0.600. The baseline: logistic")
    assert "text_vectors.encoders" in line
    (line,) = remarks({"classification.text.accuracy": {**one, "low": -0.3, "high": 0.1}})
    assert "(95 % interval of the difference -0.300 to +0.100, so this may be chance)" in line
    assert remarks({"classification.text.accuracy": {**one, "difference": 0.0}}) == []


@pytest.mark.parametrize(
    ("path", "tried", "advice"),
    [
        ("text", Tried(), "ngrams and sentences in text_vectors.encoders; more train.steps"),
        ("text", Tried(encoders=["words", "ngrams"]), "sentences in text_vectors.encoders; more train.steps"),
        ("text", Tried(encoders=["sentences", "ngrams"]), "more train.steps"),
        ("image", Tried("huse", 5), "more train.steps; train.image_layers 2, as in the preset products"),
        ("image", Tried("huse", 2), "more train.steps"),
    ],
)
def test_what_a_run_has_is_not_advised(path, tried, advice):
    one = {"name": "x", "by": "y", "ours": 0.5, "baseline": 0.6, "difference": -0.1}
    (line,) = remarks({f"classification.{path}.accuracy": one}, tried)
    assert line.endswith(f" Try {advice}.")


def test_something_is_left_to_advise_whatever_was_tried():
    tried = Tried("huse_plus", 1, ["words", "ngrams", "sentences"])
    advice = [tried.without(comparison.remedy) for comparison in COMPARISONS]
    assert all(advice) and not any("preset" in told or "encoders" in told for told in advice)


def test_metrics_of_one_comparison_share_a_line():
    one = {"name": "x", "by": "y", "ours": 0.5, "baseline": 0.6, "difference": -0.1}
    lines = remarks({f"retrieval.mean.{name}": one for name in ("recall_at_1", "map")})
    assert len(lines) == 1 and lines[0].count("0.600") == 2


def test_the_same_inputs_give_the_same_metrics_whatever_the_cores(monkeypatch):
    first = measured(inputs(image=by_chance(0)))[1].metrics
    monkeypatch.setattr("huse.evaluation.baselines.cores", lambda: 1)
    assert measured(inputs(image=by_chance(0)))[1].metrics == first
