"""What was read of sets of word vectors before, so that they are not read again.

Part of the edge, like `huse.run.artifacts`. D word dimension.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from huse.errors import InputError
from huse.run.artifacts import Outputs, manifest_path, read_described_array
from huse.text.spelling import MARKS, spellings
from huse.text.word_files.blocks import Advance
from huse.text.word_files.found import Found
from huse.text.word_files.reading import read_words
from huse.text.word_files.source import Source

VERSION = 3  # of what is kept; to be raised when a reader finds other words or vectors than before


def read_source(source: Source, words: Collection[str], folder: Path, advance: Advance, *, first: int = 0) -> Found:
    """Return what a source has of some words, without reading it again for words that were asked for before.

    Args:
        source: see `huse.text.word_files.source.find_source`.
        words: tokens; all their spellings are looked for.
        folder: where what was read is kept, in files of the source's own.
        advance: called with the megabytes read since the last call.
        first: see `huse.text.word_files.reading.read_words`.

    Raises:
        InputError: see `huse.text.word_files.reading.read_words`; or the source changed while it was read.
    """
    identity = source.identity()
    kept = _remembered(folder, source, first)
    if kept is not None and kept[1].issuperset(words):
        return kept[0]
    asked = set(words) if kept is None else kept[1].union(words)
    found = read_words(source, spellings(asked), asked - MARKS, first=first, advance=advance)
    if source.identity() != identity:
        raise InputError(f"{source}: changed while it was read. Run again when nothing writes to it.")
    array = np.array(list(found.vectors.values()), np.float32).reshape(-1, found.dimension)
    about = {name: getattr(found, name) for name in ("dimension", "format", "faults", "leading")}
    about |= {"words": list(found.vectors), "composed": sorted(found.composed), "asked": sorted(asked), "first": first}
    key = {"version": VERSION, "source": identity, "source_sha256": found.sha256}
    with Outputs() as outputs:
        outputs.described_array(_place(folder, source), array, {**key, **about})
    return found


def _remembered(folder: Path, source: Source, first: int) -> tuple[Found, set[str]] | None:
    """Return what was read of a source as it is now, and the words that were asked for; None where it is of no use."""
    place = _place(folder, source)
    if not (place.is_file() and manifest_path(place).is_file()):
        return None
    try:
        array, content = read_described_array(place, shape=(None, None))
        known = content["version"], content["source"], content.get("first")
        if known != (VERSION, source.identity(), first):
            return None
        found = Found(content["dimension"], content["format"], dict(zip(content["words"], array, strict=True)))
        found.composed.update(content["composed"])
        found.faults.extend(content["faults"])
        found.sha256, found.leading = content["source_sha256"], content["leading"]
        return found, set(content["asked"])
    except (InputError, ValueError, KeyError, TypeError):
        return None  # damaged: the source is read again


def _place(folder: Path, source: Source) -> Path:
    return folder / f"{hashlib.sha256(f'{source.path.resolve()}/{source.member}'.encode()).hexdigest()[:16]}.npy"
