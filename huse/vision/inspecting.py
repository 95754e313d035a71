"""Checks many pictures, on whatever engine; nothing here imports torch."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from itertools import chain, islice
from typing import ClassVar

from huse.engine.work import Spread
from huse.storage import Place
from huse.vision.decoding import Inspection, SentPicture, inspect_picture, send_picture
from huse.vision.known import DIGEST, Known, checked_by, readers

BATCH = 32  # pictures that are handed over at a time
READERS = 8  # files that are read at a time; a shared disk answers late, not slowly

REMEMBERED = 1000  # pictures of a store whose checks are written down together

Source = Place | SentPicture


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
        sources = list(chain.from_iterable(whole))
        with ThreadPoolExecutor(readers(sources)) as pool:
            found = pool.map(partial(inspect_picture, max_pixels=self.max_pixels), sources)
            for batch in whole:
                yield list(islice(found, len(batch)))

    def packed(self, batch: Sequence[Source], /) -> Sequence[Source]:
        """Return the pictures with their content."""
        return send_pictures([source for source in batch if not isinstance(source, SentPicture)], self.max_pixels)


def send_pictures(paths: Sequence[Place], max_pixels: int) -> list[SentPicture]:
    """Return the files of pictures with their content; see `huse.vision.decoding.send_picture`."""
    with ThreadPoolExecutor(max(READERS, readers(paths))) as pool:
        return list(pool.map(partial(send_picture, max_pixels=max_pixels), paths))


def inspect_pictures(paths: Sequence[Place], max_pixels: int, spread: Spread) -> Iterator[Inspection]:
    """Check pictures; objects of a store that have been checked, and have not changed, are not read again.

    Args:
        paths: their files, or objects.
        max_pixels: see `huse.vision.decoding.inspect_picture`.
        spread: has it done.

    Yields:
        Of each picture, in their order.

    Raises:
        InputError: a store fails.
    """
    known, how = Known(paths), checked_by(max_pixels)
    found: dict[Place, Inspection] = {one: Inspection(*json.loads(said)) for one, said in known.get(how).items()}
    others = [path for path in paths if path not in found]
    batches: Iterable[Sequence[Source]] = (others[start : start + BATCH] for start in range(0, len(others), BATCH))
    made = chain.from_iterable(spread(Inspecting(max_pixels), batches))
    new: dict[Place, Inspection] = {}
    try:
        for path in paths:
            if path in found:
                yield found[path]
                continue
            new[path] = next(made)
            yield new[path]
            if len(new) == REMEMBERED:
                _remember(known, how, new)
                new.clear()
    finally:
        _remember(known, how, new)


def _remember(known: Known, how: str, new: dict[Place, Inspection]) -> None:
    known.put(how, {path: json.dumps(astuple(one)) for path, one in new.items()})
    known.put(DIGEST, {path: one.digest for path, one in new.items() if one.problem is None})
