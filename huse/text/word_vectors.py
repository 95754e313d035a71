"""Word vectors: reading and writing GloVe's text format, training on a catalogue, means.

D word dimension.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors, Word2Vec

from huse.errors import InputError
from huse.text.tokens import SENTENCE_MARKS, known_tokens, tokenize

Track = Callable[[Iterable[bytes]], Iterable[bytes]]

WINDOW = 10  # words each side: names are shorter, so that all words of a name see each other
EPOCHS = 30
NEGATIVES = 5  # words drawn against each true one


def read_glove(path: Path, dimension: int, words: Collection[str] | None, *, track: Track = iter) -> KeyedVectors:
    """Read word vectors from a text file in GloVe's format: a word and `dimension` numbers a line.

    The file is streamed, and the numbers of a word that is not wanted are never parsed. A word may hold
    spaces; of a word that comes twice the first counts; a word2vec header ("400000 300") is skipped.

    Args:
        path: UTF-8 text.
        dimension: numbers a line.
        words: the words to keep; None keeps all.
        track: passes the lines on and shows how far it is.

    Returns:
        The words found, in the file's order, vectors float32.

    Raises:
        InputError: the file is missing, empty or not UTF-8; or a line has another width, no number where
            one must be, or a number that is not finite.
    """
    wanted = None if words is None else frozenset(words)
    vectors: dict[str, npt.NDArray[np.float32]] = {}
    lines = 0
    for number, line in _lines(path, dimension, track):
        lines += 1
        fields = line.count(b" ")
        if fields == dimension:
            word = _decode(path, number, line[: line.index(b" ")])
        else:
            word = _word_with_spaces(path, number, line, dimension)
        if word not in vectors and (wanted is None or word in wanted):
            vectors[word] = _numbers(path, number, line.rsplit(b" ", dimension)[1:])
    if not lines:
        raise InputError(f"{path}: expected a word and {dimension} numbers a line, found an empty file.")
    return _keyed(vectors, dimension)


def _lines(path: Path, dimension: int, track: Track) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold a word, each with its number, without header and byte order mark."""
    try:
        # Bytes: as text, a line would also end at the Unicode line separators that are words of some files.
        with path.open("rb") as file:
            for number, raw in enumerate(track(file), start=1):
                line = raw.rstrip(b" \r\n")
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                    if _check_first(path, line, dimension):
                        continue
                if line:
                    yield number, line
    except OSError as error:
        raise InputError(
            f"{path}: expected a text file of word vectors, cannot read it ({error.strerror}). "
            "Correct text_vectors.word_vectors, or set it to catalogue."
        ) from None


def _check_first(path: Path, line: bytes, dimension: int) -> bool:
    """Whether the first line is a word2vec header; raise where the file has another dimension."""
    head, *numbers = _decode(path, 1, line).split(" ")
    header = len(numbers) == 1 and head.isdecimal() and numbers[0].isdecimal() and dimension != 1
    # A first word with spaces is not counted in: its parts are no numbers.
    found = int(numbers[0]) if header else sum(1 for _ in itertools.takewhile(_is_number, reversed(numbers)))
    if line and found != dimension and (header or found == len(numbers)):
        raise InputError(
            f"{path}: the file has {found} numbers a line, text_vectors.dimension is {dimension}. "
            "Set it to the file's, or name another file."
        )
    return header


def _is_number(field: bytes | str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _word_with_spaces(path: Path, number: int, line: bytes, dimension: int) -> str:
    word, *numbers = line.rsplit(b" ", dimension)
    surplus = word.split(b" ")[1:]
    if len(numbers) < dimension or (surplus and all(map(_is_number, surplus))):
        raise InputError(
            f"{path}, line {number}: expected a word and {dimension} numbers, "
            f"found {len(numbers) + len(surplus)} numbers. The file is damaged: fetch it again."
        )
    return _decode(path, number, word).strip()


def _decode(path: Path, number: int, text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{path}, line {number}: expected UTF-8, found {text[:20]!r}. "
            "Word vectors must be a text file in GloVe's format; binary formats are not read."
        ) from None


def _numbers(path: Path, number: int, fields: Sequence[bytes]) -> npt.NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            vector = np.array(fields).astype(np.float32)
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise InputError(f"{path}, line {number}: expected {len(fields)} numbers, found {wrong!r}.") from None
    if not np.isfinite(vector).all():
        raise InputError(f"{path}, line {number}: a number is not finite in float32.")
    return vector


def _keyed(vectors: dict[str, npt.NDArray[np.float32]], dimension: int) -> KeyedVectors:
    keyed = KeyedVectors(dimension, count=0, dtype=np.float32)
    if vectors:
        keyed.add_vectors(list(vectors), np.stack(list(vectors.values())))
    return keyed


def write_glove(path: Path, vectors: KeyedVectors) -> None:
    """Write word vectors in GloVe's format; `read_glove` gives the same float32 numbers back."""
    form = " ".join(["%.9g"] * vectors.vector_size)  # 9 significant digits tell any two float32 apart
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for word in vectors.index_to_key:
            file.write(f"{word} {form % tuple(vectors[word].tolist())}\n")


def catalogue_sentences(names: Iterable[str], paths: Iterable[Sequence[str]]) -> list[list[str]]:
    """Sentences to train on: a name's words, then the tokens of its class path, inside sentence marks.

    The class path gives label words their vectors. InferSent's two pairs of marks take turns, so that both
    versions find theirs.

    Args:
        names: cleaned names; empty where only the class path is to be read.
        paths: the levels of each name's class path.
    """
    marks = itertools.cycle(SENTENCE_MARKS.items())
    return [
        [start, *name.split(), *(token for level in levels for token in tokenize(level, version)), end]
        for (version, (start, end)), name, levels in zip(marks, names, paths, strict=False)
    ]


def train_word_vectors(sentences: Sequence[Sequence[str]], dimension: int, seed: int) -> KeyedVectors:
    """Train word vectors: skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546).

    One thread, so that the same sentences and seed give the same bytes.

    Args:
        sentences: lists of tokens; a product catalogue has few, so no word is too rare.
        dimension: D.
        seed: of the initial vectors and the negatives.

    Returns:
        Vectors of all tokens, float32, the most frequent first.
    """
    model = Word2Vec(
        [list(sentence) for sentence in sentences],
        vector_size=dimension,
        sg=1,
        window=WINDOW,
        negative=NEGATIVES,
        min_count=1,
        epochs=EPOCHS,
        seed=seed,
        workers=1,
    )
    return model.wv


def label_words(levels: Iterable[str], paths: Iterable[str]) -> set[str]:
    """Words that labels can need: the tokens of level names and whole paths, and the sentence marks.

    Both versions of InferSent and the lower-case forms are included: a message can then say which would help.
    """
    texts = [form for text in {*levels, *paths} for form in (text, text.lower())]
    tokens = {token for text in texts for version in SENTENCE_MARKS for token in tokenize(text, version)}
    return tokens.union(*SENTENCE_MARKS.values())


def mean_word_vectors(sentences: Sequence[str], vectors: KeyedVectors, version: int) -> npt.NDArray[np.float32]:
    """Encode every sentence as the mean of its words' vectors.

    Args:
        sentences: S texts.
        vectors: of words; a word without one is left out.
        version: of InferSent's tokens.

    Returns:
        S × D float32.

    Raises:
        InputError: no word of a sentence has a vector.
    """
    tokens = known_tokens(sentences, vectors.key_to_index, version=version, marks=False)
    return np.stack([vectors[words].mean(axis=0) for words in tokens]).astype(np.float32)


def coverage(names: Sequence[str], known: Collection[str]) -> dict[str, Any]:
    """How much of the names has a vector.

    Args:
        names: cleaned names.
        known: the words that have a vector.

    Returns:
        `coverage`: the share of the running and of the distinct words; `names_without`: the share of names
        of which no word has a vector. Shares of nothing are 0.
    """
    words = [name.split() for name in names]
    running = [word for name in words for word in name]
    distinct = set(running)
    without = sum(not any(word in known for word in name) for name in words)
    return {
        "coverage": {
            "running": sum(word in known for word in running) / max(len(running), 1),
            "distinct": sum(word in known for word in distinct) / max(len(distinct), 1),
        },
        "names_without": without / max(len(words), 1),
    }
