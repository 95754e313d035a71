"""Logistic regression by conjugate gradients, beside scikit-learn's."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from huse.evaluation.linear import fit_path, probabilities, rows_of, softmax


@pytest.fixture
def items():
    """300 items of 5 classes, an array of 12 features, and 90 sparse ones in two factors."""
    random = np.random.default_rng(0)
    classes = random.integers(5, size=300)
    dense = (random.standard_normal((300, 12)) + np.eye(12)[classes]).astype(np.float32) / 4
    words = csr_matrix((random.random((300, 40)) < 0.1) * random.random((300, 40)), dtype=np.float32)
    letters = csr_matrix((random.random((40, 90)) < 0.1) * random.random((40, 90)), dtype=np.float32)
    return classes, dense, words, letters


def fitted(blocks, classes, strengths, steps=400, tolerance=1e-5):
    return list(fit_path(blocks, classes, 5, strengths, steps=steps, tolerance=tolerance))


@pytest.mark.parametrize("strength", [0.3, 30.0])
def test_it_finds_what_scikit_learn_finds(items, strength):
    """The slow oracle: the same objective, on all features in one matrix."""
    classes, dense, words, letters = items
    ones = np.ones((300, 1))
    whole = hstack([csr_matrix(dense), words @ letters, csr_matrix(ones)]).tocsr().astype(np.float64)
    oracle = LogisticRegression(C=strength, fit_intercept=False, tol=1e-8, max_iter=5000).fit(whole, classes)
    (weights,) = fitted([[dense], [words, letters]], classes, [strength])
    # Adding one number to the weights of all classes changes no probability; the penalty makes them add up to 0.
    np.testing.assert_allclose(np.concatenate(weights), oracle.coef_.T, atol=2e-3 * np.abs(oracle.coef_).max())
    found = probabilities([[dense], [words, letters]], weights)
    np.testing.assert_allclose(found, oracle.predict_proba(whole), atol=2e-3)
    assert found.dtype == np.float32


def test_two_classes_by_hand():
    """One feature, ±1, and no bias by symmetry: the weight w solves w = C · 2 · (1 - σ(2 w)) for two items."""
    features = np.array([[1], [-1]], np.float32)
    (weights,) = fit_path([[features]], np.array([0, 1]), 2, [1.0], steps=50, tolerance=1e-6)
    own = float(weights[0][0, 0])
    assert own == pytest.approx(2 * (1 - 1 / (1 + np.exp(-2 * own))), abs=1e-4)
    np.testing.assert_allclose(weights[0], [[own, -own]], atol=1e-5)
    np.testing.assert_allclose(weights[1], [[0, 0]], atol=1e-5)


def test_a_weaker_penalty_fits_the_training_items_better(items):
    classes, dense, *_ = items
    losses = [
        -np.log(probabilities([[dense]], weights)[np.arange(300), classes]).mean()
        for weights in fitted([[dense]], classes, [0.1, 1.0, 10.0, 100.0])
    ]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] - 0.2


def test_the_path_ends_where_a_fit_of_its_own_ends(items):
    classes, dense, *_ = items
    after_others, alone = fitted([[dense]], classes, [1.0, 5.0, 20.0])[-1], fitted([[dense]], classes, [20.0])[0]
    np.testing.assert_allclose(after_others[0], alone[0], atol=0.02)


def test_a_class_without_items_is_not_predicted(items):
    classes, dense, *_ = items
    (weights,) = fit_path([[dense]], classes, 6, [10.0], steps=100)
    found = probabilities([[dense]], weights)
    assert found.shape == (300, 6) and found[:, 5].max() < 0.05


def test_rows_are_taken_of_the_first_factor(items):
    _, _, words, letters = items
    rows = np.array([7, 2])
    first, second = rows_of([words, letters], rows)
    np.testing.assert_allclose((first @ second).toarray(), (words @ letters).toarray()[rows], rtol=1e-6)
    assert first.shape[1] == second.shape[0] == len(np.unique(words[rows].indices)) < 40


def test_large_logits_have_probabilities():
    np.testing.assert_array_equal(softmax(np.array([[1e4, 0], [-1e4, -1e4]], np.float32)), [[1, 0], [0.5, 0.5]])


def test_the_same_inputs_give_the_same_bytes(items):
    classes, dense, words, letters = items
    one, other = (fitted([[dense], [words, letters]], classes, [3.0], steps=10) for _ in range(2))
    assert [of.tobytes() for of in one[0]] == [of.tobytes() for of in other[0]]
