"""TF-IDF of word and character n-grams of names.

Character n-grams stay within a word. So those of a word are found once, however many names have it, and a product with
a matrix goes over the few words of a name in place of its many n-grams.

Letters: N names; U known words, those of the n-grams, and R others; Fw n-grams of words, Fc of characters, F both; D
columns of a matrix.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from scipy.sparse import csr_matrix, diags, hstack, vstack

from huse.errors import InputError
from huse.settings import Settings
from huse.text.cleaning import Cleaning, clean_names
from huse.text.tfidf import smooth_idf

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Words = Sequence[str]  # of one name
Arithmetic = Literal["torch", "scipy"]  # what computes products with a matrix; they differ by rounding

CLEANING = Cleaning(digits="keep")  # any letter or digit may tell products apart
SEPARATORS = {"words": " ", "characters": ""}  # of each kind of n-grams
FEWEST = 2  # characters of an n-gram
CHARACTERS = 0x110000  # that Unicode has room for
BLOCK = 8192  # names at a time where their n-grams are counted
BLOCK_ROWS, BLOCK_COLUMNS = 1024, 128  # of a product, so that its parts stay in the CPU's cache


class NgramSettings(Settings):
    """Which n-grams count."""

    words: int = Field(default=2, ge=0, le=5, description="n-grams of 1 to so many words; 0: none")
    characters: int = Field(
        default=5, ge=0, le=8, description="n-grams of 2 to so many characters, of a word and its two ends; 0: none"
    )
    min_names: int = Field(default=2, ge=1, description="training names that an n-gram must be in")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.words == 0 and self.characters < FEWEST:
            raise ValueError(f"expected words of at least 1 or characters of at least {FEWEST}, found neither")
        return self


@dataclass(frozen=True)
class Terms:
    """N-grams of one kind that occur in enough training names.

    Attributes:
        terms: the F' n-grams; their order is that of the columns.
        document_frequency: in how many training names each is.
        names: n, the number of training names.
        separator: what joins the units of an n-gram: a space words, nothing characters.
    """

    terms: list[str]
    document_frequency: Integers
    names: int
    separator: str

    @cached_property
    def idf(self) -> Floats:
        """The inverse document frequency of each n-gram."""
        return smooth_idf(self.document_frequency, self.names).astype(np.float32)

    @cached_property
    def column(self) -> dict[str, int]:
        """The column of each n-gram."""
        return {term: place for place, term in enumerate(self.terms)}

    @cached_property
    def units(self) -> dict[str, int]:
        """The words, or characters, of which the n-grams are, and the number of each."""
        return {unit: number for number, unit in enumerate(dict.fromkeys(chain.from_iterable(self._split())))}

    def _split(self) -> list[Sequence[str]]:
        return [term.split(self.separator) if self.separator else term for term in self.terms]

    @cached_property
    def _by_length(self) -> list[tuple["pd.Index[int]", Integers]]:
        """Keys and columns of the n-grams of 1 unit, of 2, and so on.

        The key is the place, among those a unit shorter, of the n-gram without its last unit, times the number of all
        units, plus the number of the last. The shorter n-gram is there: it is in every name that has the longer one.
        All single units are there, by number; one that is no n-gram itself has the column -1.
        """
        column = self.column
        numbers = pd.Index(np.arange(len(self.units)))
        levels = [(numbers, np.array([column.get(unit, -1) for unit in self.units], np.int64))]
        longer: dict[int, list[tuple[str, str, str]]] = {}
        for term, units in zip(self.terms, self._split(), strict=True):
            if len(units) > 1:
                longer.setdefault(len(units), []).append((self.separator.join(units[:-1]), units[-1], term))
        place: Mapping[str, int] = self.units
        for _, found in sorted(longer.items()):
            keys = pd.Index([place[before] * len(self.units) + self.units[last] for before, last, _ in found])
            place = {term: at for at, (_, _, term) in enumerate(found)}
            levels.append((keys, np.array([column[term] for term in place])))
            keys.get_indexer(keys[:1])  # makes its table, which threads must not do side by side
        return levels

    def weigh(self, units: Integers, ends: Integers) -> csr_matrix:
        """Return the TF-IDF of M texts.

        Args:
            units: the numbers of the units of all texts, one text after another; -1: it is in no n-gram.
            ends: M + 1, the first unit of each text, and the end of the last.

        Returns:
            M × F' float32, not of unit norm.
        """
        text = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        start = np.flatnonzero(units >= 0)
        place = units[start]
        found = []
        for length, (keys, columns) in enumerate(self._by_length):
            if length:
                inside = start + length < len(units)
                start, place = start[inside], place[inside]
                last = units[start + length]
                at = keys.get_indexer(pd.Index(place * len(self.units) + last))
                there = (at >= 0) & (last >= 0) & (text[start] == text[start + length])
                start, place = start[there], at[there]
            found.append((text[start], columns[place]))
        rows, places = (np.concatenate(each) for each in zip(*found, strict=True))
        known = places >= 0
        shape = len(ends) - 1, len(self.terms)
        counts = csr_matrix((np.ones(known.sum(), np.float32), (rows[known], places[known])), shape)
        counts.data *= self.idf[counts.indices]
        return counts


@dataclass(frozen=True)
class Weighted:
    """The TF-IDF of N names, in factors.

    Attributes:
        words: N × Fw, of n-grams of words; rows of unit norm, or zeros.
        counts: N × (U + R), how often each word is in a name, divided by the norm of the name's character n-grams.
        known: U × Fc, the TF-IDF of the character n-grams of each known word, not of unit norm.
        others: R × Fc, the same of the other words.
    """

    words: csr_matrix
    counts: csr_matrix
    known: csr_matrix
    others: csr_matrix

    @property
    def spelled(self) -> csr_matrix:
        """Known words above others, (U + R) × Fc."""
        both: csr_matrix = vstack([self.known, self.others], format="csr")
        return both

    def rows(self) -> csr_matrix:
        """Return the TF-IDF itself, N × F float32."""
        both: csr_matrix = hstack([self.words, self.counts @ self.spelled], format="csr", dtype=np.float32)
        return both

    @property
    def shape(self) -> tuple[int, int]:
        """N and F."""
        return self.words.shape[0], self.words.shape[1] + self.known.shape[1]

    def times(
        self,
        matrix: Floats,
        of_known: Floats | None = None,
        out: Floats | None = None,
        arithmetic: Arithmetic = "torch",
    ) -> Floats:
        """Return its product with a matrix.

        Args:
            matrix: F × D float32.
            of_known: U × D float32, the product of `known` with the rows of the matrix for characters, where it has
                been found before.
            out: N × D float32 to write to, where there is one.
            arithmetic: what computes it; torch is the faster one for many names.
        """
        product = PRODUCTS[arithmetic]
        of_words, of_characters = np.split(matrix, [self.words.shape[1]])
        of_known = product(self.known, of_characters) if of_known is None else of_known
        out = np.empty((self.words.shape[0], matrix.shape[1]), np.float32) if out is None else out
        counts, used = _used(self.counts, len(of_known))
        spelled = np.concatenate([of_known[used], product(self.others, of_characters)])
        for start in range(0, len(out), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            np.add(product(self.words[rows], of_words), product(counts[rows], spelled), out=out[rows])
        return out

    def transposed_times(self, matrix: Floats, out: Floats) -> None:
        """Write the product of its transpose with an N × D float32 matrix into an F × D float32 one."""
        of_words, of_characters = np.split(out, [self.words.shape[1]])
        for start in range(0, matrix.shape[1], BLOCK_COLUMNS):
            columns = slice(start, start + BLOCK_COLUMNS)
            block = np.ascontiguousarray(matrix[:, columns])
            of_known, of_others = np.split(self.counts.T @ block, [self.known.shape[0]])
            of_words[:, columns] = self.words.T @ block
            of_characters[:, columns] = self.known.T @ of_known
            of_characters[:, columns] += self.others.T @ of_others


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of the training names, by which those of any name are weighted.

    Attributes:
        settings: which count.
        words: n-grams of words.
        characters: n-grams of characters, of words between two spaces.
    """

    settings: NgramSettings
    words: Terms
    characters: Terms

    @classmethod
    def fit(cls, training_names: Sequence[str], settings: NgramSettings) -> Self:
        """Count in how many training names each n-gram is.

        Args:
            training_names: as in the catalogue; only those of the training split, so that nothing is learned from the
                test split.
            settings: which n-grams count.

        Raises:
            InputError: there are training names, and none of their n-grams is in enough of them.
        """
        names = clean_names(training_names, CLEANING)
        counted = {
            "words": Counter(chain.from_iterable(set(word_grams(name.split(), settings.words)) for name in names)),
            "characters": _character_frequencies(names, settings.characters),
        }
        kinds = {
            kind: _frequent(frequency, len(names), settings.min_names, SEPARATORS[kind])
            for kind, frequency in counted.items()
        }
        found = cls(settings, **kinds)
        if names and not found.size:
            raise InputError(
                f"expected n-grams that are in {settings.min_names} of {len(names)} training names, found none. "
                "Lower text_vectors.ngrams.min_names."
            )
        return found

    @property
    def size(self) -> int:
        """F."""
        return len(self.words.terms) + len(self.characters.terms)

    @cached_property
    def known(self) -> csr_matrix:
        """The TF-IDF of the character n-grams of each known word, U × Fc, not of unit norm."""
        return self._spelled(list(self.words.units))

    def weigh(self, names: Sequence[str]) -> Weighted:
        """Return the TF-IDF of N names, as in the catalogue.

        The n-grams of words and those of characters get unit norm by themselves, so both count alike.
        """
        distinct, places, ends = _flat(clean_names(names, CLEANING))
        number = np.fromiter((self.words.units.get(word, -1) for word in distinct), np.int64, len(distinct))
        words = self.words.weigh(number[places], ends)
        other = number < 0
        others = self._spelled([distinct[place] for place in np.flatnonzero(other)])
        number[other] = np.arange(len(self.words.units), len(self.words.units) + other.sum())
        counts = _ones(number[places], ends, self.known.shape[0] + others.shape[0])
        few, used = _used(counts, self.known.shape[0])
        spelled = vstack([self.known[used], others], format="csr")
        return Weighted(_unit(words, words), _unit(counts, few @ spelled), self.known, others)

    def _spelled(self, words: Words) -> csr_matrix:
        """Return the TF-IDF of words' character n-grams, one row a word."""
        characters = "".join(f" {word} " for word in words).encode("utf-32-le")
        ends = np.cumsum([0, *(len(word) + 2 for word in words)])
        return self.characters.weigh(self._number[np.frombuffer(characters, "<u4")], ends)

    @cached_property
    def _number(self) -> Integers:
        """The number of each character by its code point, -1 where it is in no n-gram."""
        number = np.full(CHARACTERS, -1, np.int64)
        number[[ord(character) for character in self.characters.units]] = np.arange(len(self.characters.units))
        return number


def word_grams(words: Words, most: int) -> list[str]:
    """Return all runs of 1 to `most` words, joined by spaces."""
    runs = list(words) if most else []
    for length in range(2, most + 1):
        runs += map(" ".join, zip(*(words[start:] for start in range(length)), strict=False))
    return runs


def character_grams(word: str, most: int) -> list[str]:
    """Return all runs of 2 to `most` characters of a word between two spaces; each run as often as it occurs.

    The whole word between its spaces is the longest.
    """
    ended = f" {word} "
    return [
        ended[start : start + length]
        for length in range(FEWEST, min(most, len(ended)) + 1)
        for start in range(len(ended) - length + 1)
    ]


def _flat(names: Sequence[str]) -> tuple[list[str], Integers, Integers]:
    """Split N cleaned names into words.

    Returns:
        the V distinct words; for each word of all names its place among them; and N + 1 ends: where each name starts.
    """
    split = pc.split_pattern(pa.array([name or None for name in names], pa.string()), " ")
    words = split.flatten().dictionary_encode()
    lengths = pc.fill_null(pc.list_value_length(split), 0)
    return words.dictionary.to_pylist(), words.indices.to_numpy(), np.cumsum([0, *lengths.to_pylist()])


def _character_frequencies(names: Sequence[str], most: int) -> Counter[str]:
    """Return in how many cleaned names each character n-gram is."""
    distinct, places, ends = _flat(names)
    number: dict[str, int] = {}
    of_word = [[number.setdefault(gram, len(number)) for gram in set(character_grams(word, most))] for word in distinct]
    grams = _ones(np.array([*chain.from_iterable(of_word)], np.int64), np.cumsum([0, *map(len, of_word)]), len(number))
    words = _ones(places, ends, len(distinct))
    frequency = np.zeros(len(number), np.int64)
    for start in range(0, len(names), BLOCK):
        # No value is 0, so an n-gram has one entry for each name that has it.
        frequency += np.bincount((words[start : start + BLOCK] @ grams).indices, minlength=len(number))
    return Counter(dict(zip(number, frequency.tolist(), strict=True)))


def _ones(columns: Integers, ends: Integers, width: int) -> csr_matrix:
    """Return a matrix that counts the columns of each row, given one row after another."""
    return csr_matrix((np.ones(int(ends[-1]), np.float32), columns, ends), (len(ends) - 1, width))


def _frequent(frequency: Mapping[str, int], names: int, least: int, separator: str) -> Terms:
    """Return the n-grams of at least `least` names, in alphabetical order."""
    terms = sorted(term for term, count in frequency.items() if count >= least)
    return Terms(terms, np.array([frequency[term] for term in terms], np.int64), names, separator)


def _unit(rows: csr_matrix, like: csr_matrix) -> csr_matrix:
    """Divide rows by the norms of those of another matrix, where these are not 0."""
    squares = csr_matrix((like.data**2, like.indices, like.indptr), like.shape)  # like.power sorts the columns
    norms = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    unit: csr_matrix = diags(1 / np.where(norms > 0, norms, 1), dtype=np.float32) @ rows
    return unit


def _used(counts: csr_matrix, known: int) -> tuple[csr_matrix, slice | Integers]:
    """Return counts of words by those of the known words that occur, and which these are; all, where names are many.

    So one name costs the same, whatever the number of known words. The order within a row stays, and so do all sums.

    Args:
        counts: N × (U + R), how often each word is in a name, known words first.
        known: U.
    """
    if len(counts.indices) >= known:
        return counts, slice(None)
    used = np.unique(counts.indices[counts.indices < known]).astype(np.int64)
    others = np.arange(known, counts.shape[1])
    columns = np.searchsorted(np.concatenate([used, others]), counts.indices)
    fewer = csr_matrix((counts.data, columns, counts.indptr), (counts.shape[0], len(used) + len(others)))
    return fewer, used


def _product_by_scipy(rows: csr_matrix, matrix: Floats) -> Floats:
    """Return rows @ matrix."""
    product: Floats = rows @ matrix
    return product


def _product_by_torch(rows: csr_matrix, matrix: Floats) -> Floats:
    """Return rows @ matrix, which torch sums faster than SciPy.

    One thread sums a row, so the bytes do not depend on the number of threads.
    """
    import torch  # noqa: PLC0415  only where used: seconds

    product: Floats = torch.nn.functional.embedding_bag(
        torch.from_numpy(rows.indices),
        torch.from_numpy(matrix),
        torch.from_numpy(rows.indptr),
        mode="sum",
        per_sample_weights=torch.from_numpy(rows.data),
        include_last_offset=True,
    ).numpy()
    return product


PRODUCTS: dict[Arithmetic, Callable[[csr_matrix, Floats], Floats]] = {
    "torch": _product_by_torch,
    "scipy": _product_by_scipy,
}
