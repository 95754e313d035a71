import numpy as np
import pytest
import torch

from huse.training.targets import class_targets, class_vectors, fit_label_vectors, margin


def test_class_targets_by_hand():
    assert class_targets([[0], [2]], 3).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert class_targets([[0, 1], [0, 0]], 2).tolist() == [[0.5, 0.5], [1, 0]]


def test_margin_is_a_quantile_of_the_distances_between_classes():
    distances = torch.tensor([[0, 0.2, 0.4], [0.2, 0, 0.9], [0.4, 0.9, 0]])
    assert margin(distances, None, 0.5) == pytest.approx(0.4)
    assert margin(distances, None, 1.0) == pytest.approx(0.9)
    assert margin(distances, 0.7, 0.5) == 0.7


def cosines(vectors):
    unit = np.asarray(vectors, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize(("labels", "features"), [(5, 3), (5, 8), (5, 40), (2, 4096)])
def test_label_vectors_keep_their_cosines(labels, features):
    vectors = np.random.default_rng(0).normal(size=(labels, features)).astype(np.float32)
    fitted, changed = fit_label_vectors(vectors, 8)
    assert fitted.shape == (labels, 8)
    assert changed < 1e-6
    assert np.allclose(cosines(fitted), cosines(vectors), atol=1e-6)
    assert torch.allclose(fitted.norm(dim=1), torch.ones(labels), atol=1e-6)


def test_more_labels_than_dimensions_are_told_by_how_much():
    vectors = np.random.default_rng(0).normal(size=(30, 50)).astype(np.float32)
    fitted, changed = fit_label_vectors(vectors, 8)
    assert changed == pytest.approx(np.abs(cosines(fitted) - cosines(vectors)).max(), abs=1e-5)
    assert changed > 0.1


def test_class_vectors_are_the_mean_of_their_labels():
    labels = torch.eye(3)
    found = class_vectors(labels, class_targets([[0, 1], [2]], 3))
    assert torch.allclose(found, torch.tensor([[0.5**0.5, 0.5**0.5, 0], [0, 0, 1]]))
