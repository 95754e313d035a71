import numpy as np
import pytest

from huse.mixup import draw_mixture


def test_mixtures_follow_alpha_and_the_generator():
    assert draw_mixture(5, 0, np.random.default_rng(0)) is None
    share, partners = draw_mixture(5, 0.2, np.random.default_rng(0))
    assert 0 <= share <= 1
    assert sorted(partners.tolist()) == [0, 1, 2, 3, 4]
    assert draw_mixture(5, 0.2, np.random.default_rng(0))[0] == share
    shares = np.array([draw_mixture(2, 0.2, np.random.default_rng(k))[0] for k in range(1000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (4 * 1.4), rel=0.1)  # of Beta(a, a): 1 / (4 (2a + 1))
