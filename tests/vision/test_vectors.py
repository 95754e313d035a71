import logging
import random

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from huse.errors import InputError
from huse.vision import vectors
from huse.vision.backbones import load_backbone
from huse.vision.decoding import read_picture
from huse.vision.geometry import fit, normalise
from tests.vision.conftest import SQUEEZENET, needs

SIZE = 64


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Eleven pictures of ellipses, as JPEG and PNG."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = random.Random(3)
    found = []
    for number in range(11):
        image = Image.new("RGB", (160, 120), "white")
        draw = ImageDraw.Draw(image)
        for _ in range(5):
            left, top = rng.randrange(100), rng.randrange(70)
            colour = tuple(rng.randrange(256) for _ in range(3))
            draw.ellipse((left, top, left + 50, top + 40), fill=colour)
        found.append(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
        image.save(found[-1])
    return found


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet1_1", "random", 1)


def extract(paths, backbone, *, batch_size=4, dtype="float32", **options):
    arguments = {"geometry": "squash", "size": SIZE, "max_pixels": 10**8} | options
    return vectors.extract_vectors(paths, backbone, dtype=dtype, batch_size=batch_size, **arguments)


@pytest.mark.parametrize("geometry", ["squash", "crop", "pad"])
def test_equals_one_picture_at_a_time(paths, backbone, geometry):
    found = extract(paths, backbone, geometry=geometry)
    assert found.shape == (11, 512) and found.dtype == np.float32
    for path, vector in zip(paths, found, strict=True):
        picture = read_picture(path, 10**8)
        with torch.inference_mode():
            batch = normalise(torch.from_numpy(fit(picture, geometry=geometry, size=SIZE)[None]))
            expected = backbone.module(batch)[0].numpy()
        np.testing.assert_allclose(vector, expected, rtol=1e-3, atol=1e-4)


def test_rows_follow_the_paths_also_when_repeated(paths, backbone):
    straight = extract(paths, backbone)
    order = [*range(11), 3, 3, 0]
    random.Random(1).shuffle(order)
    shuffled = extract([paths[k] for k in order], backbone)
    np.testing.assert_allclose(shuffled, straight[order], rtol=1e-3, atol=1e-4)
    assert np.abs(straight[0] - straight[1]).max() > 0.05 * np.abs(straight).max()


@pytest.mark.parametrize("batch_size", [1, 3, 11, 64])
def test_batch_size_changes_rounding_only(paths, backbone, batch_size):
    np.testing.assert_allclose(
        extract(paths, backbone, batch_size=batch_size), extract(paths, backbone), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_same_bytes_again(paths, backbone, dtype):
    assert extract(paths, backbone, dtype=dtype).tobytes() == extract(paths, backbone, dtype=dtype).tobytes()


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_bfloat16_is_near(paths, backbone):
    before = {key: value.clone() for key, value in backbone.module.state_dict().items()}
    found = extract(paths, backbone, dtype="bfloat16")
    assert cosines(found, extract(paths, backbone)).min() > 0.999
    after = backbone.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@needs(SQUEEZENET)
def test_bfloat16_is_near_with_real_weights(paths):
    squeezenet = load_backbone("squeezenet1_1", str(SQUEEZENET), 1)
    found = extract(paths, squeezenet, dtype="bfloat16", size=224)
    assert cosines(found, extract(paths, squeezenet, size=224)).min() > 0.999


def test_writes_to_the_callers_array_and_reports_progress(tmp_path, paths, backbone):
    out = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (11, 512))
    done = []
    assert extract(paths, backbone, out=out, progress=done.append) is out
    assert done == [4, 4, 3]
    np.testing.assert_array_equal(out, extract(paths, backbone))


def test_decoding_stays_a_bounded_number_of_batches_ahead():
    started = []

    def decode(path):
        started.append(path)
        return np.zeros((1, 1, 3), np.uint8)

    batches = vectors._decode_batches([str(k) for k in range(1000)], decode, batch_size=10)
    next(batches)
    assert len(started) <= 10 * (vectors.BATCHES_AHEAD + 1)
    batches.close()


def test_no_pictures(backbone):
    with pytest.raises(InputError, match="at least one picture"):
        extract([], backbone)


def test_a_picture_that_went_bad_is_named(tmp_path, paths, backbone):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(paths[0].read_bytes()[:500])
    with pytest.raises(InputError, match=r"bad\.jpg: picture is truncated .* has changed since"):
        extract([*paths, bad, *paths], backbone)


def test_a_size_that_the_backbone_does_not_take(paths, backbone):
    with pytest.raises(InputError, match="squeezenet1_1 does not take pictures of 8 × 8 pixels"):
        extract(paths, backbone, size=8)


def test_resolve_dtype(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert vectors.resolve_dtype("float32") == "float32"
    assert vectors.resolve_dtype("bfloat16") == "bfloat16"
    for capabilities, expected in [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "bfloat16"),
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({}, "float32"),
    ]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert vectors.resolve_dtype("auto") == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert vectors.resolve_dtype("auto") == "float32"


def test_check_vectors(paths, caplog):
    good = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        vectors.check_vectors(good, paths)
        vectors.check_vectors(good[:1], paths[:1])
        assert not caplog.records
        vectors.check_vectors(np.ones_like(good), paths)
    assert "All 11 image vectors are the same" in caplog.text
    good[7, 2] = np.nan
    with pytest.raises(InputError, match=r"7\.png: .*not finite, as have 1 of 11"):
        vectors.check_vectors(good, paths)
