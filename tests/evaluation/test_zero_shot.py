"""Zero-shot classification and retrieval by vectors whose cosines are known."""

from dataclasses import replace

import numpy as np
import pytest

from huse.evaluation.baselines import measure_baselines
from huse.evaluation.beside import beside
from huse.evaluation.intervals import CORRELATION, REGRESSION, ZERO_SHOT
from huse.evaluation.splits import measure_splits
from huse.evaluation.summary import Catalogue
from huse.evaluation.zero_shot import Pair, measure_zero_shot, zero_shot_metrics
from tests.evaluation.test_baselines import CATALOGUE, CLASSES, PARTS, SPLIT, TREE, by_chance_beside, inputs, measured

# Sentences of the classes at 0, 90 and 180 degrees; items by their own angle, and any length.
ANGLES = np.radians([0, 90, 180])
SENTENCES = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def at(*degrees):
    turned = np.radians(degrees)
    lengths = 1 + np.arange(len(degrees))[:, None] % 3
    return (lengths * np.stack([np.cos(turned), np.sin(turned)], axis=1)).astype(np.float32)


def test_the_nearest_sentence_is_the_class_by_hand():
    """The picture at 40 degrees is nearest to class 0, its name at 85 to class 1; between them it is class 1."""
    pair = Pair.of(at(10, 40, 100), at(20, 85, 170), 5 * SENTENCES)
    found = measure_zero_shot(pair, np.arange(3), np.array([0, 1, 2]), CATALOGUE, 3)
    assert found.predicted["image"].tolist() == [0, 0, 1]
    assert found.predicted["text"].tolist() == [0, 1, 2]
    assert found.predicted["fusion"].tolist()[:2] == [0, 1]
    metrics = zero_shot_metrics(found)
    assert [metrics[name]["accuracy"] for name in ("image", "text")] == pytest.approx([1 / 3, 1])
    logits = 100 * np.cos(np.radians(40) - ANGLES)
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(found.scores["image"][1], expected, atol=1e-5)


def test_items_are_found_by_the_pairs_own_vectors():
    """Of two classes at 0 and 90 degrees, names lie right, and pictures of class 1 nearer to names of class 0."""
    pair = Pair.of(at(0, 5, 30, 35), at(0, 5, 90, 95), SENTENCES[:2])
    two = Catalogue([[0], [1]], TREE, CATALOGUE.adjacency)
    found = zero_shot_metrics(measure_zero_shot(pair, np.arange(4), np.array([0, 0, 1, 1]), two, 2))["retrieval"]
    assert found["text_to_text"]["recall_at_1"] == found["image_to_image"]["recall_at_1"] == 1
    assert found["image_to_text"]["recall_at_1"] == 0.5
    assert found["text_to_image"]["recall_at_1"] == 1


def test_labels_of_levels_have_what_their_classes_have():
    levels = Catalogue([[0, 1], [0, 2], [3, 4]], TREE, CATALOGUE.adjacency)
    pair = Pair.of(at(45), at(45), SENTENCES)
    scores = measure_zero_shot(pair, np.arange(1), np.array([0]), levels, 5).scores["image"][0]
    np.testing.assert_allclose(scores, [0.5, 0.25, 0.25, 0, 0], atol=1e-5)


def test_rows_without_a_picture_or_a_name_are_judged_by_the_other():
    images, names = at(0, 90), at(90, 90)
    images[0], names[1] = 0, 0  # how the artefacts mark what is not there
    found = measure_zero_shot(Pair.of(images, names, SENTENCES), np.arange(2), np.array([1, 1]), CATALOGUE, 3)
    assert found.predicted["image"].tolist() == [-1, 1]
    assert found.predicted["text"].tolist() == [1, -1]
    assert found.predicted["fusion"].tolist() == [1, 1]


def test_vectors_of_another_space_are_refused():
    with pytest.raises(ValueError, match="different lengths"):
        Pair.of(at(0), None, np.ones((3, 5), np.float32))
    with pytest.raises(ValueError, match="different lengths"):
        Pair.of(at(0), np.ones((1, 3), np.float32), SENTENCES)


def zero_shot(names=True):
    """A pair that is right about pictures, and about names where it reads them."""
    right = SENTENCES[CLASSES]
    return Pair.of(right, right if names else None, SENTENCES)


def test_it_stands_beside_ours_with_paired_intervals():
    ours, compared = by_chance_beside(replace(inputs(), pair=zero_shot()))
    paths = [path for path in compared if path.startswith("zero_shot.")]
    accuracies = [f"zero_shot.{name}.accuracy" for name in ("image", "text", "fusion")]
    rankings = [f"zero_shot.{way}.{name}" for way in ("mean", "image_to_image") for name in ("recall_at_1", "map")]
    assert paths == [*accuracies, *rankings]
    for path, value in (
        ("zero_shot.image.accuracy", ours.metrics["classification"]["image"]["accuracy"]),
        ("zero_shot.mean.map", ours.metrics["retrieval"]["mean"]["map"]),
    ):
        one = compared[path]
        assert one["ours"] == value and one["baseline"] == pytest.approx(1)
        assert one["low"] < one["difference"] < one["high"] < 0
    assert compared["zero_shot.image.accuracy"]["name"] == "pictures, zero-shot: accuracy"
    assert "nearest to the picture" in compared["zero_shot.image.accuracy"]["by"]


def test_without_names_in_the_pair_only_pictures_are_compared():
    _, compared = by_chance_beside(replace(inputs(), pair=zero_shot(names=False)))
    paths = [path for path in compared if path.startswith("zero_shot.")]
    assert paths == [
        "zero_shot.image.accuracy",
        *(f"zero_shot.image_to_image.{name}" for name in ("recall_at_1", "map")),
    ]
    assert len(compared) == 11 + 3


def test_the_split_decides_which_rows_are_measured():
    """The pair is right about the test split alone."""
    vectors = SENTENCES[(CLASSES + (SPLIT != "test")) % 3]
    validation, test = measure_baselines(replace(inputs(), pair=Pair.of(vectors, None, SENTENCES)), CATALOGUE, 3)
    assert validation.metrics["zero_shot"]["image"]["accuracy"] == 0
    assert test.metrics["zero_shot"]["image"]["accuracy"] == 1
    assert test.others[ZERO_SHOT].results.classes.tolist() == CLASSES[PARTS["test"]].tolist()
    assert list(test.by_prefix) == [REGRESSION, CORRELATION, ZERO_SHOT]
    assert list(measured(inputs())[1].by_prefix) == [REGRESSION, CORRELATION]


def test_ours_equal_to_the_pair_is_neither_ahead_nor_behind():
    pair = zero_shot()
    baseline = measure_baselines(replace(inputs(), pair=pair), CATALOGUE, 3)[1]
    results = measure_zero_shot(pair, np.arange(len(CLASSES)), CLASSES, CATALOGUE, 3).results
    _, ours = measure_splits(results, SPLIT, np.arange(len(CLASSES)), CATALOGUE, seed=0, resamples=0)
    compared = beside(baseline, ours, seed=0, resamples=50)
    assert {one["difference"] for path, one in compared.items() if path.startswith("zero_shot.")} == {0.0}
