import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from huse.errors import InputError
from huse.vision import preparing
from huse.vision.augmentation import Augmentation, augment, view_generator
from huse.vision.decoding import read_picture
from huse.vision.geometry import fit
from huse.vision.preparing import (
    PLAIN,
    Preparation,
    Task,
    digest_pictures,
    in_batches,
    joined,
    prepare,
    resolve_workers,
)
from tests.vision.conftest import noise

SIZE = 24
STRONG = Augmentation(rescale=1.5, horizontal_flip=0.5, colour_jitter=0.4, random_erasing=0.5)
PREPARATION = Preparation("squash", SIZE, 10**6, STRONG, seed=7)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Thirteen pictures, some in several views."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for number in range(13):
        paths.append(folder / f"{number}.png")
        noise(40, 30 + number, seed=number).save(paths[-1])
    digests = digest_pictures(paths)
    views = [(PLAIN, 1, 2) if number % 3 == 0 else (PLAIN,) for number in range(13)]
    return [Task(*parts) for parts in zip(paths, digests, views, strict=True)]


def naive(tasks):
    """One picture after the other."""
    views = []
    for task in tasks:
        picture = read_picture(task.path, 10**6)
        for view in task.views:
            if view == PLAIN:
                views.append(fit(picture, geometry="squash", size=SIZE))
            else:
                generator = view_generator(7, task.digest, view)
                views.append(augment(picture, STRONG, geometry="squash", size=SIZE, generator=generator))
    return np.stack(views)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_equals_one_picture_after_the_other(tasks, workers, batch_size):
    batches = list(prepare(tasks, PREPARATION, workers=workers, batch_size=batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    np.testing.assert_array_equal(np.concatenate(batches), naive(tasks))


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_batches_are_of_so_many_views_and_a_picture_that_is_cut_in_two_is_joined_again(tasks, batch_size):
    batches = list(in_batches(tasks, batch_size))
    counts = [sum(len(task.views) for task in batch) for batch in batches]
    views = sum(len(task.views) for task in tasks)
    assert counts == [batch_size] * (views // batch_size) + ([views % batch_size] if views % batch_size else [])
    assert joined(batches) == tasks
    for batch, whole in zip(batches, prepare(tasks, PREPARATION, workers=0, batch_size=batch_size), strict=True):
        np.testing.assert_array_equal(np.concatenate([PREPARATION(task) for task in batch]), whole)


def test_no_tasks():
    assert list(prepare([], PREPARATION, workers=0, batch_size=4)) == []


def test_a_bounded_number_is_prepared_ahead():
    begun = []

    def prepare_one(task):
        begun.append(task)
        return np.zeros((1, 1, 1, 3), np.uint8)

    tasks = [Task(Path(str(number)), str(number), (PLAIN,)) for number in range(1000)]
    batches = prepare(tasks, prepare_one, workers=0, batch_size=10)
    for taken in range(1, 4):
        next(batches)
        assert len(begun) <= 10 * (taken + preparing.AHEAD + 1)
    batches.close()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"bad\.png: picture file does not exist\. It has changed since"),
        (lambda path: path.write_bytes(b""), r"bad\.png: picture file is empty\. It has changed since"),
        (lambda path: Image.new("RGB", (9, 9)).save(path), r"bad\.png: picture file changed while it was in use"),
    ],
)
def test_a_picture_that_went_bad_is_named(tmp_path, tasks, workers, change, message):
    path = tmp_path / "bad.png"
    path.write_bytes(tasks[0].path.read_bytes())
    bad = Task(path, tasks[0].digest, (PLAIN,))
    change(path)
    with pytest.raises(InputError, match=message):
        list(prepare([*tasks, bad, *tasks], PREPARATION, workers=workers, batch_size=4))


def kill_oneself(task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_ends_in_a_message(tasks):
    with pytest.raises(InputError, match="a process that prepares pictures was ended from outside"):
        list(prepare(tasks, kill_oneself, workers=1, batch_size=4))


def crash(task):
    raise RuntimeError("something of our own")


@pytest.mark.parametrize("workers", [0, 1])
def test_other_errors_are_not_hidden(tasks, workers):
    with pytest.raises(RuntimeError, match="something of our own"):
        list(prepare(tasks, crash, workers=workers, batch_size=4))


def test_digests_name_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.jpg: picture file does not exist\. Check the catalogue"):
        digest_pictures([tmp_path / "nowhere.jpg"])


def test_workers_are_chosen_by_the_device(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(preparing, "cores", lambda: 8)
    assert [resolve_workers(None, device) for device in (cpu, cuda)] == [0, 7]
    assert [resolve_workers(3, device) for device in (cpu, cuda)] == [3, 3]
    monkeypatch.setattr(preparing, "cores", lambda: 1)
    assert resolve_workers(None, cuda) == 1


def test_jpegs_are_decoded_at_a_fraction(tmp_path, monkeypatch):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (1600, 1200), "red").save(path)
    seen = []
    monkeypatch.setattr(preparing, "fit", lambda picture, **_: seen.append(picture.size) or np.zeros(1))
    (digest,) = digest_pictures([path])
    replace(PREPARATION, max_pixels=10**7)(Task(path, digest, (PLAIN,)))
    assert seen == [(200, 150)]
