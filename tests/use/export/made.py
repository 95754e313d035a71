"""Models in small, of any encoders, that are saved and loaded: what an export starts from."""

from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

import huse
from benchmarks.sides.models import untrained_model
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.use.export.graphs import NEEDED

needs_export = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED),
    reason=f"{', '.join(NEEDED)}, the extra `export`, are not installed",
)
NAMES = ["red shoe", "blue hat", "red hat", "green shoe"]


def ngrams():
    return NgramsEncoder.fit(NAMES, NgramVectorSettings(dimension=3, min_names=1), 1)


def saved_model(images, texts, folder, **network):
    """Save a model of random towers, and load it."""
    model = untrained_model(images, texts, dimension=8, width=16, **network)
    folder.mkdir()
    model.save(folder)
    return huse.load(folder)


def write_pictures(folder, count=2):
    """Write pictures that the encoders of the tests can read; return their names."""
    for number in range(count):
        small = np.random.default_rng(number).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(small).resize((180, 170)).save(folder / f"{number}.png")
    return [f"{number}.png" for number in range(count)]
