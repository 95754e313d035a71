import numpy as np
import pytest

from huse.training.sampling import Sampling

PRODUCTS = np.array([0, 1, 1, 2, 2, 2, 2, 2, 2, 2])


def test_random_batches_visit_every_product_once_a_pass():
    sampling = Sampling(PRODUCTS, 5, "random", seed=0)
    passes = [np.concatenate([sampling.rows(step), sampling.rows(step + 1)]) for step in (0, 2)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert list(passes[0]) != list(passes[1])


def test_what_does_not_fill_a_batch_is_dropped():
    sampling = Sampling(PRODUCTS, 4, "random", seed=0)
    assert len(set(np.concatenate([sampling.rows(0), sampling.rows(1)]))) == 8


def test_few_products_are_one_batch():
    sampling = Sampling(np.array([0, 1, 0]), 100, "random", seed=0)
    assert sampling.batch_size == 3
    assert sorted(sampling.rows(7)) == [0, 1, 2]


@pytest.mark.parametrize("sampler", ["random", "balanced", "pairs"])
def test_a_step_follows_from_the_seed_alone(sampler):
    one, other = Sampling(PRODUCTS, 4, sampler, seed=3), Sampling(PRODUCTS, 4, sampler, seed=3)
    steps = [one.rows(step) for step in range(20)]
    assert all(np.array_equal(other.rows(step), steps[step]) for step in reversed(range(20)))
    third = Sampling(PRODUCTS, 4, sampler, seed=4)
    assert any(not np.array_equal(third.rows(step), steps[step]) for step in range(20))
    assert all(len(rows) == 4 for rows in steps)


def test_balanced_batches_show_all_classes_as_often():
    sampling = Sampling(PRODUCTS, 10, "balanced", seed=0)
    drawn = np.concatenate([sampling.rows(step) for step in range(600)])
    assert np.bincount(PRODUCTS[drawn]) / len(drawn) == pytest.approx([1 / 3] * 3, abs=0.02)
    of_last = np.bincount(drawn, minlength=10)[3:]
    assert of_last / of_last.sum() == pytest.approx([1 / 7] * 7, abs=0.02)


def test_pairs_are_of_one_class_and_two_products():
    sampling = Sampling(PRODUCTS, 6, "pairs", seed=0)
    seen = set()
    for step in range(500):
        rows = sampling.rows(step)
        for first, second in zip(rows[:3], rows[3:], strict=True):
            assert PRODUCTS[first] == PRODUCTS[second]
            assert (first != second) == (first != 0)  # product 0 is alone in its class
            seen.add((int(first), int(second)))
    assert {second for first, second in seen if first == 5} == {3, 4, 6, 7, 8, 9}


def test_an_odd_batch_of_pairs():
    assert len(Sampling(PRODUCTS, 5, "pairs", seed=0).rows(0)) == 5


def test_views_are_drawn_evenly():
    sampling = Sampling(np.zeros(4000, np.int64), 4000, "random", seed=3)
    assert np.bincount(sampling.views(0, 4)).tolist() == pytest.approx([1000] * 4, abs=120)
    assert not np.array_equal(sampling.views(0, 4), sampling.views(1, 4))
    assert set(sampling.views(0, 1)) == {0}


def test_mixtures_follow_alpha():
    sampling = Sampling(PRODUCTS, 5, "random", seed=0)
    assert sampling.mixture(0, 0) is None  # as `huse.mixup.draw_mixture` draws them
    share, partners = sampling.mixture(0, 0.2)
    assert sorted(partners) == [0, 1, 2, 3, 4]
    assert sampling.mixture(0, 0.2)[0] == share
    shares = np.array([sampling.mixture(step, 0.2)[0] for step in range(1000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (4 * 1.4), rel=0.1)  # of Beta(a, a): 1 / (4 (2a + 1))
