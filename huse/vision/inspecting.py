"""Checks many pictures, on whatever engine; nothing here imports torch."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar

from huse.engine.cores import cores
from huse.engine.work import Spread
from huse.vision.decoding import Inspection, SentPicture, inspect_picture, send_picture

BATCH = 32  # pictures that are handed over at a time
READERS = 8  # files that are read at a time; a shared disk answers late, not slowly

Source = Path | SentPicture


@dataclass(frozen=True)
class Inspecting:
    """The work of checking pictures; see `huse.engine.work.Work`.

    Attributes:
        max_pixels: width × height that is still decoded.
    """

    gpus: ClassVar[int] = 0
    cpus: ClassVar[int] = 1

    max_pixels: int

    def __call__(self, batches: Iterable[Sequence[Source]], /) -> Iterator[list[Inspection]]:
        """Yield what `inspect_picture` says of each picture of a batch."""
        whole = list(batches)
        with ThreadPoolExecutor(cores()) as pool:
            found = pool.map(partial(inspect_picture, max_pixels=self.max_pixels), chain.from_iterable(whole))
            for batch in whole:
                yield list(islice(found, len(batch)))

    def packed(self, batch: Sequence[Source], /) -> Sequence[Source]:
        """Return the pictures with their content."""
        return send_pictures([source for source in batch if isinstance(source, Path)], self.max_pixels)


def send_pictures(paths: Iterable[Path], max_pixels: int) -> list[SentPicture]:
    """Return the files of pictures with their content; see `huse.vision.decoding.send_picture`."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(partial(send_picture, max_pixels=max_pixels), paths))


def inspect_pictures(paths: Sequence[Path], max_pixels: int, spread: Spread) -> Iterator[Inspection]:
    """Check pictures.

    Args:
        paths: their files.
        max_pixels: see `huse.vision.decoding.inspect_picture`.
        spread: has it done.

    Yields:
        Of each picture, in their order.
    """
    batches: Iterable[Sequence[Source]] = (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))
    return chain.from_iterable(spread(Inspecting(max_pixels), batches))
