"""TF-IDF of word and character n-grams of names.

Character n-grams stay within a word. So those of a word are found once, however many names have it, and a product with
a matrix goes over the few words of a name in place of its many n-grams.

Letters: N names, V distinct words of them; Fw n-grams of words, Fc of characters, F both; D columns of a matrix.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from scipy.sparse import csr_matrix, diags, hstack, vstack

from huse.errors import InputError
from huse.settings import Settings
from huse.text.cleaning import Cleaning, clean_names

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Words = Sequence[str]  # of one name

CLEANING = Cleaning(digits="keep")  # any letter or digit may tell products apart
FEWEST = 2  # characters of an n-gram
BLOCK = 8192  # names at a time where their n-grams are counted


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
        terms: the n-grams; their order is that of the columns.
        document_frequency: in how many training names each is.
        names: n, the number of training names.
    """

    terms: list[str]
    document_frequency: Integers
    names: int

    @cached_property
    def column(self) -> dict[str, int]:
        """The column of each n-gram."""
        return {term: column for column, term in enumerate(self.terms)}

    @cached_property
    def idf(self) -> Floats:
        """The inverse document frequencies ln((1 + n) / (1 + df)) + 1."""
        return (np.log((1 + self.names) / (1 + self.document_frequency)) + 1).astype(np.float32)

    @cached_property
    def longer(self) -> list[tuple[Integers, Integers]]:
        """Of n-grams of words: keys, ascending, and columns of those of 2 words, of 3 words, and so on.

        The key is F' · a + b, with a the column of the n-gram without its last word, and b that of the last word. Both
        are there: they are in every name that has the whole.
        """
        found: dict[int, list[tuple[int, int]]] = {}
        for term, column in self.column.items():
            before, _, last = term.rpartition(" ")
            if before:
                key = self.column[before] * len(self.terms) + self.column[last]
                found.setdefault(term.count(" "), []).append((key, column))
        return [tuple(np.array(sorted(pairs), np.int64).T) for _, pairs in sorted(found.items())]


@dataclass(frozen=True)
class Weighted:
    """The TF-IDF of N names, in factors.

    Attributes:
        words: N × Fw, of word n-grams; rows of unit norm, or zeros.
        counts: N × V, how often each word is in a name, divided by the norm of the name's character n-grams.
        characters: V × Fc, the TF-IDF of each word's character n-grams, not of unit norm.
    """

    words: csr_matrix
    counts: csr_matrix
    characters: csr_matrix

    def rows(self) -> csr_matrix:
        """Return the TF-IDF itself, N × F float32."""
        both: csr_matrix = hstack([self.words, self.counts @ self.characters], format="csr", dtype=np.float32)
        return both

    def times(self, matrix: Floats) -> Floats:
        """Return its product with a matrix.

        Args:
            matrix: F × D float32.

        Returns:
            N × D float32.
        """
        of_words, of_characters = np.split(matrix, [self.words.shape[1]])
        product: Floats = self.words @ of_words
        product += self.counts @ (self.characters @ of_characters)
        return product


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of the training names, by which those of any name are weighted.

    Attributes:
        settings: which count.
        words: n-grams of words, joined by spaces.
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
        names = _split(training_names)
        of_words = Counter(chain.from_iterable(set(word_grams(words, settings.words)) for words in names))
        found = cls(
            settings,
            _frequent(of_words, len(names), settings.min_names),
            _frequent(_character_frequencies(names, settings.characters), len(names), settings.min_names),
        )
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

    def weigh(self, names: Sequence[str]) -> Weighted:
        """Return the TF-IDF of N names, as in the catalogue.

        The n-grams of words and those of characters get unit norm by themselves, so both count alike.
        """
        distinct, numbers, ends = _flat(_split(names))
        columns = np.fromiter((self.words.column.get(word, -1) for word in distinct), np.int64, len(distinct))
        words = _weighted(self._runs(columns[numbers], ends), self.words.idf)
        characters, row = self._spelled(distinct, columns)
        counts = csr_matrix((np.ones(len(numbers), np.float32), row[numbers], ends), (len(names), len(distinct)))
        return Weighted(_unit(words, words), _unit(counts, counts @ characters), characters)

    def _runs(self, columns: Integers, ends: Integers) -> csr_matrix:
        """Count n-grams of words.

        Args:
            columns: of the words of all names, one after another, each as an n-gram of one word; -1: it is none.
            ends: N + 1, the first word of each name, and the end of the last.

        Returns:
            N × Fw float32.
        """
        name = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        found = [columns]  # by the number of words, the n-gram that starts at each word
        for length, (keys, those) in enumerate(self.words.longer, start=1):
            before, last = found[-1][:-1], columns[length:]
            key = before * len(self.words.terms) + last
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            there = (keys[place] == key) & (before >= 0) & (last >= 0) & (name[length:] == name[: len(last)])
            found.append(np.where(there, those[place], -1))
        rows, places = np.concatenate([name[: len(each)] for each in found]), np.concatenate(found)
        known = places >= 0
        shape = len(ends) - 1, len(self.words.terms)
        return csr_matrix((np.ones(known.sum(), np.float32), (rows[known], places[known])), shape)

    def _spelled(self, words: Words, columns: Integers) -> tuple[csr_matrix, Integers]:
        """Return the TF-IDF of words' character n-grams, V × Fc, and the row of each word in it.

        Args:
            words: V.
            columns: of each as an n-gram of one word, or -1.
        """
        frequent = columns >= 0
        rare = (character_grams(word, self.settings.characters) for word in compress(words, ~frequent))
        others = _weighted(_count(rare, self.characters.column), self.characters.idf)
        order = np.concatenate([np.flatnonzero(frequent), np.flatnonzero(~frequent)])
        return vstack([self._of_frequent[columns[frequent]], others], format="csr"), np.argsort(order)

    @cached_property
    def _of_frequent(self) -> csr_matrix:
        """The TF-IDF of the character n-grams of every n-gram of words that is a single word, Fw × Fc."""
        most = self.settings.characters
        grams = ([] if " " in term else character_grams(term, most) for term in self.words.terms)
        return _weighted(_count(grams, self.characters.column), self.characters.idf)


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


def _split(names: Sequence[str]) -> list[list[str]]:
    return [name.split() for name in clean_names(names, CLEANING)]


def _flat(names: Sequence[Words]) -> tuple[list[str], Integers, Integers]:
    """Return the V distinct words, the number of each word of all names, and N + 1 ends: where each name starts."""
    distinct = list(dict.fromkeys(chain.from_iterable(names)))
    number = {word: place for place, word in enumerate(distinct)}
    ends = np.cumsum([0, *map(len, names)])
    return distinct, np.fromiter(map(number.get, chain.from_iterable(names)), np.int64, int(ends[-1])), ends


def _count(grams: Iterable[Sequence[str]], column: Mapping[str, int]) -> csr_matrix:
    """Return how often each known n-gram is in each of M texts, M × F' float32."""
    known = [[place for gram in each if (place := column.get(gram)) is not None] for each in grams]
    ends = np.cumsum([0, *map(len, known)])
    places = np.fromiter(chain.from_iterable(known), np.int64, int(ends[-1]))
    found = csr_matrix((np.ones(len(places), np.float32), places, ends), (len(known), len(column)))
    found.sum_duplicates()
    return found


def _character_frequencies(names: Sequence[Words], most: int) -> Counter[str]:
    """Return in how many names each character n-gram is."""
    distinct, numbers, ends = _flat(names)
    of_word = [character_grams(word, most) for word in distinct]
    terms = list(dict.fromkeys(chain.from_iterable(of_word)))
    grams = _count(of_word, {term: column for column, term in enumerate(terms)})
    counts = csr_matrix((np.ones(len(numbers), np.float32), numbers, ends), (len(names), len(distinct)))
    frequency = np.zeros(len(terms), np.int64)
    for start in range(0, len(names), BLOCK):
        # No value is 0, so an n-gram has one entry for each name that has it.
        frequency += np.bincount((counts[start : start + BLOCK] @ grams).indices, minlength=len(terms))
    return Counter(dict(zip(terms, frequency.tolist(), strict=True)))


def _frequent(frequency: Mapping[str, int], names: int, least: int) -> Terms:
    """Return the n-grams of at least `least` names, in alphabetical order."""
    terms = sorted(term for term, count in frequency.items() if count >= least)
    return Terms(terms, np.array([frequency[term] for term in terms], np.int64), names)


def _weighted(rows: csr_matrix, weights: Floats) -> csr_matrix:
    """Multiply the columns by weights, in place."""
    rows.data *= weights[rows.indices]
    return rows


def _unit(rows: csr_matrix, like: csr_matrix) -> csr_matrix:
    """Divide rows by the norms of those of another matrix, where these are not 0."""
    norms = np.sqrt(np.asarray(like.multiply(like).sum(axis=1)).ravel())
    unit: csr_matrix = diags(1 / np.where(norms > 0, norms, 1), dtype=np.float32) @ rows
    return unit
