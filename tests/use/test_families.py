"""A model with each family of encoders, used in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.given import GivenEncoder
from huse.encoders.network import Encoding, NetworkEncoder
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.transformer import SentenceReading
from huse.fusion import LogLinear
from huse.model.network import Architecture, Network, NetworkSettings
from huse.use.model import Classes, Fusion, Model
from huse.vision.backbones import BackboneSettings, load_backbone
from tests.conftest import ROOT
from tests.vision.pairs import KINDS, make_pair

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
needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm, the extra `vision`, is not installed")


def network_of(kind, tmp_path):
    if kind in ("open_clip", "clip", "siglip"):
        return make_pair(kind, tmp_path / "pair"), None
    return {"torchvision": "squeezenet1_1", "timm": "timm:test_efficientnet"}[kind], "random"


def pictures_of(kind, tmp_path):
    if kind == "given":
        return GivenEncoder(["0.png", "1.png"], np.arange(6, dtype=np.float32).reshape(2, 3), "", "picture")
    network, weights = network_of(kind, tmp_path)
    backbone = load_backbone(network, weights, 1)
    settings = BackboneSettings(network=network, weights=weights, size=None, geometry=None)
    encoding = Encoding.of(settings, backbone, 10**7).changed(flip=True)
    return NetworkEncoder.of(backbone, encoding, torch.device("cpu"))


def texts_of(kind, tmp_path):
    if kind in ("open_clip", "clip", "siglip"):
        network = f"{'open_clip' if kind == 'open_clip' else 'sentence-transformers'}:{tmp_path / 'pair'}"
        return open_pair_texts([network], SentenceReading(), tmp_path, by="")
    return NgramsEncoder.fit(NAMES, NgramVectorSettings(dimension=3, min_names=1), 1)


def model_of(images, texts):
    shape = Architecture(
        image_features=images.dimension,
        text_features=texts.dimension,
        labels=2,
        separate_heads=False,
        settings=NetworkSettings(dimension=8, width=16, image_layers=2, text_layers=2),
    )
    torch.manual_seed(0)
    info = {"method": "huse", "seed": 1, "image_encoder": "", "text_encoder": "", "metrics": {}, "versions": {}}
    info["data"] = {"products": 2, "pictures": {"train": 2, "validation": 0, "test": 0}}
    classes, fusion = Classes(["a", "b"], [[0], [1]]), Fusion(LogLinear(1.0, 1.0, 0.5), None)
    return Model(images, texts, Network(shape), classes=classes, fusion=fusion, info=info)


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


@pytest.mark.parametrize(
    ("kind", "imported"),
    [
        ("torchvision", {"torchvision"}),
        pytest.param("timm", {"timm", "torchvision"}, marks=needs_timm),  # which imports it
        ("given", set()),
    ],
)
def test_a_saved_model_needs_no_more_than_its_encoders(kind, imported, tmp_path):
    model = model_of(pictures_of(kind, tmp_path), texts_of(kind, tmp_path))
    found, modules = use(model, tmp_path)
    np.testing.assert_allclose(
        found["images"], model.encode_images([tmp_path / "0.png", tmp_path / "1.png"]), atol=1e-6
    )
    np.testing.assert_allclose(found["texts"], model.encode_texts(NAMES[:2]), atol=1e-6)
    assert modules == imported


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_of_a_pair_gives_the_same_vectors(kind, tmp_path):
    model = model_of(pictures_of(kind, tmp_path), texts_of(kind, tmp_path))
    found, modules = use(model, tmp_path)
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    np.testing.assert_allclose(found["images"], model.encode_images(files), atol=1e-6)
    np.testing.assert_allclose(found["texts"], model.encode_texts(NAMES[:2]), atol=1e-6)
    assert not modules & {"dvc", "gensim"}


def test_encoders_side_by_side_are_saved_together(tmp_path):
    parts = {"1": pictures_of("torchvision", tmp_path), "2": pictures_of("given", tmp_path)}
    model = model_of(BlocksEncoder(parts, {"1": 2.0, "2": 0.5}), texts_of("given", tmp_path))
    found, _ = use(model, tmp_path)
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    np.testing.assert_allclose(found["images"], model.encode_images(files), atol=1e-6)
    vectors = model.image_encoder.encode(files)
    np.testing.assert_allclose(vectors[:, :512] * 2, parts["1"].encode(files), rtol=1e-6)
    np.testing.assert_allclose(vectors[:, 512:] / 2, parts["2"].encode(files))
