"""Finds a word's vector under other spellings, and draws a random one for a word without any.

D word dimension.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from huse.settings import Settings
from huse.text.cleaning import fold_letters
from huse.text.tokens import SENTENCE_MARKS

Vector = npt.NDArray[np.float32]

MARKS = frozenset(mark for pair in SENTENCE_MARKS.values() for mark in pair)

_JOINTS = re.compile("[-\u2010\u2011/_]")  # hyphens and other characters that join words


class Spellings(Settings):
    """Under which spellings a word is looked for, in the order in which they are tried."""

    as_written: bool = Field(default=True, description="first of all")
    lower: bool = Field(default=True, description="T-Shirt: t-shirt")
    capitalised: bool = Field(default=True, description="paris: Paris")
    hyphens: bool = Field(default=True, description="t-shirt: the mean of t and shirt")
    accents: bool = Field(default=True, description="crème: creme")

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of those that are on."""
        return tuple(step for step, on in self if on)


# In the order of trial.
AS_WRITTEN, LOWER, CAPITALISED, HYPHENS, ACCENTS = STEPS = tuple(Spellings.model_fields)


class Vectors(Protocol):
    """Vectors by word."""

    def __contains__(self, word: object, /) -> bool:
        """Whether a word has one."""

    def __getitem__(self, word: str, /) -> Vector:
        """Return that of a word."""


@dataclass(frozen=True)
class Spelled:
    """The vector of a word and its origin.

    Attributes:
        vector: D float32.
        step: one of `STEPS`, or another source of the vector.
        spelling: the spelling found; for a mean of several, these joined by " + ".
    """

    vector: Vector
    step: str
    spelling: str


def _simple(word: str, steps: Collection[str]) -> Iterator[tuple[str, str]]:
    for step, spelling in ((AS_WRITTEN, word), (LOWER, word.lower()), (CAPITALISED, word.capitalize())):
        if step in steps:
            yield step, spelling


def spellings(words: Iterable[str]) -> set[str]:
    """Return every spelling that `find_spelling` may look up for the words, whichever steps are on."""
    found: set[str] = set()
    for word in words:
        if word in MARKS:
            found.add(word)
            continue
        for form in {word, fold_letters(word)}:
            for part in (form, *_JOINTS.split(form)):
                found.update(spelling for _, spelling in _simple(part, STEPS))
    found.discard("")
    return found


def find_spelling(word: str, vectors: Vectors, steps: Collection[str]) -> Spelled | None:
    """Find the vector of a word by the first of its spellings that has one.

    Tries in this order, skipping steps that are off: as written; in lower case; capitalised; the parts between hyphens,
    each by the first three steps, and the mean of those found; all of that with accents folded. A sentence mark has one
    spelling.

    Args:
        word: a token.
        vectors: by spelling, D float32.
        steps: of `STEPS`, those to try.

    Returns:
        None where no spelling has a vector.
    """
    if word in MARKS:
        return Spelled(vectors[word], AS_WRITTEN, word) if word in vectors else None
    found = _find_form(word, vectors, steps)
    if found is None and ACCENTS in steps:
        folded = fold_letters(word)
        found = _find_form(folded, vectors, {*steps, AS_WRITTEN}) if folded != word else None
        return found and Spelled(found.vector, ACCENTS, found.spelling)
    return found


def _find_form(word: str, vectors: Vectors, steps: Collection[str]) -> Spelled | None:
    for step, spelling in _simple(word, steps):
        if spelling in vectors:
            return Spelled(vectors[spelling], step, spelling)
    parts = [part for part in _JOINTS.split(word) if part]
    if HYPHENS not in steps or len(parts) < 2:
        return None
    whole = {*steps, AS_WRITTEN} - {HYPHENS}
    found = [one for one in (_find_form(part, vectors, whole) for part in parts) if one]
    if not found:
        return None
    mean: Vector = np.stack([one.vector for one in found]).mean(axis=0, dtype=np.float64).astype(np.float32)
    return Spelled(mean, HYPHENS, " + ".join(one.spelling for one in found))


def hash_vector(word: str, dimension: int, norm: float, seed: int) -> Vector:
    """Draw a random vector that depends only on the word and the seed, in any catalogue.

    Independent normal numbers scaled to a norm; two such vectors are nearly orthogonal.
    """
    digest = hashlib.sha256(f"{seed}\n{word}".encode("utf-8", "surrogatepass")).digest()
    drawn = np.random.default_rng(int.from_bytes(digest, "little")).standard_normal(dimension)
    vector: Vector = (drawn * (norm / np.linalg.norm(drawn))).astype(np.float32)
    return vector
