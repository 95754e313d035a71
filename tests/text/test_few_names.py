"""One name at a time has the bytes that it has among many, by sparse matrices."""

from dataclasses import replace

import numpy as np
import pytest

from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.text import few_names

COLOURS, THINGS = ("red", "blue", "matte", "crème"), ("lipstick", "dress", "sneakers", "кроссовки")
NAMES = [f"{colour} {thing} {size}" for colour in COLOURS for thing in THINGS for size in (12, 38)]
ODD = ["", "!", "unheard", "red", "red red", "zorb red zorb dress red", "dresses reds", "x"]


def asked():
    random = np.random.default_rng(0)
    words = [*" ".join(NAMES).split(), "zorb", "Ж", "sneaker"]
    return [*ODD, *(" ".join(random.choice(words, random.integers(1, 9))) for _ in range(100))]


@pytest.mark.parametrize("arithmetic", ["torch", "scipy"])
@pytest.mark.parametrize("kinds", [{}, {"words": 0}, {"characters": 0}, {"words": 3, "characters": 3}])
def test_few_names_have_the_bytes_of_many(monkeypatch, arithmetic, kinds):
    settings = NgramVectorSettings(dimension=5, min_names=2, **kinds)
    encoder, names = replace(NgramsEncoder.fit(NAMES, settings, 1), arithmetic=arithmetic), asked()
    few = np.concatenate([encoder.encode([name]) for name in names])
    some = np.concatenate([encoder.encode(names[start : start + 3]) for start in range(0, len(names), 3)])
    monkeypatch.setattr(few_names, "FEW", 0)
    many = encoder.encode(names)
    assert many.any(axis=1).sum() > 90
    np.testing.assert_array_equal(few, many)
    np.testing.assert_array_equal(some, many)


def test_both_arithmetics_differ_by_rounding_alone():
    encoder = NgramsEncoder.fit(NAMES, NgramVectorSettings(dimension=5), 1)
    for names in (asked(), asked()[:2]):
        np.testing.assert_allclose(replace(encoder, arithmetic="scipy").encode(names), encoder.encode(names), atol=1e-6)


def test_many_names_are_left_to_matrices():
    encoder = NgramsEncoder.fit(NAMES, NgramVectorSettings(dimension=5), 1)
    asked = encoder.ngrams, NAMES[: few_names.FEW + 1], encoder.projection, encoder._of_known, "torch"
    assert few_names.few_times(*asked) is None
