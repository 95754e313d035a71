"""Word vectors that gensim reads or has written: fastText's binary format, saved KeyedVectors."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models.fasttext import load_facebook_vectors

from huse.errors import InputError
from huse.text.word_files.found import Found
from huse.text.word_files.plain_pickle import NamedObject, read_plain
from huse.text.word_files.source import saved_array

FASTTEXT = (793712314).to_bytes(4, "little")  # the number with which fastText's files begin

FLOAT = re.compile("f[248]")  # NumPy's names of the dtypes that vectors have

PICKLE = b"\x80"  # the first byte of a file that gensim's `save` wrote


def read_fasttext(path: Path, wanted: Iterable[str], compose: Iterable[str]) -> Found:
    """Read words from fastText's binary format, by gensim's reader, which holds the whole file in memory.

    Args:
        path: the ``.bin``.
        wanted: the words to keep, of those that the file has whole.
        compose: words to put together from their parts where the file does not have them whole.

    Raises:
        InputError: the file is damaged.
    """
    try:
        vectors = load_facebook_vectors(str(path))
    except Exception as error:  # anything from a struct.error to a MemoryError, by where the damage is
        raise InputError(f"{path}: not a readable fastText .bin ({error or 'cut off'}). Fetch it again.") from None
    found = Found(vectors.vector_size, "fastText binary")
    for word in wanted:
        if word in vectors.key_to_index:
            found.add(word, np.array(vectors[word], np.float32), f"the vector of {word!r}")
    for word in compose:
        if word not in vectors.key_to_index and word:
            vector = np.array(vectors.get_vector(word), np.float32)
            # gensim gives zeros for a word of which the file has no part; that is no vector.
            if vector.any() and found.add(word, vector, f"the vector of {word!r}"):
                found.composed.add(word)
    return found


def read_keyed_vectors(path: Path, wanted: Iterable[str]) -> Found:
    """Read words from what gensim's ``KeyedVectors.save`` wrote.

    The file is a pickle, which is read as data, so that no code of it can run; arrays that gensim put beside it
    (``<name>.vectors.npy``) are memory-mapped.

    Args:
        path: the file that ``save`` was given.
        wanted: the words to keep; of a word that comes twice the first counts.

    Raises:
        InputError: it holds something else, or is damaged, or its array is missing.
    """
    saved = read_plain(path)
    if not isinstance(saved, NamedObject) or not saved.name.startswith("gensim.models.keyedvectors."):
        kind = saved.name[:100] if isinstance(saved, NamedObject) else type(saved).__name__
        raise InputError(
            f"{path}: expected saved gensim KeyedVectors, found {kind}. Of a model, save its vectors alone: "
            "model.wv.save(path); of fastText, model.wv.save_word2vec_format(path)."
        )
    state = saved.state if isinstance(saved.state, Mapping) else {}
    words = state.get("index_to_key", state.get("index2word"))  # gensim 4, gensim 3
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(f"{path}: saved KeyedVectors without their list of words. Save them anew with gensim 4.")
    vectors = _saved_array(path, state.get("vectors"))
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or len(vectors) < len(words):
        raise InputError(
            f"{path}: expected {len(words)} vectors of floating-point numbers, found {vectors.dtype} "
            f"{' × '.join(map(str, vectors.shape))}. Save them anew."
        )
    found = Found(vectors.shape[1], "gensim KeyedVectors")
    place = {word: index for index, word in reversed(list(enumerate(words)))}
    for word in wanted:
        if word in place:
            found.add(word, np.array(vectors[place[word]], np.float32), f"the vector of {word!r}")
    return found


def _saved_array(path: Path, inside: Any) -> npt.NDArray[Any]:
    beside = saved_array(path)
    try:
        if isinstance(inside, NamedObject):
            return _unpacked_array(inside)
        return np.load(beside, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise InputError(f"{beside}: not found. gensim stored the vectors there: copy both files.") from None
    except (OSError, ValueError, TypeError, IndexError, AttributeError, EOFError) as error:
        raise InputError(f"{path}: its array of vectors is damaged ({error}). Save it anew.") from None


def _unpacked_array(array: NamedObject) -> npt.NDArray[Any]:
    """Return a NumPy array from what a pickle says of it: bytes, dtype, shape, order."""
    if array.state is None:  # protocol 5
        content, dtype, shape, order = array.arguments
    else:
        _, shape, dtype, by_columns, content = array.state
        order = "F" if by_columns else "C"
    kind = str(dtype.arguments[0])
    if not FLOAT.fullmatch(kind):
        raise ValueError(f"dtype {kind[:40]}")
    if isinstance(content, NamedObject):  # old pickles keep bytes as the arguments of a call to encode
        content = content.arguments[0].encode("latin-1")
    big = isinstance(dtype.state, tuple) and dtype.state[1] == ">"
    return np.frombuffer(content, np.dtype(kind).newbyteorder(">" if big else "<")).reshape(shape, order=order)
