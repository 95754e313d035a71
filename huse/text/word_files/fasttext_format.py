"""Word vectors in fastText's binary format, by gensim's reader."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from gensim.models.fasttext import load_facebook_vectors

from huse.errors import InputError
from huse.text.word_files.found import Found

FASTTEXT = (793712314).to_bytes(4, "little")  # fastText's files begin with it
HEADER = 92  # bytes, with the sizes of the dictionary


def least_size(head: bytes) -> int:
    """Return the bytes that a file of fastText's has at least, by its first ones: those of the numbers of its words.

    Its header says how many numbers a vector has, how many parts of words have vectors, and how many words.
    """
    dimension, parts, words = (int.from_bytes(head[place : place + 4], "little") for place in (8, 40, 68))
    return HEADER + 4 * dimension * (parts + words)


def read_fasttext(path: Path, wanted: Iterable[str], compose: Iterable[str], first: int = 0) -> Found:
    """Read words from fastText's binary format. gensim's reader holds the whole file in memory.

    For the arguments see `huse.text.word_files.reading.read_words`.

    Raises:
        InputError: the file is damaged.
    """
    try:
        vectors = load_facebook_vectors(str(path))
    except Exception as error:  # the kind depends on the damage: struct.error, MemoryError, …
        raise InputError(f"{path}: not a readable fastText .bin ({error or 'cut off'}). Fetch it again.") from None
    found = Found(vectors.vector_size, "fastText binary")
    for word in vectors.index_to_key[:first]:
        found.leading += found.add(word, np.array(vectors[word], np.float32), f"the vector of {word!r}")
    for word in wanted:
        if word in vectors.key_to_index and word not in found.vectors:
            found.add(word, np.array(vectors[word], np.float32), f"the vector of {word!r}")
    for word in compose:
        if word not in vectors.key_to_index and word:
            vector = np.array(vectors.get_vector(word), np.float32)
            # gensim returns zeros if the file has no part of the word.
            if vector.any() and found.add(word, vector, f"the vector of {word!r}"):
                found.composed.add(word)
    return found
