"""Probabilities out of sample: folds, what they hold together, and what their models learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from huse.engine.work import here
from huse.errors import InputError
from huse.experiments import folds
from huse.experiments.folds import Filed, assign_folds, out_of_sample
from tests.engine.elsewhere import elsewhere

PATHS = ["bags<clutches", "bags<totes", "hats", "shoes<boots"]
COUNT = 160


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "STEPS", 20)
        patch.setattr(folds, "PASSES", 1)
        yield


def make_shop():
    """Products of two rows each, told apart by picture and name; a few have only one of both."""
    random = np.random.default_rng(0)
    products = np.arange(COUNT) // 2
    classes = products % len(PATHS)
    words = np.array(["clutch", "tote", "hat", "boot"])[classes]
    pictured = random.random(COUNT) < 0.9
    names = [f"{word} {product}" if there else "" for word, product, there in zip(
        words, products, ~pictured | (random.random(COUNT) < 0.9), strict=True
    )]  # fmt: skip
    named = np.array([name != "" for name in names])
    images, texts = (
        ((3 * np.eye(4, 6)[classes] + random.normal(size=(COUNT, 6))) * there[:, None]).astype(np.float32)
        for there in (pictured, named)
    )
    return Filed(images, texts, names, pictured, products, classes, PATHS)


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.fixture(scope="module")
def known(shop):
    return out_of_sample(shop, seed=0)


def test_a_product_is_in_one_fold_and_a_class_in_all(shop):
    fold = assign_folds(shop.products, shop.classes, 5, seed=0)
    assert (fold[::2] == fold[1::2]).all()
    for number in range(len(PATHS)):
        counts = np.bincount(fold[shop.classes == number], minlength=5)
        assert counts.min() == counts.max() == 8
    assert (assign_folds(shop.products, shop.classes, 5, seed=0) == fold).all()
    assert (assign_folds(shop.products, shop.classes, 5, seed=1) != fold).any()


def test_two_products_of_a_class_are_in_two_folds():
    products, classes = np.arange(40), np.arange(40) // 2
    fold = assign_folds(products, classes, 5, seed=3)
    assert (fold[::2] != fold[1::2]).all()


def test_wrong_classes_are_improbable(shop):
    classes = shop.classes.copy()
    classes[:8] = (classes[:8] + 1) % len(PATHS)  # four products
    known = out_of_sample(replace(shop, classes=classes), seed=0)
    both, rows = known.probabilities["both"], np.arange(COUNT // 2)
    assert both.shape == (COUNT // 2, 4) and both.sum(axis=1) == pytest.approx(1, abs=1e-5)
    own = both[rows, classes[::2]]
    assert own[:4].max() < own[4:].min()
    assert (both.argmax(axis=1) == shop.classes[::2]).mean() > 0.95
    for half in (known.towers, known.regressions):
        assert (half["both"].argmax(axis=1) == shop.classes[::2]).mean() > 0.9
    np.testing.assert_allclose(both, 0.6 * known.towers["both"] + 0.4 * known.regressions["both"], rtol=1e-6)


def test_neighbours_are_of_other_folds_and_mostly_of_the_class(shop, known):
    fold = assign_folds(shop.products, shop.classes, 5, seed=0)[::2]
    assert (fold[known.neighbours] != fold[:, None]).all()
    assert (shop.filed[known.neighbours] == shop.filed[:, None]).mean() > 0.9
    assert (np.diff(known.similarities, axis=1) <= 0).all() and known.similarities.max() <= 1 + 1e-5


def test_what_a_product_lacks_has_no_probability(shop, known):
    for name, there in shop.there.items():
        has = there.reshape(-1, 2).any(axis=1)
        assert (~np.isnan(known.probabilities[name][:, 0]) == has).all()
    named = replace(shop, pictured=np.zeros(COUNT, dtype=bool), images=np.zeros((COUNT, 1), np.float32))
    rows = np.flatnonzero(named.there["text"])
    picked = Filed(*(each[rows] for each in (named.images, named.texts)), [named.names[row] for row in rows],
                   *(each[rows] for each in (named.pictured, named.products, named.classes)), PATHS)  # fmt: skip
    alone = out_of_sample(picked, seed=0).probabilities
    assert np.isnan(alone["image"]).all()
    np.testing.assert_allclose(alone["both"], alone["text"], rtol=1e-4, atol=1e-7)


def test_the_same_seed_gives_the_same(shop, known):
    again, other = (out_of_sample(shop, seed).probabilities["both"] for seed in (0, 1))
    np.testing.assert_array_equal(again, known.probabilities["both"])
    assert (again != other).any()


def test_folds_that_are_done_elsewhere_give_the_same_bytes(shop, known):
    far = out_of_sample(shop, seed=0, spread=elsewhere)
    for found, expected in ((far.towers, known.towers), (far.regressions, known.regressions)):
        assert {name: of.tobytes() for name, of in found.items()} == {
            name: of.tobytes() for name, of in expected.items()
        }
    assert far.neighbours.tobytes() == known.neighbours.tobytes()
    assert far.similarities.tobytes() == known.similarities.tobytes()


def test_several_threads_give_the_same_bytes_again_and_are_as_many_elsewhere(shop, monkeypatch):
    """Sums depend on their number; where a process has fewer cores, threads share them."""
    fit, used, before = folds._fit, [], torch.get_num_threads()

    def fitting(*given):
        used.append(torch.get_num_threads())
        return fit(*given)

    def with_one(work, batches):
        torch.set_num_threads(1)
        return elsewhere(work, batches)

    monkeypatch.setattr(folds, "_fit", fitting)
    try:
        torch.set_num_threads(3)
        fold = assign_folds(shop.products, shop.classes, 5, seed=0)
        expected, found = (folds._towers(shop, fold, 0, spread)[0] for spread in (here, with_one))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert used == [3] * 10
    assert {name: of.tobytes() for name, of in found.items()} == {name: of.tobytes() for name, of in expected.items()}


def test_a_product_under_two_classes_is_filed_twice(shop):
    classes = shop.classes.copy()
    classes[1] = 3  # the second row of the first product
    twice = replace(shop, classes=classes)
    assert len(twice.filed) == COUNT // 2 + 1
    assert twice.filed[:2].tolist() == [0, 3] and twice.first[:2].tolist() == [0, 1]


def test_too_little_is_refused(shop):
    with pytest.raises(InputError, match=r"expected at least 2 classes, found 1: hats\."):
        out_of_sample(replace(shop, paths=["hats"], classes=np.zeros(COUNT, np.int64)), 0)
    with pytest.raises(InputError, match="expected at least 10 products to learn from, found 2"):
        out_of_sample(replace(shop, products=np.arange(COUNT) % 2), 0)


def test_neighbours_in_blocks_are_those_of_all_at_once(monkeypatch, unit_rows):
    monkeypatch.setattr(folds, "BLOCK", 7)
    queries, others = unit_rows(20, 4), unit_rows(30, 4, seed=1)
    places, cosines = folds._nearest(queries, others)
    every = queries @ others.T
    np.testing.assert_array_equal(places, np.argsort(-every, axis=1)[:, : folds.NEIGHBOURS])
    np.testing.assert_allclose(cosines, np.sort(-every, axis=1)[:, : folds.NEIGHBOURS] * -1, rtol=1e-5)
    few, _ = folds._nearest(queries, others[:3])
    assert few.shape == (20, 3)
