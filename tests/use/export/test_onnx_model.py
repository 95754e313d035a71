"""A model as ONNX: the same numbers, in a process that never imports torch."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import huse
from huse.encoders.blocks import BlocksEncoder
from huse.encoders.network import NetworkEncoder
from huse.errors import InputError
from huse.model.contract import MODALITIES
from huse.use.export import onnx_model
from huse.use.export.onnx_model import export_onnx
from huse.use.export.parity import MOST, Parity, refuse_far
from huse.use.export.parts import export_encoder
from tests.conftest import ROOT
from tests.encoders.families import FAMILIES
from tests.use.export.made import NAMES, needs_export, ngrams, saved_model, write_pictures
from tests.use.test_families import pictures_of

pytestmark = needs_export

USE = """
import sys
import numpy as np
import huse
model = huse.load("exported")
pictures, names = sys.argv[1:3], sys.argv[3:]
np.savez(
    "found.npz",
    images=model.encode_images(pictures),
    texts=model.encode_texts(names),
    both=model.encode(pictures, names),
    probabilities=model.class_probabilities(pictures, names),
)
assert model.classify(pictures, names)[0][0].class_path == model.decide(pictures, names)[0].class_path
print(*sorted(set(sys.modules)))
"""
TORCH = {"torch", "torchvision", "timm", "open_clip", "transformers", "sentence_transformers"}


def exported(model, folder):
    folder.mkdir()
    found = export_onnx(model, folder)
    assert set(found.parity) == set(MODALITIES)
    return huse.load(folder)


def use_alone(tmp_path, asked):
    """Use the folder ``exported`` in another process; return what it computed, and which modules it imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", USE, *asked]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "found.npz"), set(done.stdout.split())


@pytest.mark.parametrize("kind", FAMILIES)
def test_an_export_computes_the_same_and_imports_no_torch(kind, tmp_path, monkeypatch):
    pictures = write_pictures(tmp_path)
    parts = pictures_of(kind, tmp_path)
    images = BlocksEncoder(parts, {"1": 2.0, "2": 0.5}) if len(parts) > 1 else parts["1"]
    model = saved_model(images, ngrams(), tmp_path / "model", class_pull=0.3)
    assert exported(model, tmp_path / "exported").fingerprint == model.fingerprint
    found, modules = use_alone(tmp_path, [*pictures, *NAMES[:2]])
    assert not modules & TORCH
    monkeypatch.chdir(tmp_path)
    for name, expected in (
        ("images", model.encode_images(pictures)),
        ("texts", model.encode_texts(NAMES[:2])),
        ("both", model.encode(pictures, NAMES[:2])),
        ("probabilities", model.class_probabilities(pictures, NAMES[:2])),
    ):
        np.testing.assert_allclose(found[name], expected, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("source")
    write_pictures(place)
    return saved_model(pictures_of("torchvision", place)["1"], ngrams(), place / "model")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    place = tmp_path_factory.mktemp("made") / "exported"
    exported(model, place)
    return place


def test_any_number_of_items_gives_the_same_embeddings(model, folder):
    names = NAMES * 5
    pictures = [np.full((60, 50, 3), 12 * number, np.uint8) for number in range(20)]
    loaded = huse.load(folder)
    for count in (1, 2, 20):
        images, texts = loaded.encode_images(pictures[:count], batch_size=7), loaded.encode_texts(names[:count])
        np.testing.assert_allclose(images, model.encode_images(pictures[:count]), atol=1e-5)
        np.testing.assert_allclose(texts, model.encode_texts(names[:count]), atol=1e-5)
        assert images.dtype == texts.dtype == np.float32
    assert loaded.encode_texts([]).shape == loaded.encode_images([]).shape == (0, 8)


def test_the_folder_says_of_what_it_was_made_and_how_near_it_is(model, folder):
    config = json.loads((folder / "config.json").read_text())
    about = config["export"]
    assert about["source"] == model.fingerprint == huse.load(folder).fingerprint
    assert about["opset"] == 20 and about["versions"]["torch"] == torch.__version__
    for modality in MODALITIES:
        assert about["parity"][modality]["inputs"] >= 10
        assert 0 <= about["parity"][modality]["embeddings"] < MOST
    assert {"image_tower.onnx", "text_tower.onnx", "image_encoder/network.onnx"} <= set(config["sha256"])
    for file in folder.rglob("*.onnx"):
        assert b".py" not in file.read_bytes(), "lines of code, with paths of this machine"


def test_a_copy_of_a_copy_is_the_same_export(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    huse.load(folder).save(copy)
    assert huse.load(copy).fingerprint == huse.load(folder).fingerprint
    assert (copy / "config.json").read_bytes() == (folder / "config.json").read_bytes()


@pytest.mark.parametrize("name", ["image_tower.onnx", "image_encoder/network.onnx", "towers.json"])
def test_a_damaged_file_is_named(folder, tmp_path, name):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / name).write_bytes((copy / name).read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=f"{name}: not the file that config.json describes"):
        huse.load(copy)


def test_towers_of_an_unknown_kind_are_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config.pop("config_sha256")
    (copy / "config.json").write_text(json.dumps({**config, "towers": "abacus"}))
    with pytest.raises(InputError, match=r"expected towers of torch, onnx, found 'abacus'"):
        huse.load(copy)


def test_an_export_cannot_be_exported_again(folder, tmp_path):
    with pytest.raises(InputError, match=r"found an export\. Export the model that it was made of"):
        export_onnx(huse.load(folder), tmp_path)


def test_what_computes_something_else_is_refused(model, tmp_path, monkeypatch):
    def worse(encoder, folder):
        return replace(encoder, projection=encoder.projection + np.float32(0.01))

    monkeypatch.setitem(onnx_model.export_encoder.__globals__["EXPORTED"], "ngrams", worse)
    with pytest.raises(InputError, match=r"embeddings or scores of names differ by .*, so nothing is written"):
        export_onnx(model, tmp_path)
    assert not any(tmp_path.iterdir())


def test_an_encoder_that_cannot_be_exported_is_named(tmp_path):
    other = SimpleNamespace(config={"family": "open_clip_text"})
    with pytest.raises(InputError, match=r"open_clip_text: .* cannot be exported, only blocks, given, network, ngrams"):
        export_encoder(other, tmp_path)


@pytest.mark.parametrize("difference", [2e-4, float("nan"), float("inf")])
def test_a_difference_that_is_too_large_or_unknown_is_refused(difference):
    refuse_far(Parity(9, MOST, MOST), "image")
    for parity in (Parity(9, difference, 0), Parity(9, 0, difference)):
        with pytest.raises(InputError, match="of pictures differ by"):
            refuse_far(parity, "image")


def test_a_source_in_bfloat16_is_held_to_its_own_float32(tmp_path):
    write_pictures(tmp_path)
    encoder = pictures_of("torchvision", tmp_path)["1"]
    assert isinstance(encoder, NetworkEncoder)
    coarse = encoder.changed(torch.device("cpu"), dtype="bfloat16")
    model = saved_model(coarse, ngrams(), tmp_path / "model")
    (tmp_path / "exported").mkdir()
    found = export_onnx(model, tmp_path / "exported")
    assert found.parity["image"].embeddings < MOST < found.rounded["image"].embeddings
    assert set(found.rounded) == {"image"}
    assert "source_in_bfloat16" in json.loads((tmp_path / "exported/config.json").read_text())["export"]
