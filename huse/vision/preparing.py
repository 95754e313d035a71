"""Prepares pictures on disk as network input while the network runs: in threads or in processes.

Letters: S pixels a side of the network's input.
"""

import hashlib
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from huse.engine.cores import cores
from huse.engine.threads import in_threads
from huse.errors import InputError
from huse.storage import READERS, Place, Remote, any_remote
from huse.vision.augmentation import Augmentation, augment, view_generator
from huse.vision.decoding import SentPicture, digest_picture, read_picture
from huse.vision.geometry import Interpolation, Pixels, fit, needed_side
from huse.vision.known import DIGEST, Known, content_of, readers
from huse.vision.picture_error import PictureError

PLAIN = 0  # number of the view without augmentation

# Pictures prepared ahead of the network, in batches; limits memory.
AHEAD = 2
CHUNK = 32  # pictures that a process returns at a time


@dataclass(frozen=True)
class Task:
    """A picture and its wanted views.

    Attributes:
        path: the file, or an object of a store.
        digest: SHA-256 of its bytes.
        views: their numbers; `PLAIN` is the picture without augmentation.
        sent: the file as it came from another machine; None: this one has it.
    """

    path: Place
    digest: str
    views: tuple[int, ...]
    sent: SentPicture | None = None


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes the network's input.

    Attributes:
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        max_pixels: width × height that is still decoded.
        augmentation: of all views except the plain one.
        seed: of those views.
        share: of the resized side that is seen; see `huse.vision.geometry.fit`.
        interpolation: of resizing.
    """

    geometry: str
    size: int
    max_pixels: int
    augmentation: Augmentation
    seed: int
    share: float | None = None
    interpolation: Interpolation = "bilinear"

    def __call__(self, task: Task) -> Pixels:
        """Read a picture and return its views.

        Returns:
            Views × S × S × 3 uint8.

        Raises:
            InputError: the picture cannot be read, or has changed; or its store fails.
        """
        try:
            side = needed_side(self.size, self.share)
            picture = read_picture(task.sent or task.path, self.max_pixels, shorter_side=side, digest=task.digest)
        except PictureError as error:
            raise InputError(
                f"{task.path}: {error}. It has changed since the catalogue was checked; check the catalogue again."
            ) from None
        return np.stack([self._view(picture, task, view) for view in task.views])

    def _view(self, picture: Image.Image, task: Task, view: int) -> Pixels:
        how: dict[str, Any] = {"geometry": self.geometry, "size": self.size, "interpolation": self.interpolation}
        if view == PLAIN:
            return fit(picture, share=self.share, **how)
        return augment(picture, self.augmentation, generator=view_generator(self.seed, task.digest, view), **how)


def resolve_workers(workers: int | None, device: torch.device) -> int:
    """Return how many processes prepare pictures; 0: threads of this one.

    Args:
        workers: the number, or None to choose: threads on a CPU, which the network keeps busy, since decoding and
            resizing release the interpreter's lock; with a GPU, one process a core but one.
        device: of the network.
    """
    if workers is not None:
        return workers
    return 0 if device.type == "cpu" else max(1, cores() - 1)


def digest_pictures(paths: Sequence[Place]) -> list[str]:
    """Return the SHA-256 of every file's bytes; an object of a store is read only where that is not known of it.

    Raises:
        InputError: a file cannot be read, or a store fails.
    """
    once = list(dict.fromkeys(paths))
    known = Known(once)
    found = known.get(DIGEST)

    def digest(path: Place) -> str:
        """Name the file in the error."""
        if isinstance(path, Remote):
            return found.get(path) or hashlib.sha256(content_of(path)).hexdigest()
        try:
            return digest_picture(path)
        except PictureError as error:
            raise InputError(f"{path}: {error}. Check the catalogue again.") from None

    with ThreadPoolExecutor(readers(once)) as pool:
        of = dict(zip(once, pool.map(digest, once), strict=True))
    known.put(DIGEST, of)
    return [of[path] for path in paths]


def in_batches(tasks: Iterable[Task], batch_size: int) -> Iterator[list[Task]]:
    """Cut tasks into batches of `batch_size` views; the last one may have fewer. A picture may be in several."""
    batch: list[Task] = []
    free = batch_size
    for task in tasks:
        views = task.views
        while views:
            batch.append(replace(task, views=views[:free]))
            views, free = views[free:], free - len(batch[-1].views)
            if not free:
                yield batch
                batch, free = [], batch_size
    if batch:
        yield batch


def joined(batches: Iterable[Iterable[Task]]) -> list[Task]:
    """Return the tasks of batches; of a picture that `in_batches` cut in two one task, which decodes it once."""
    pieces = groupby(chain.from_iterable(batches), key=lambda task: task.digest)
    tasks = (list(those) for _, those in pieces)
    return [replace(those[0], views=tuple(chain.from_iterable(task.views for task in those))) for those in tasks]


def prepare(
    tasks: Sequence[Task], preparation: Callable[[Task], Pixels], *, workers: int, batch_size: int
) -> Iterator[Pixels]:
    """Prepare pictures a limited number ahead, and yield them in order, in batches.

    Args:
        tasks: each with at least one view.
        preparation: a `Preparation`.
        workers: processes; 0: threads of this one.
        batch_size: views a batch; the last one may have fewer.

    Yields:
        n × S × S × 3 uint8, view by view in the order of the tasks; n is `batch_size`, but for the last one.

    Raises:
        InputError: see `Preparation`; or a process was killed.
    """
    ahead = (AHEAD + 1) * batch_size
    if workers:
        stacks = _in_processes(tasks, preparation, workers, ahead)
    else:
        threads = readers([task.path for task in tasks if task.sent is None])
        stacks = in_threads(preparation, tasks, ahead=ahead, threads=threads)
    views = (view for stack in stacks for view in stack)
    while batch := list(islice(views, batch_size)):
        yield np.stack(batch)


class _Chunks(Dataset[list[Pixels | InputError]]):
    """Several pictures at a time: to hand over a picture takes a process about as long as to prepare it."""

    def __init__(self, tasks: Sequence[Task], preparation: Callable[[Task], Pixels], size: int) -> None:
        self._chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
        self._preparation = preparation

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: int) -> list[Pixels | InputError]:
        prepared: list[Pixels | InputError] = []
        tasks = self._chunks[index]
        try:
            if any_remote(task.path for task in tasks):
                with ThreadPoolExecutor(READERS) as pool:
                    prepared.extend(pool.map(self._preparation, tasks))
            else:
                prepared.extend(map(self._preparation, tasks))
        except InputError as error:  # raised, torch would wrap it in its own text
            prepared.append(error)
        return prepared


def _start_worker(number: int) -> None:
    # The parent speaks for all when it is told to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _in_processes(
    tasks: Sequence[Task], preparation: Callable[[Task], Pixels], workers: int, ahead: int
) -> Iterator[Pixels]:
    size = max(1, min(CHUNK, len(tasks) // workers))
    loader = DataLoader(
        _Chunks(tasks, preparation, size),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=max(1, ahead // (workers * size)),
        collate_fn=list,
        worker_init_fn=_start_worker,
    )
    try:
        for item in chain.from_iterable(loader):
            if isinstance(item, InputError):
                raise item
            yield item
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):
            raise
        raise InputError(
            f"a process that prepares pictures was ended from outside ({str(error).partition(chr(10))[0]}). Is the "
            "memory too small? Try fewer (machine.workers)."
        ) from None
