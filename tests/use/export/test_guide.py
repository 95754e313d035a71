"""What lies in an ONNX folder for people without huse."""

from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from huse.use.export.guide import EXAMPLES
from huse.vision.geometry import GEOMETRIES, fit, share_of


def example_square():
    """The function of the example in Python that makes a picture a square."""
    text = files("huse.use.export").joinpath("templates", EXAMPLES["example.py"]).read_text(encoding="utf-8")
    found = {"np": np, "Image": Image}
    exec(text[text.index("def square(") : text.index("\nseen = ")], found)
    return found["square"]


def test_the_examples_are_short():
    for template in EXAMPLES.values():
        text = files("huse.use.export").joinpath("templates", template).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 40


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("share", [None, 1])
def test_the_example_prepares_pictures_of_any_size_as_the_model_does(geometry, share):
    """49 / (64 / 49) is less than 64 in floating point; 64 × 3 / 128 and 64 × 5 / 128 are halves."""
    square = example_square()
    size = 64
    for width, height in [(49, 49), (49, 90), (98, 60), (107, 161), (128, 3), (5, 128), (1, 1), (1, 300), (150, 110)]:
        pixels = np.random.default_rng(width).integers(60, 256, (height, width, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
        expected = fit(picture, geometry=geometry, size=size, share=share)
        resized = int(size / share_of(geometry, share))
        found = square(picture, size, resized, geometry, "bilinear")[0]
        np.testing.assert_array_equal(found, expected, err_msg=f"{width} × {height}")
        assert found.shape == (size, size, 3)
