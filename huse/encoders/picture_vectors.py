"""Vectors of many pictures: decoded while the network runs, and none computed twice.

Letters: N pictures, V views of a picture beside the plain one, D values a vector.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from torch import Tensor

from huse.encoders.network import NetworkEncoder
from huse.engine.arithmetic import of_torch, refuse_other
from huse.engine.dtypes import Dtype
from huse.engine.work import Spread, here
from huse.errors import InputError
from huse.settings import Settings
from huse.storage import Place
from huse.vision.cache import VectorCache, vector_key
from huse.vision.inspecting import send_pictures
from huse.vision.known import copy_of
from huse.vision.preparing import PLAIN, Preparation, Task, digest_pictures, in_batches, joined, prepare

Slot = tuple[slice, int]  # where a vector goes in the result: views, row


class ImageVectorSettings(Settings):
    """How many vectors a picture gets, and how they are computed."""

    views: int = Field(
        default=0,
        ge=0,
        le=1000,
        description=("augmented vectors of every training picture beside the plain one; training draws one at a time"),
    )
    flip: Literal[False, "mean"] = Field(
        default=False,
        description="mean: a vector is the mean of those of a picture and of its mirror image; twice the time",
    )
    dtype: Literal["auto", Dtype] = Field(default="auto", description="as in finetune_backbone")
    batch_size: int = Field(
        default=32,
        ge=1,
        le=65536,
        description="pictures; speed, memory and rounding only; 16 to 32 on a CPU, hundreds on a GPU",
    )


@dataclass(frozen=True)
class EncodingPictures:
    """The work of computing vectors; see `huse.engine.work.Work`. A batch is of `batch_size` views.

    Attributes:
        encoder: computes them.
        preparation: makes its input.
        workers: see `huse.vision.preparing.prepare`.
        arithmetic: of the machine where the stage runs; where the work has come to, it must be the same.
    """

    cpus: ClassVar[int] = 1

    encoder: NetworkEncoder
    preparation: Preparation
    workers: int
    arithmetic: str = field(default_factory=of_torch)

    @property
    def gpus(self) -> int:
        """See `huse.engine.work.Work`."""
        return int(self.encoder.device.type == "cuda")

    def __call__(self, batches: Iterable[list[Task]], /) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the vectors of each batch, n × D float32.

        Raises:
            InputError: a picture cannot be read, or has changed; or this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_torch())
        under_way: list[Tensor] = []
        # A GPU works on one batch while the previous one is stored.
        ahead = 0 if self.encoder.device.type == "cpu" else 1
        batch_size = self.encoder.encoding.batch_size
        for pixels in prepare(joined(batches), self.preparation, workers=self.workers, batch_size=batch_size):
            under_way.append(self.encoder.encode_pixels(pixels))
            if len(under_way) > ahead:
                yield under_way.pop(0).cpu().numpy()
        for vectors in under_way:
            yield vectors.cpu().numpy()

    def packed(self, batch: list[Task], /) -> list[Task]:
        """Return the batch with the pictures' files."""
        sent = send_pictures([task.path for task in batch], self.preparation.max_pixels)
        return [replace(task, sent=one) for task, one in zip(batch, sent, strict=True)]


@dataclass(frozen=True)
class Job:
    """Vectors to compute, and where they go; from `plan`.

    Attributes:
        encoder: computes them.
        preparation: makes its input.
        tasks: pictures and views without a known vector.
        keys: the cache's key of every vector, in the order of the tasks and their views.
        slots: key → where the vector goes in the result.
        out: the result, (V + 1) × N × D float32; known vectors are already in place.
        cache: where computed vectors are stored, or None.
    """

    encoder: NetworkEncoder
    preparation: Preparation
    tasks: list[Task]
    keys: list[bytes]
    slots: dict[bytes, list[Slot]]
    out: npt.NDArray[np.float32]
    cache: VectorCache | None

    def run(
        self, *, workers: int, spread: Spread = here, advance: Callable[[int], object] = lambda vectors: None
    ) -> None:
        """Compute the vectors and write them to the result and the cache, batch by batch.

        Args:
            workers: see `huse.vision.preparing.prepare`.
            spread: has the batches computed.
            advance: called with the number of vectors of every finished batch.

        Raises:
            InputError: a picture cannot be read, or has changed.
        """
        keys = iter(self.keys)
        work = EncodingPictures(self.encoder, self.preparation, workers)
        for vectors in spread(work, in_batches(self.tasks, self.encoder.encoding.batch_size)):
            advance(self._store(list(islice(keys, len(vectors))), vectors))

    def _store(self, keys: list[bytes], vectors: npt.NDArray[np.float32]) -> int:
        made = dict(zip(keys, vectors, strict=True))
        for key, vector in made.items():
            fill(self.out, self.slots[key], vector)
        if self.cache is not None:
            self.cache.put(made)
        return len(made)


def fill(out: npt.NDArray[np.float32], slots: Sequence[Slot], vector: npt.NDArray[np.float32]) -> None:
    """Write a vector to all its places."""
    for views, row in slots:
        out[views, row] = vector


def plan(
    paths: Sequence[Place],
    views: Sequence[int],
    encoder: NetworkEncoder,
    preparation: Preparation,
    *,
    out: npt.NDArray[np.float32],
    cache: VectorCache | None = None,
) -> Job:
    """Find the vectors to compute, and write the known ones to their places.

    The same files, machine and batch size give the same bytes, whatever was computed before. Needs a few hundred bytes
    a vector beside the result.

    Args:
        paths: N files or objects of a store; one, or its content, may come several times.
        views: how many augmented views each picture gets: V or 0. With 0, the plain vector takes the place of every
            view.
        encoder: of pictures.
        preparation: how pictures become the encoder's input.
        out: (V + 1) × N × D float32 to write to, plain pictures first.
        cache: of known vectors; None: all are computed.

    Raises:
        InputError: one cannot be read.
    """
    digests = digest_pictures(paths)
    plain = json.dumps(encoder.fingerprint, sort_keys=True)
    augmented = json.dumps([preparation.augmentation.model_dump(), preparation.seed], sort_keys=True)
    slots: defaultdict[bytes, list[Slot]] = defaultdict(list)
    sources: dict[bytes, tuple[str, int]] = {}
    path_of: dict[str, Place] = {}
    for row, (path, digest, count) in enumerate(zip(paths, digests, views, strict=True)):
        path_of.setdefault(digest, path)
        for view in range(count + 1):
            key = vector_key(plain, digest, "" if view == PLAIN else f"{augmented}\n{view}")
            sources[key] = digest, view
            slots[key].append((slice(None) if count == 0 else slice(view, view + 1), row))
    for key, vector in cache.get(list(sources), encoder.dimension) if cache is not None else ():
        fill(out, slots.pop(key), vector)
        del sources[key]
    missing: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for key, (digest, view) in sources.items():
        missing[digest].append((view, key))
    tasks = [
        Task(copy_of(path_of[digest], digest), digest, tuple(view for view, _ in those))
        for digest, those in missing.items()
    ]
    keys = [key for those in missing.values() for _, key in those]
    return Job(encoder, preparation, tasks, keys, dict(slots), out, cache)


def check_vectors(vectors: npt.NDArray[np.float32], paths: Sequence[Place]) -> None:
    """Check that vectors are finite; warn if all are the same.

    Args:
        vectors: N × D, float32.
        paths: N files.

    Raises:
        InputError: a value is not finite; names the first picture with one.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise InputError(
            f"{paths[bad[0]]}: its vector has a value that is not finite, as have {bad.size} of "
            f"{len(vectors)} vectors. Check the weights of the backbone, or set `dtype` to float32."
        )
    if len(vectors) > 1 and np.ptp(vectors, axis=0).max() == 0:
        logging.warning(
            "All %d image vectors are the same. Check the pictures and the weights of the backbone.",
            len(vectors),
        )
