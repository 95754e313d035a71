"""Word vectors in word2vec's binary format: a header line, then words, each with a space and D float32."""

from collections.abc import Iterable

import numpy as np

from huse.errors import InputError
from huse.text.word_files.found import Found
from huse.text.word_files.text_format import header

LONGEST_WORD = 10_000  # bytes; a longer one means that the file is something else


def read_binary(blocks: Iterable[bytes], head: bytes, wanted: Iterable[str], *, name: str, first: int = 0) -> Found:
    """Read words from word2vec's binary format, in one pass; the first finite vector of a word counts.

    For the arguments see `huse.text.word_files.text_format.read_text`.

    Raises:
        InputError: the file ends before its last word, or lacks a word.
    """
    count, dimension = header(head) or (0, 0)
    found = Found(dimension, "word2vec binary")
    found.look_for(wanted)
    size = 4 * dimension
    data, place, words, started = b"", 0, 0, False
    for block in blocks:
        data, place = data[place:] + block, 0
        if not started:
            place, started = data.index(b"\n") + 1, True
        while words < count:
            space = data.find(b" ", place)
            if space < 0 and len(data) - place > LONGEST_WORD:
                raise InputError(f"{name}: expected word {words + 1:,} of {count:,}, found none. Fetch it again.")
            if space < 0 or space + 1 + size > len(data):
                break
            word = data[place:space].lstrip(b"\n")  # some writers end a record with a line feed
            place = space + 1 + size
            words += 1
            leads = words <= first
            if word in found.missing or (leads and not found.has(word)):
                vector = np.frombuffer(data, "<f4", dimension, space + 1).astype(np.float32)
                found.leading += found.add(word, vector, f"word {words:,}") and leads
        if words == count:
            data = b""  # ignore what follows
    if words < count:
        raise InputError(
            f"{name}: the first line says {count:,} words, found {words:,}: the file is cut off. Fetch it again."
        )
    return found
