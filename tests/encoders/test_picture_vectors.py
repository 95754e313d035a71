import logging
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.encoders.picture_vectors import check_vectors, plan
from huse.engine.work import here
from huse.errors import InputError
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import load_backbone
from huse.vision.cache import VectorCache
from huse.vision.preparing import Preparation, Task, digest_pictures
from tests.vision.conftest import noise

SIZE = 64
CPU = torch.device("cpu")
STRONG = Augmentation(rescale=1.5, horizontal_flip=0.5, colour_jitter=0.4, random_erasing=0.5)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Eleven pictures of soft spots, as JPEG and PNG."""
    folder = tmp_path_factory.mktemp("pictures")
    found = [folder / f"{number}.{'png' if number % 2 else 'jpg'}" for number in range(11)]
    for number, path in enumerate(found):
        noise(4, 3, seed=number).resize((160, 120)).save(path)
    return found


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet1_1", "random", 1)


def preparation(**changes):
    arguments = {"geometry": "squash", "size": SIZE, "max_pixels": 10**8, "augmentation": STRONG, "seed": 7}
    return Preparation(**(arguments | changes))


def encoder_of(backbone, prepared, *, batch_size, dtype="float32"):
    how = {"geometry": prepared.geometry, "size": prepared.size, "max_pixels": prepared.max_pixels}
    return NetworkEncoder.of(backbone, Encoding(**how, dtype=dtype, batch_size=batch_size), CPU)


def extract(paths, backbone, *, views=None, slots=1, batch_size=4, dtype="float32", cache=None, spread=here, **changes):
    """Return all vectors, and how many of them were computed."""
    prepared = preparation(**changes)
    encoder = encoder_of(backbone, prepared, dtype=dtype, batch_size=batch_size)
    out = np.full((slots, len(paths), 512), np.nan, np.float32)
    job = plan(paths, views or [0] * len(paths), encoder, prepared, out=out, cache=cache)
    done = []
    job.run(workers=0, spread=spread, advance=done.append)
    assert sum(done) == len(job.keys)
    return out, len(job.keys)


def naive(backbone, path, view=0, **changes):
    """One picture alone."""
    (digest,) = digest_pictures([path])
    prepared = preparation(**changes)
    encoder = encoder_of(backbone, prepared, batch_size=1)
    return encoder.encode_pixels(prepared(Task(path, digest, (view,))))[0].numpy()


@pytest.mark.parametrize(("geometry", "batch_size"), [("squash", 1), ("squash", 3), ("crop", 11), ("pad", 64)])
def test_equals_one_picture_at_a_time(paths, backbone, geometry, batch_size):
    found, computed = extract(paths, backbone, geometry=geometry, batch_size=batch_size)
    assert (found.shape, found.dtype, computed) == ((1, 11, 512), np.float32, 11)
    for path, vector in zip(paths, found[0], strict=True):
        np.testing.assert_allclose(vector, naive(backbone, path, geometry=geometry), rtol=1e-3, atol=1e-4)


def test_rows_follow_the_paths_and_the_same_bytes_are_computed_once(paths, backbone, tmp_path):
    straight, _ = extract(paths, backbone)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(paths[0].read_bytes())
    order = [*range(11), 3, 3, 0]
    random.Random(1).shuffle(order)
    shuffled, computed = extract([*(paths[k] for k in order), copy], backbone)
    assert computed == 11
    np.testing.assert_array_equal(shuffled, straight[:, [*order, 0]])
    assert np.abs(straight[0, 0] - straight[0, 1]).max() > 0.05 * np.abs(straight[0, 0]).max()


def test_views_stand_beside_the_plain_vectors(paths, backbone):
    """Pictures that get no views have the plain vector in place of each."""
    views = [2 if number % 2 else 0 for number in range(11)]
    found, computed = extract(paths, backbone, views=views, slots=3)
    assert computed == 11 + 2 * 5
    np.testing.assert_array_equal(found[0], extract(paths, backbone)[0][0])
    for row, path in enumerate(paths):
        for view in range(3):
            expected = naive(backbone, path, view if views[row] else 0)
            np.testing.assert_allclose(found[view, row], expected, rtol=1e-3, atol=1e-4)
    assert (found[1, 1] != found[2, 1]).any() and (found[0, 1] != found[1, 1]).any()


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_batches_that_are_done_elsewhere_give_the_same_bytes_without_the_files(paths, backbone, tmp_path, batch_size):
    """Work, network and pictures arrive pickled; views of a picture may be in several batches."""
    copies = [tmp_path / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        copy.write_bytes(path.read_bytes())

    def far_away(work, batches):
        sent = [pickle.dumps(work.packed(batch)) for batch in batches]
        for copy in copies:
            copy.unlink()
        arrived = pickle.loads(pickle.dumps(work))
        assert arrived.encoder is not work.encoder
        for batch in sent:
            yield from arrived([pickle.loads(batch)])

    how = {"views": [2 if number % 2 else 0 for number in range(11)], "slots": 3, "batch_size": batch_size}
    expected, _ = extract(paths, backbone, **how)
    found, _ = extract(copies, backbone, spread=far_away, **how)
    np.testing.assert_array_equal(found, expected)


def test_a_machine_that_rounds_otherwise_is_refused(paths, backbone):
    def elsewhere(work, batches):
        return replace(work, arithmetic="torch 1.0 with AVX2")(batches)

    with pytest.raises(
        InputError, match=r"Expected torch 1\.0 with AVX2, .*; found torch 2.*Take it out of the cluster"
    ):
        extract(paths, backbone, spread=elsewhere)


def test_one_picture_with_and_without_views(paths, backbone):
    """The same bytes in the training and in the test split."""
    found, computed = extract([paths[0], paths[0]], backbone, views=[1, 0], slots=2)
    assert computed == 2
    np.testing.assert_array_equal(found[:, 1], found[[0, 0], 0])
    assert (found[1, 0] != found[0, 0]).any()


def test_the_cache_knows_all_that_decides(paths, backbone, tmp_path):
    cache = VectorCache(tmp_path / "cache.sqlite")
    options = {"views": [1, 1], "slots": 2, "cache": cache}
    assert extract(paths[:2], backbone, **options)[1] == 4
    assert extract(paths[:2], load_backbone("squeezenet1_1", "random", 2), **options)[1] == 4
    for change in ({"geometry": "pad"}, {"size": 72}, {"dtype": "bfloat16"}, {"batch_size": 5}):
        assert extract(paths[:2], backbone, **options, **change)[1] == 4, change
    weaker = Augmentation(rescale=1.5, horizontal_flip=0.5, colour_jitter=0.4, random_erasing=0.4)
    for change in ({"augmentation": weaker}, {"seed": 8}):  # of the views; the plain vectors are known
        assert extract(paths[:2], backbone, **options, **change)[1] == 2, change
    assert extract(paths[:2], backbone, **options)[1] == 0


def test_a_cache_that_cannot_be_used_changes_nothing(paths, backbone, tmp_path):
    file = tmp_path / "cache.sqlite"
    file.write_bytes(b"no database" * 100)
    found, computed = extract(paths, backbone, cache=VectorCache(file))
    assert computed == 11
    np.testing.assert_array_equal(found, extract(paths, backbone)[0])


def test_no_pictures(backbone):
    found, computed = extract([], backbone)
    assert (found.shape[1], computed) == (0, 0)


def test_a_picture_that_is_gone_is_named(tmp_path, paths, backbone):
    with pytest.raises(InputError, match=r"gone\.jpg: picture file does not exist\. Check the catalogue"):
        extract([*paths, tmp_path / "gone.jpg"], backbone)


def test_check_vectors(paths, caplog):
    good = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        check_vectors(good, paths)
        check_vectors(good[:1], paths[:1])
        assert not caplog.records
        check_vectors(np.ones_like(good), paths)
    assert "All 11 image vectors are the same" in caplog.text
    good[7, 2] = np.nan
    with pytest.raises(InputError, match=r"7\.png: .*not finite, as have 1 of 11"):
        check_vectors(good, paths)
