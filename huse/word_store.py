"""Word vectors on disk: those in use, and what was read of a source before, so that it is not read again.

Part of the edge, like `huse.artifacts`. V words, D word dimension.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from gensim.models import KeyedVectors

from huse.artifacts import Outputs, manifest_path, read_json, read_table
from huse.errors import InputError
from huse.text.spelling import MARKS, Spelled, spellings
from huse.text.word_files.blocks import Advance
from huse.text.word_files.found import Found
from huse.text.word_files.reading import read_words
from huse.text.word_files.source import Source
from huse.text.word_vectors import keyed_vectors


def write_word_vectors(
    outputs: Outputs,
    vectors_path: Path,
    words_path: Path,
    chosen: Mapping[str, Spelled],
    *,
    dimension: int,
    about: Mapping[str, Any],
) -> None:
    """Write the vectors of words.

    Args:
        outputs: of the stage.
        vectors_path: ``.npy``, V × D float32; a ``.json`` beside it says what it is.
        words_path: Parquet, in the rows' order `word`, `step` (how it was found) and `spelling` (as what).
        chosen: word → vector.
        dimension: D.
        about: where the vectors are from.
    """
    array = np.array([spelled.vector for spelled in chosen.values()], np.float32).reshape(-1, dimension)
    table = pd.DataFrame(
        [(word, spelled.step, spelled.spelling) for word, spelled in chosen.items()],
        columns=["word", "step", "spelling"],
        dtype=str,
    )
    outputs.array(vectors_path, array)
    outputs.table(words_path, table)
    digest = hashlib.sha256(array.data).hexdigest()
    outputs.json(
        manifest_path(vectors_path), {"shape": list(array.shape), "dtype": "float32", "sha256": digest, **about}
    )


def read_word_vectors(vectors_path: Path, words_path: Path) -> KeyedVectors:
    """Open what `write_word_vectors` wrote; the vectors are memory-mapped.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    words = read_table(words_path, ["word"])["word"].tolist()
    manifest = read_json(manifest_path(vectors_path), ["shape", "sha256"])
    vectors = _map(vectors_path)
    if list(vectors.shape) != manifest["shape"] or len(vectors) != len(words):
        raise InputError(f"{vectors_path}: not the vectors of the {len(words)} words of {words_path}. Run `dvc repro`.")
    if hashlib.sha256(vectors.data).hexdigest() != manifest["sha256"]:
        raise InputError(f"{vectors_path}: not what {manifest_path(vectors_path)} describes. Run `dvc repro`.")
    return keyed_vectors(words, vectors)


def _map(path: Path) -> npt.NDArray[np.float32]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a readable array ({error}). Delete it and run `dvc repro`.") from None


def read_source(source: Source, words: Collection[str], folder: Path, advance: Advance) -> Found:
    """Return what a source has of some words, without reading it again for words that were asked for before.

    Args:
        source: see `huse.text.word_files.source.find_source`.
        words: tokens; all their spellings are looked for.
        folder: where what was read is kept, in files of the source's own.
        advance: called with the megabytes read since the last call.

    Raises:
        InputError: see `huse.text.word_files.reading.read_words`.
    """
    kept = remembered(folder, source)
    if kept is not None and kept[1].issuperset(words):
        return kept[0]
    asked = set(words) if kept is None else kept[1].union(words)
    found = read_words(source, spellings(asked), asked - MARKS, advance=advance)
    with Outputs() as outputs:
        remember(outputs, folder, source, found, asked)
    return found


def remember(outputs: Outputs, folder: Path, source: Source, found: Found, asked: Iterable[str]) -> None:
    """Keep what was read of a source.

    Args:
        outputs: of the stage.
        folder: where such things are kept.
        source: what was read.
        found: what it had.
        asked: the words that were asked for, in all their spellings.
    """
    place = _place(folder, source)
    array = np.array(list(found.vectors.values()), np.float32).reshape(-1, found.dimension)
    about = {key: value for key, value in asdict(found).items() if key not in ("vectors", "composed")}
    content = {"source": source.identity(), **about, "words": list(found.vectors), "composed": sorted(found.composed)}
    outputs.array(place, array)
    outputs.json(manifest_path(place), {**content, "asked": sorted(asked)})


def remembered(folder: Path, source: Source) -> tuple[Found, set[str]] | None:
    """Return what was read of a source before, and the words that were asked for.

    Args:
        folder: that `remember` was given.
        source: as it is now; what was read of one that has changed since is forgotten.

    Returns:
        None where nothing was read, or what is kept cannot be used.
    """
    place = _place(folder, source)
    if not (place.is_file() and manifest_path(place).is_file()):
        return None
    try:
        content = json.loads(manifest_path(place).read_text(encoding="utf-8"))
        array = np.load(place, allow_pickle=False)
        if content["source"] != source.identity() or array.shape != (len(content["words"]), content["dimension"]):
            return None
        found = Found(content["dimension"], content["format"], dict(zip(content["words"], array, strict=True)))
        found.composed.update(content["composed"])
        found.faults.extend(content["faults"])
        found.sha256 = content["sha256"]
        return found, set(content["asked"])
    except (OSError, ValueError, EOFError, KeyError, TypeError):
        return None  # damaged: the source is read again


def _place(folder: Path, source: Source) -> Path:
    return folder / f"{hashlib.sha256(f'{source.path.resolve()}/{source.member}'.encode()).hexdigest()[:16]}.npy"
