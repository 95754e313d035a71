"""Canonical correlation analysis of vectors whose correlations are known."""

import numpy as np
import pytest

from huse.evaluation.baselines import measure_baselines
from huse.evaluation.correlation import canonical, choose_components
from huse.evaluation.intervals import CORRELATION
from huse.evaluation.tables import items_table, queries_table
from tests.evaluation.test_baselines import CATALOGUE, CLASSES, COUNT, PARTS, by_chance_beside, inputs

EVERY = np.arange(400)


def correlated(correlations, extra=3, count=400):
    """Two sets of vectors, mixed by random matrices, of which some directions correlate so much, and others do not."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(count, len(correlations)))
    sides = []
    for sign in (1, -1):
        noise = random.normal(size=shared.shape)
        own = np.sqrt(correlations) * shared + sign * np.sqrt(1 - np.asarray(correlations)) * noise
        values = np.concatenate([own, random.normal(size=(count, extra))], axis=1)
        sides.append((values @ random.normal(size=(values.shape[1],) * 2)).astype(np.float32))
    return dict(zip(("image", "text"), sides, strict=True))


def by_whitening(vectors):
    """Canonical correlations by the textbook: singular values of the product of the whitened sides."""
    whitened = []
    for of in vectors.values():
        centred = of.astype(np.float64) - of.mean(axis=0)
        left, _, _ = np.linalg.svd(centred, full_matrices=False)
        whitened.append(left)
    return np.linalg.svd(whitened[0].T @ whitened[1])[1]


def test_the_correlations_are_those_of_the_textbook():
    vectors = correlated([0.95, 0.8, 0.5])
    maps = canonical(vectors, EVERY)
    found = [np.corrcoef(maps["image"][:, place], maps["text"][:, place])[0, 1] for place in range(3)]
    np.testing.assert_allclose(found, by_whitening(vectors)[:3], atol=1e-4)


def test_maps_are_learned_from_training_items_alone():
    vectors = correlated([0.95, 0.8])
    maps = canonical(vectors, EVERY[:300])
    changed = {name: of.copy() for name, of in vectors.items()}
    for of in changed.values():
        of[300:] *= 7
    again = canonical(changed, EVERY[:300])
    np.testing.assert_array_equal(maps["image"][:300], again["image"][:300])
    assert not np.allclose(maps["image"][300:], again["image"][300:])


def test_constant_features_and_few_items():
    vectors = correlated([0.9, 0.7])
    vectors["text"][:, 0] = 5
    assert canonical(vectors, EVERY)["text"].shape == (400, 4)
    assert canonical(vectors, EVERY[:7]) is None
    vectors["text"][:] = 1
    assert canonical(vectors, EVERY) is None


def test_as_many_components_as_are_best_on_validation():
    """The first two components tell the class; the others are the same noise in both."""
    random = np.random.default_rng(1)
    tells = np.eye(3)[CLASSES][:, :2] * 3
    maps = {name: np.concatenate([tells, random.normal(size=(COUNT, 6)) * 5], axis=1) for name in ("image", "text")}
    validation = PARTS["validation"]
    of = maps, validation, CLASSES[validation], CATALOGUE
    assert choose_components(*of) == 2
    moved = {name: np.roll(values, 2, axis=1) for name, values in maps.items()}
    assert choose_components(moved, *of[1:]) == 4


def test_it_stands_beside_ours_and_in_the_tables():
    tells = np.eye(3, dtype=np.float32)[CLASSES]
    noisy = {
        name: tells + np.random.default_rng(seed).normal(size=tells.shape, scale=0.1) for seed, name in enumerate("ab")
    }
    given = inputs(image=noisy["a"].astype(np.float32), text=noisy["b"].astype(np.float32))
    _, test = measure_baselines(given, CATALOGUE, 3)
    retrieval = test.metrics["correlation"]["retrieval"]
    assert test.metrics["correlation"]["components"] == 2
    assert retrieval["image_to_text"]["recall_at_1"] == 1
    assert retrieval["text_to_text"]["map"] > 0.9
    ours, found = by_chance_beside(given)
    assert found["correlation.mean.map"]["ours"] == ours.metrics["retrieval"]["mean"]["map"]
    assert found["correlation.mean.map"]["baseline"] == pytest.approx(retrieval["mean"]["map"])
    assert not any(path.startswith("correlation") and "accuracy" in path for path in found)
    others = {CORRELATION: test.others[CORRELATION]}
    table = queries_table(ours.measured, ours.rows, others)
    assert table["correlation_average_precision"].notna().all()
    assert "correlation_correct_image" not in items_table(ours.measured, ours.rows, ours.groups, others)


def test_items_without_a_picture_or_a_name():
    named = np.arange(COUNT) % 2 == 0
    tells = np.eye(3, dtype=np.float32)[CLASSES]
    _, test = measure_baselines(inputs(text=tells, named=named), CATALOGUE, 3)
    assert test.metrics["correlation"]["retrieval"]["image_to_image"]["map"] == pytest.approx(1)
    of = test.others[CORRELATION].results.there
    assert of["image"].all()
    np.testing.assert_array_equal(of["text"], named[PARTS["test"]])


def test_of_one_modality_there_is_none():
    _, test = measure_baselines(inputs(pictured=False), CATALOGUE, 3)
    assert "correlation" not in test.metrics
    assert CORRELATION not in test.others
