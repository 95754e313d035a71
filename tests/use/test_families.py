"""A model with each family of encoders, used in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from benchmarks.sides.models import untrained_model
from huse.encoders.blocks import BlocksEncoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.pictures import open_pictures
from huse.encoders.text_reading import SentenceReading
from huse.vision.backbones import BackboneSettings
from tests.conftest import ROOT
from tests.encoders.families import FAMILIES, make_backbone

NAMES = ["red shoe", "blue hat", "red hat", "green shoe"]
HEAVY = ("dvc", "gensim", "open_clip", "sentence_transformers", "timm", "torchvision", "transformers")
USE = """
import sys
import numpy as np
import huse
model = huse.load("model")
np.savez("found.npz", images=model.encode_images(sys.argv[1:3]), texts=model.encode_texts(sys.argv[3:]))
print(*sorted(set(sys.modules)))
"""
# Timm imports torchvision; what a pair imports is its library's choice.
NEEDED = {
    "torchvision": {"torchvision"},
    "timm": {"timm", "torchvision"},
    "given": set(),
    "side by side": {"torchvision"},
}
OF_A_PAIR = set(HEAVY) - {"dvc", "gensim"}
CPU = torch.device("cpu")


def pictures_of(kind, tmp_path):
    """The encoders of a family, by number; all but given vectors see the mirror image too."""
    images = ["0.png", "1.png"]
    settings = BackboneSettings(**make_backbone(kind, tmp_path, images))
    table = pd.DataFrame({"image": images})
    opened = open_pictures(settings, table, root=tmp_path, seed=1, max_pixels=10**7, device=CPU)
    return {
        str(number): part.changed(CPU, flip=True) if isinstance(part, NetworkEncoder) else part
        for number, part in enumerate(opened, 1)
    }


def texts_of(kind, tmp_path):
    if kind in ("open_clip", "clip", "siglip"):
        network = f"{'open_clip' if kind == 'open_clip' else 'sentence-transformers'}:{tmp_path / 'pair'}"
        return open_pair_texts([network], SentenceReading(), tmp_path, by="")
    return NgramsEncoder.fit(NAMES, NgramVectorSettings(dimension=3, min_names=1), 1)


def use(model, tmp_path):
    """Save a model, and use it in another process; return what it computed, and which heavy modules it imported."""
    for number in range(2):
        small = np.random.default_rng(number).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(small).resize((180, 170)).save(tmp_path / f"{number}.png")
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    asked = ["0.png", "1.png", *NAMES[:2]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", USE, *asked]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "found.npz"), set(HEAVY) & set(done.stdout.split())


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_saved_model_gives_the_same_vectors_and_needs_no_more_than_its_encoders(kind, tmp_path):
    parts = pictures_of(kind, tmp_path)
    images = BlocksEncoder(parts, {"1": 2.0, "2": 0.5}) if len(parts) > 1 else parts["1"]
    model = untrained_model(images, texts_of(kind, tmp_path), dimension=8, width=16)
    found, modules = use(model, tmp_path)
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    np.testing.assert_allclose(found["images"], model.encode_images(files), atol=1e-6)
    np.testing.assert_allclose(found["texts"], model.encode_texts(NAMES[:2]), atol=1e-6)
    assert modules <= NEEDED.get(kind, OF_A_PAIR)
