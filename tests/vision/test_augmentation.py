import numpy as np
import pytest
from PIL import Image

from huse.vision.augmentation import ERASED_AREA, MEAN_COLOUR, Augmentation, augment, view_generator
from huse.vision.geometry import GEOMETRIES, fit
from tests.vision.conftest import noise

SIZE = 32
NOTHING = Augmentation(rescale=1, horizontal_flip=0, colour_jitter=0, random_erasing=0)
DIGEST = "ab" * 32
PICTURE = noise(60, 40)


def view(augmentation, *, number=1, seed=0, digest=DIGEST, geometry="squash", of=None):
    generator = view_generator(seed, digest, number)
    return augment(of or PICTURE, augmentation, geometry=geometry, size=SIZE, generator=generator)


@pytest.mark.parametrize("geometry", ["squash", "pad"])
def test_without_any_augmentation_a_view_is_the_plain_picture(geometry):
    plain = fit(PICTURE, geometry=geometry, size=SIZE)
    np.testing.assert_array_equal(view(NOTHING, geometry=geometry), plain)


def test_a_view_depends_on_seed_picture_and_number_alone():
    strong = Augmentation(rescale=1.5, horizontal_flip=0.5, colour_jitter=0.4, random_erasing=0.5)
    first = view(strong)
    for _ in range(2):
        np.testing.assert_array_equal(view(strong), first)
    for other in (view(strong, number=2), view(strong, seed=1), view(strong, digest="cd" * 32)):
        assert (other != first).any()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_windows_go_everywhere_and_stay_inside(geometry):
    """A picture whose colour says where a pixel is: windows begin anywhere from the first edge to the last."""
    ramp = np.zeros((100, 100, 3), np.uint8)
    ramp[..., 0] = np.arange(100) * 2
    ramp[..., 1] = np.arange(100)[:, None] * 2
    of = Image.fromarray(ramp)
    windows = Augmentation(rescale=2, horizontal_flip=0, colour_jitter=0, random_erasing=0)
    corners = np.array([view(windows, number=k, geometry=geometry, of=of)[0, 0, :2] for k in range(200)])
    # A window is half the picture wide: it begins at 0 to 50 of 100 pixels, which are coloured 0 to 100.
    assert corners.min() <= 6
    assert 94 <= corners.max() <= 104
    assert abs(np.corrcoef(corners.T)[0, 1]) < 0.2


def test_half_of_the_views_are_mirrored():
    flips = Augmentation(rescale=1, horizontal_flip=0.5, colour_jitter=0, random_erasing=0)
    plain = fit(PICTURE, geometry="squash", size=SIZE)
    mirrored = 0
    for number in range(200):
        found = view(flips, number=number)
        is_mirrored = (found != plain).any()
        np.testing.assert_array_equal(found, plain[:, ::-1] if is_mirrored else plain)
        mirrored += is_mirrored
    assert 70 < mirrored < 130


def test_jitter_changes_colours_within_its_bounds():
    grey = Image.new("RGB", (SIZE, SIZE), (100, 100, 100))
    jitter = Augmentation(rescale=1, horizontal_flip=0, colour_jitter=0.2, random_erasing=0)
    values = np.array([view(jitter, number=number, of=grey)[0, 0] for number in range(100)])
    # Of an even grey, contrast and saturation change nothing.
    assert values.min() >= 80 and values.max() <= 120
    assert values.min() < 84 and values.max() > 116
    coloured = Image.new("RGB", (SIZE, SIZE), (200, 40, 40))
    spread = [np.ptp(view(jitter, number=number, of=coloured)[0, 0].astype(int)) for number in range(100)]
    assert min(spread) < 150 < max(spread)


def test_erasing_covers_one_rectangle_of_the_right_size():
    white = Image.new("RGB", (SIZE, SIZE), "white")
    erasing = Augmentation(rescale=1, horizontal_flip=0, colour_jitter=0, random_erasing=0.5)
    shares = []
    for number in range(200):
        erased = (view(erasing, number=number, of=white) == MEAN_COLOUR).all(axis=2)
        if erased.any():
            rows, columns = np.flatnonzero(erased.any(axis=1)), np.flatnonzero(erased.any(axis=0))
            assert erased[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            shares.append(erased.mean())
    assert 70 < len(shares) < 130
    # Sides are whole numbers of pixels and end at the picture's edge.
    assert min(shares) > ERASED_AREA[0] / 2 and max(shares) < ERASED_AREA[1] * 1.2


def test_a_probability_of_zero_changes_nothing_else():
    both = Augmentation(rescale=1.5, horizontal_flip=0, colour_jitter=0.3, random_erasing=0)
    with_flip = Augmentation(rescale=1.5, horizontal_flip=1, colour_jitter=0.3, random_erasing=0)
    for number in range(5):
        np.testing.assert_array_equal(view(both, number=number)[:, ::-1], view(with_flip, number=number))


@pytest.mark.parametrize("width_height", [(1, 1), (1, 5000), (5000, 1), (3, 7)])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_strips_and_dots(geometry, width_height):
    strong = Augmentation(rescale=1.5, horizontal_flip=0.5, colour_jitter=0.4, random_erasing=0.5)
    found = view(strong, geometry=geometry, of=Image.new("RGB", width_height, "red"))
    assert found.shape == (SIZE, SIZE, 3) and found.dtype == np.uint8
