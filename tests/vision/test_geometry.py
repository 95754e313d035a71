import numpy as np
import pytest
from PIL import Image

from huse.vision import geometry
from huse.vision.torchvision_ops import import_torchvision
from tests.vision.conftest import noise

import_torchvision()


def test_squash_keeps_the_corners():
    picture = Image.new("RGB", (300, 100), "white")
    picture.paste((255, 0, 0), (0, 0, 150, 100))
    pixels = geometry.fit(picture, geometry="squash", size=32)
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    assert (pixels[:, :15] == (255, 0, 0)).all() and (pixels[:, 17:] == 255).all()


@pytest.mark.parametrize("width_height", [(300, 200), (200, 301), (64, 64), (50, 400), (37, 41)])
@pytest.mark.parametrize("size", [64, 96, 224])
def test_crop_is_torchvisions(width_height, size):
    from torchvision import transforms

    picture = noise(*width_height)
    resize = transforms.Resize(int(size * 256 / 224), transforms.InterpolationMode.BILINEAR)
    expected = np.asarray(transforms.CenterCrop(size)(resize(picture)))
    found = geometry.fit(picture, geometry="crop", size=size)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_pad_fills_with_the_border_and_keeps_the_shape():
    picture = Image.new("RGB", (200, 100), (10, 200, 30))
    picture.paste((255, 255, 255), (50, 25, 150, 75))
    pixels = geometry.fit(picture, geometry="pad", size=64)
    assert (pixels[:16] == (10, 200, 30)).all() and (pixels[48:] == (10, 200, 30)).all()
    assert (pixels[28:36, 20:44] == 255).all()
    assert (pixels[32, :14] == (10, 200, 30)).all()


def test_border_colour_is_not_moved_by_a_logo():
    picture = Image.new("RGB", (100, 100), (250, 250, 250))
    picture.paste((0, 0, 0), (0, 0, 30, 10))
    assert geometry.border_colour(picture) == (250, 250, 250)


@pytest.mark.parametrize("name", geometry.GEOMETRIES)
@pytest.mark.parametrize("width_height", [(1, 1), (1, 100_000), (100_000, 1), (3, 7)])
def test_strips_and_dots(name, width_height):
    picture = Image.new("RGB", width_height, (9, 8, 7))
    assert (geometry.fit(picture, geometry=name, size=32) == (9, 8, 7)).all()


@pytest.mark.parametrize("name", geometry.GEOMETRIES)
def test_a_jpeg_at_the_needed_side_gives_the_same_input(tmp_path, name):
    from huse.vision.decoding import read_picture

    path = tmp_path / "a.jpg"
    noise(60, 45).resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=95)
    side = geometry.needed_side(64)
    reduced = read_picture(path, 10**8, shorter_side=side)
    assert side <= min(reduced.size) < 900
    inputs = [
        geometry.fit(picture, geometry=name, size=64).astype(float) for picture in (reduced, read_picture(path, 10**8))
    ]
    assert np.abs(inputs[0] - inputs[1]).mean() < 1


@pytest.mark.parametrize("name", geometry.GEOMETRIES)
@pytest.mark.parametrize("place", [(0, 0), (0.5, 0.5), (1, 1), (0.3, 0.8)])
def test_a_window_is_cut_from_the_resized_picture(name, place):
    """The kept part alone is computed; the whole, resized and cut, is the same but for rounding."""
    picture = noise(90, 60)
    side, size = 48, 32
    whole = {
        "squash": picture.resize((side, side), Image.Resampling.BILINEAR),
        "crop": picture.resize((72, 48), Image.Resampling.BILINEAR),
        "pad": geometry.pad(picture, side, side, (0, 0)),
    }[name]
    left, top = (round((length - size) * share) for length, share in zip(whole.size, place, strict=True))
    expected = np.asarray(whole.crop((left, top, left + size, top + size))).astype(int)
    found = np.asarray(geometry.GEOMETRIES[name](picture, side, size, place)).astype(int)
    # Beyond the window's edge the kept part has no pixels to be smoothed with.
    assert np.abs(found - expected)[2:-2, 2:-2].max() <= 1
