"""The stage `image_vectors` with every family of encoders: its memory, its cache, kills, and its workers."""

import multiprocessing
import os
import shutil
import signal
import weakref
from itertools import count

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from huse.encoders import network, picture_input
from huse.encoders.given import GivenEncoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.pictures import load_pictures
from huse.files import PARTIAL_PREFIX
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from huse.run.place import Run
from huse.vision import preparing
from huse.vision.preparing import Preparation
from stages import finetune_backbone, image_vectors
from tests.conftest import ROOT
from tests.encoders.families import FAMILIES, make_backbone
from tests.vision.conftest import noise, one_thread  # noqa: F401  a fixture: threads do not outlive a fork

COUNT, TRAIN, BATCH = 20, 10, 4
IMAGES = [f"{number}.{'png' if number % 2 else 'jpg'}" for number in range(COUNT)]
CPU = torch.device("cpu")
# The sections that are read; of all, each change of the file would take longer than the vectors.
SETTINGS = {
    "backbone": {},
    "augmentation": {},
    "catalogue": {"images": "images"},
    "machine": {"device": "cpu"},
    "finetune_backbone": {"epochs": 0},
    "image_vectors": {"dtype": "float32", "batch_size": BATCH},
}


@pytest.fixture(scope="module", params=FAMILIES)
def kind(request):
    """A family."""
    return request.param


@pytest.fixture(scope="module")
def made(kind, tmp_path_factory):
    """A run whose pictures are there, and whose backbone is of the family."""
    here = Run(tmp_path_factory.mktemp("family"))
    (here / "images").mkdir()
    for number, image in enumerate(IMAGES):
        noise(4, 3, seed=number).resize((96, 72)).save(here / "images" / image)
    usual = read_yaml(ROOT / paths.PARAMS)
    YAML().dump({name: usual[name] for name in ("seed", *SETTINGS)}, here / paths.PARAMS)
    set_values(here / paths.PARAMS, SETTINGS)
    write_backbone(here, kind)
    return here


@pytest.fixture
def here(made, tmp_path):
    """A copy of that run, to change."""
    return Run(shutil.copytree(made.root, tmp_path / "run"))


def write_backbone(here, kind, seed=1):
    list_products(here, range(COUNT))
    backbone = make_backbone(kind, here.root, IMAGES, seed=seed)
    set_values(here / paths.PARAMS, {"seed": seed, "backbone": backbone})
    finetune_backbone.main(here)


def list_products(here, numbers):
    """Write a catalogue of some of the pictures, half of them to train on."""
    splits = ["train", "validation", "train", "test"]
    rows = [(IMAGES[k], f"name {k}", "a<b" if k % 3 else "a<c", int(k % 3 > 0), splits[k % 4]) for k in numbers]
    (here / paths.PRODUCTS).parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=["image", "name", "classes", "class_index", "split"])
    table.to_parquet(here / paths.PRODUCTS)


def compute(here, numbers=range(COUNT), *, workers=0, **settings):
    """Run the stage on some of the pictures; return the bytes of the files that it wrote, by name."""
    list_products(here, numbers)
    set_values(here / paths.PARAMS, {"machine": {"workers": workers}, "image_vectors": settings})
    image_vectors.main(here)
    assert {path.name for path in (here / paths.IMAGE_VECTORS).parent.iterdir()} == {"image.json", "image.npy"}
    return outputs(here)


def compute_afresh(here, *given, **settings):
    """Run the stage without what is known from before."""
    shutil.rmtree(here.cache, ignore_errors=True)
    return compute(here, *given, **settings)


def outputs(here):
    files = (here / paths.IMAGE_VECTORS).parent.glob("*")
    return {path.name: path.read_bytes() for path in files if not path.name.startswith(PARTIAL_PREFIX)}


class Watch:
    """Counts pictures that are read, in any process, that are encoded, and that are in memory, whoever holds them."""

    def __init__(self, kind, patch):
        self.computes = kind != "given"
        self.read, self.encoded, self.most = multiprocessing.Value("i", 0), 0, 0
        self._seen = []
        for module in (preparing, picture_input):
            patch(module, "read_picture", self._reading(module.read_picture))
        patch(Preparation, "__call__", self._keeping(Preparation.__call__))
        patch(picture_input, "prepare", self._keeping(picture_input.prepare, lambda pixels: 1))
        patch(network, "normalise", self._keeping(network.normalise))
        patch(NetworkEncoder, "encode_pixels", self._encoding(NetworkEncoder.encode_pixels))

    def _reading(self, read):
        def wrapped(*given, **how):
            with self.read.get_lock():
                self.read.value += 1
            return self._keep(read(*given, **how), 1)

        return wrapped

    def _keeping(self, make, pictures=len):
        def wrapped(*given):
            made = make(*given)
            return self._keep(made, pictures(made))

        return wrapped

    def _encoding(self, encode):
        def wrapped(encoder, pixels, **how):
            self._keep(pixels, len(pixels))
            held = sum(pictures for reference, pictures in self._seen if reference() is not None)
            self.most = max(self.most, held, self.read.value - self.encoded)
            self.encoded += len(pixels)
            return encode(encoder, pixels, **how)

        return wrapped

    def _keep(self, thing, pictures):
        self._seen.append((weakref.ref(thing), pictures))
        return thing

    def has_encoded(self, vectors):
        """Whether so many vectors were computed since it was asked last: none by a family that computes none."""
        encoded, self.encoded = self.encoded, 0
        return encoded == vectors * self.computes


@pytest.fixture
def watch(kind, monkeypatch):
    return Watch(kind, monkeypatch.setattr)


@pytest.mark.parametrize("way", ["threads", "processes", "loaded"])
def test_memory_holds_some_batches_however_many_pictures_there_are(here, watch, monkeypatch, way):
    monkeypatch.setattr(preparing, "CHUNK", 1)
    if way == "loaded":
        for encoder in load_pictures(here / paths.BACKBONE).values():
            small = encoder.changed(CPU, batch_size=1) if isinstance(encoder, NetworkEncoder) else encoder
            small.encode([here / "images" / image for image in IMAGES])
    else:
        compute(here, batch_size=1, workers=2 if way == "processes" else 0)
    assert watch.most <= 8
    assert watch.read.value == COUNT * watch.computes and watch.has_encoded(COUNT)


def test_only_what_is_new_is_computed(here, kind, watch):
    first = compute(here, range(15))
    assert watch.has_encoded(15)
    finetune_backbone.main(here)  # the same weights, written again
    assert compute(here, range(15)) == first and watch.has_encoded(0)
    compute(here, range(COUNT)[::-1])
    assert watch.has_encoded(5)
    viewed = compute(here, views=1)
    assert watch.has_encoded(TRAIN)
    assert compute_afresh(here, views=1) == viewed and watch.has_encoded(COUNT + TRAIN)
    write_backbone(here, kind, seed=2)
    plain = compute(here, views=0)
    assert watch.has_encoded(COUNT) and plain["image.npy"] not in viewed["image.npy"]


# What is called for the how many-th time when the stage is killed.
MOMENTS = {
    "encoding": [(NetworkEncoder, "encode_pixels", 2), (GivenEncoder, "encode", 1)],
    "writing": [(Outputs, "json", 1)],  # the vectors lie beside their place
}


def die(here, moment):
    for owner, name, number in MOMENTS[moment]:
        setattr(owner, name, killing(getattr(owner, name), number))
    image_vectors.main(here)


def killing(call, number):
    calls = count(1)

    def wrapped(*given, **how):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **how)

    return wrapped


def kill(here, moment):
    """Run the stage in a process that is killed."""
    process = multiprocessing.get_context("fork").Process(target=die, args=(here, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_leaves_the_old_output_or_none_and_loses_one_batch(here, watch, moment):
    kill(here, moment)
    assert outputs(here) == {}
    old = compute(here)
    assert watch.has_encoded(COUNT - BATCH if moment == "encoding" else 0)
    set_values(here / paths.PARAMS, {"image_vectors": {"views": 1}})
    kill(here, moment)
    assert outputs(here) == old
    new = compute(here)
    assert watch.has_encoded(TRAIN - BATCH if moment == "encoding" else 0)
    assert compute_afresh(here) == new != old
    assert compute_afresh(here, views=0) == old


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_workers_change_no_byte(here, monkeypatch, dtype):
    monkeypatch.setattr(preparing, "CHUNK", 3)  # each prepares several
    alone = compute(here, views=1, dtype=dtype)
    for workers in (1, 2):
        assert compute_afresh(here, workers=workers) == alone, workers


def test_a_batch_size_changes_nothing_but_rounding(here):
    compute(here)
    usual = np.load(here / paths.IMAGE_VECTORS)
    for batch_size in (1, 7, 64):
        compute(here, batch_size=batch_size)
        np.testing.assert_allclose(np.load(here / paths.IMAGE_VECTORS), usual, rtol=1e-5, atol=1e-5)
