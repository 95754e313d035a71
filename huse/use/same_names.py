"""Names that say the same, with their words in another order or spelled in another way.

Letters: N names.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
import regex
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

Integers = npt.NDArray[np.int64]

COSINE = 0.75  # of trigrams, of two names that are compared word by word
ALIKE = 0.8  # above it two words are spellings of one, by `SequenceMatcher.ratio`; it is that of male and female
SPELLED = 4  # letters of a word that may be spelled in another way
SHARED = 6  # trigrams that two names must share to be compared
BLOCK = 1024  # names compared with all others at a time
CANDIDATES = 65536  # pairs whose trigrams are counted at a time

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_DIGIT = regex.compile(r"\p{N}")


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: runs of letters and digits."""
    found: list[str] = _WORD.findall(name.casefold())
    return found


def says_the_same(some: str, other: str) -> bool:
    """Say whether two names have the same words, in any order and number.

    A word of four letters or more may be spelled in another way, and words may be joined, as in T-shirt and Tshirt. A
    word more is another product: colours, sizes and patterns differ by one.
    """
    return _same(words_of(some), words_of(other))


def _same(some: Sequence[str], other: Sequence[str]) -> bool:
    if not some or not other:
        return False
    left, right = set(some) - set(other), set(other) - set(some)
    if len(left) == len(right):
        for word in sorted(left):
            match = next((each for each in sorted(right) if _spelled_alike(word, each)), None)
            right -= {match or ""}
            left -= {word} if match else set()
    return (not left and not right) or "".join(some) == "".join(other)


def _spelled_alike(word: str, other: str) -> bool:
    if min(len(word), len(other)) < SPELLED or _DIGIT.search(word + other):
        return False
    return SequenceMatcher(None, word, other).ratio() > ALIKE


def same_names(names: Sequence[str]) -> Integers:
    """Find names that say the same, of those whose trigrams have a cosine of `COSINE`.

    Args:
        names: N.

    Returns:
        P × 2 numbers, the lower one first, in order. Of many with the same words, each has a pair with the first.
    """
    words = [words_of(name) for name in names]
    holders: dict[str, list[int]] = {}
    for number, those in enumerate(words):
        if those:
            holders.setdefault(" ".join(those), []).append(number)
    pairs = {(those[0], other) for those in holders.values() for other in those[1:]}
    numbers = list(holders.values())
    for one, other in _alike(list(holders)):
        some, others = numbers[one], numbers[other]
        if _same(words[some[0]], words[others[0]]):
            between = [(first, others[0]) for first in some] + [(some[0], second) for second in others]
            pairs |= {(min(pair), max(pair)) for pair in between}
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def _alike(texts: list[str]) -> list[tuple[int, int]]:
    """Return the pairs of different texts with the same digits, and a cosine of trigrams of `COSINE`.

    Not all are compared. With n trigrams, a text that is as near has n · cosine² of them at least. So where rare ones
    come first, the rarest that both have are among the first n - n · cosine² of both, and `SHARED` of them where as
    many more are looked at.
    """
    if len(texts) < 2:
        return []
    counts = CountVectorizer(analyzer="char_wb", ngram_range=(3, 3), binary=True, dtype=np.float32).fit_transform(texts)
    counts = csr_matrix(counts)[:, np.argsort(np.bincount(counts.indices), kind="stable")]
    counts.sort_indices()
    sizes = np.diff(counts.indptr)
    place = np.arange(counts.nnz) - np.repeat(counts.indptr[:-1], sizes)
    common = np.ceil(sizes * COSINE**2 - 1e-6)  # that two as near have at least
    first = place < np.repeat(sizes - common + SHARED, sizes)
    prefixes = counts.copy()
    prefixes.data = first.astype(np.float32)
    prefixes.eliminate_zeros()
    numbers: dict[frozenset[str], int] = {}
    digits = np.array([numbers.setdefault(frozenset(_DIGIT.findall(text)), len(numbers)) for text in texts])
    short = common < SHARED
    found: list[tuple[int, int]] = []
    for start in range(0, len(texts), BLOCK):
        shared = prefixes[start : start + BLOCK] @ prefixes[start:].T
        one = np.repeat(np.arange(start, start + shared.shape[0]), np.diff(shared.indptr))
        several = np.flatnonzero((shared.data >= SHARED) | short[start:][shared.indices] | short[one])
        one, other = one[several], shared.indices[several] + start
        kept = np.flatnonzero((one < other) & (digits[one] == digits[other]))
        for some in np.split(kept, range(CANDIDATES, len(kept), CANDIDATES)):
            left, right = one[some], other[some]
            both = np.asarray(counts[left].multiply(counts[right]).sum(axis=1)).ravel()
            near = both >= COSINE * np.sqrt(sizes[left] * sizes[right])
            found += zip(left[near].tolist(), right[near].tolist(), strict=True)
    return found
