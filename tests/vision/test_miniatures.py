"""Miniatures, and which pairs of pictures are near."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from huse.vision.miniatures import SIDE, difference, miniature, miniatures, near_pairs


def picture(seed, size=(120, 90)):
    """A coarse pattern on a white ground."""
    pattern = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    drawn = Image.fromarray(pattern).resize(size, Image.Resampling.BICUBIC)
    return ImageOps.expand(drawn, 20, "white")


def apart(one, other):
    return float(difference(miniature(one)[None], miniature(other)[None])[0])


def test_the_difference_is_that_of_the_part_that_differs_most_by_hand():
    some = np.full((1, 2, SIDE, SIDE, 3), 100, np.uint8)
    other = some.copy()
    other[0, 0, 4, 7, 1] = 180  # one pixel of the four of its part, in a colour of the whole picture
    other[0, 1, 0:2, 0:2, 0] = 150  # a whole part in the luma of the other view
    assert difference(some, other)[0] == pytest.approx(80 / 4)
    other[0, 0, 4:6, 6:8, 1] = 180
    assert difference(some, other)[0] == pytest.approx(50)


def test_a_copy_is_near_in_another_size_and_with_another_margin():
    one = picture(1)
    assert apart(one, one) == 0
    assert apart(one, one.resize((320, 260), Image.Resampling.BICUBIC)) < 12
    assert apart(one, ImageOps.expand(one, 40, "white")) < 12 < apart(one, picture(2))


def test_a_small_print_on_the_same_thing_is_another_picture():
    one = Image.new("RGB", (160, 160), "white")
    one.paste((20, 20, 120), (40, 20, 120, 140))
    other = one.copy()
    other.paste((200, 40, 40), (70, 60, 90, 75))
    assert apart(one, other) > 30


@pytest.mark.parametrize("most", [0, 8, 25, 60, 255])
def test_near_pairs_are_those_of_comparing_all(most, monkeypatch):
    """A slow oracle: every pair by itself. Blocks are smaller than the number of pictures."""
    monkeypatch.setattr("huse.vision.miniatures.BLOCK", 7)
    monkeypatch.setattr("huse.vision.miniatures.CANDIDATES", 5)
    random = np.random.default_rng(0)
    base = random.integers(0, 256, (5, 2, SIDE, SIDE, 3))
    noise = random.normal(0, random.uniform(0, 40, (30, 1, 1, 1, 1)), (30, 2, SIDE, SIDE, 3))
    minis = np.clip(base[random.integers(0, 5, 30)] + noise, 0, 255).astype(np.uint8)
    minis[7] = minis[3]
    pairs, differences = near_pairs(minis, most)
    every = [(one, other) for one in range(30) for other in range(one + 1, 30)]
    expected = {pair: difference(minis[[pair[0]]], minis[[pair[1]]])[0] for pair in every}
    expected = {pair: value for pair, value in expected.items() if value <= most}
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)
    np.testing.assert_array_equal(differences, [expected[pair] for pair in sorted(expected)])
    assert (most < 255 and (3, 7) in expected) or len(expected) == len(every)


def test_pictures_that_cannot_be_read_are_told(tmp_path):
    picture(3).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    found, failed = miniatures([tmp_path / "bad.png", tmp_path / "good.png", tmp_path / "none.png"], 10**6)
    assert failed == [0, 2]
    np.testing.assert_array_equal(found[1], miniature(picture(3)))


def test_no_picture_makes_no_pair(tmp_path):
    found, failed = miniatures([], 10**6)
    pairs, differences = near_pairs(found, 10)
    assert failed == [] and pairs.shape == (0, 2) and differences.shape == (0,)
