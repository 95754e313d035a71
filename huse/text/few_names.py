"""The projected n-grams of few names, without the sparse matrices whose making takes longest where a name is alone.

`huse.text.ngrams` is the plain form. This one has its bytes: it adds the same numbers in the same order, which is that
in which SciPy's products leave the entries of a row.

Letters: N names, U known words, F n-grams, D columns of a matrix.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from huse.text.cleaning import clean_names
from huse.text.ngrams import CLEANING, Arithmetic, Ngrams, Terms, character_grams, word_grams

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.int32]

FEW = 8  # names; from about there on, matrices are as fast


def few_times(
    ngrams: Ngrams, names: Sequence[str], matrix: Floats, of_known: Floats, arithmetic: Arithmetic
) -> Floats | None:
    """Return `ngrams.weigh(names).times(matrix, of_known)`.

    Args:
        ngrams: of the training names.
        names: N, as in the catalogue.
        matrix: F × D float32.
        of_known: U × D float32; see `Weighted.times`.
        arithmetic: what computes it.

    Returns:
        N × D float32; None where there are more than `FEW` names.
    """
    if len(names) > FEW:
        return None
    out = np.empty((len(names), matrix.shape[1]), np.float32)
    product = PRODUCTS[arithmetic]
    of_words, of_characters = np.split(matrix, [len(ngrams.words.terms)])
    for row, name in enumerate(clean_names(names, CLEANING)):
        words = name.split()
        different = list(dict.fromkeys(words))
        spelled = _spelled(ngrams, different)
        vectors = [
            of_known[ngrams.words.units[word]] if word in ngrams.words.units else product(*spelled[word], of_characters)
            for word in different
        ]
        places, weights = _counts(words, different, spelled)
        of_spelling = product(places, weights, np.stack(vectors)) if vectors else np.float32(0)
        np.add(product(*_of_words(ngrams, words), of_words), of_spelling, out=out[row])
    return out


def _spelled(ngrams: Ngrams, words: Sequence[str]) -> dict[str, tuple[Columns, Floats]]:
    """Return the character n-grams of each of some different words, and their TF-IDF, not of unit norm."""
    units, known = ngrams.words.units, ngrams.known
    found = {}
    for word in words:
        if word in units:
            span = slice(known.indptr[units[word]], known.indptr[units[word] + 1])
            found[word] = known.indices[span], known.data[span]
        else:
            found[word] = _weighed(ngrams.characters, character_grams(word, ngrams.settings.characters))
    return found


def _of_words(ngrams: Ngrams, words: Sequence[str]) -> tuple[Columns, Floats]:
    """Return the n-grams of a name's words, and their TF-IDF of unit norm."""
    columns, weights = _weighed(ngrams.words, word_grams(words, ngrams.settings.words))
    return columns[::-1], (weights * _inverse_norm(weights))[::-1]


def _weighed(terms: Terms, grams: Sequence[str]) -> tuple[Columns, Floats]:
    """Return the different ones of some n-grams that are known, and their TF-IDF, not of unit norm."""
    known = [terms.column[gram] for gram in grams if gram in terms.column]
    columns, counts = np.unique(np.array(known, np.int32), return_counts=True)
    return columns, counts.astype(np.float32) * terms.idf[columns]


def _counts(
    words: Sequence[str], different: Sequence[str], spelled: Mapping[str, tuple[Columns, Floats]]
) -> tuple[Columns, Floats]:
    """Return the places of a name's different words, and how often each is there, divided by the norm.

    The norm is that of the character n-grams of the whole name.
    """
    if not words:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    grams, weights = (np.concatenate([spelled[word][part] for word in words]) for part in (0, 1))
    _, first, place = np.unique(grams, return_index=True, return_inverse=True)
    summed = np.zeros(len(first), np.float32)
    np.add.at(summed, place, weights)
    scale = _inverse_norm(summed[np.argsort(first)[::-1]])
    counts = dict.fromkeys(different, np.float32(0))
    for word in words:
        counts[word] += scale
    return np.arange(len(counts), dtype=np.int32)[::-1], np.array([*counts.values()], np.float32)[::-1]


def _inverse_norm(weights: Floats) -> np.float32:
    """Return 1 / the norm; 1 where that is 0."""
    if not len(weights):
        return np.float32(1)
    norm = np.sqrt(np.add.reduceat(weights**2, [0])[0])
    return np.float32(1) / norm if norm > 0 else np.float32(1)


def _by_scipy(columns: Columns, weights: Floats, matrix: Floats) -> Floats:
    """Return the sum of rows, times their weights, as SciPy's product with a sparse row."""
    total: Floats = (weights[:, None] * matrix[columns]).sum(axis=0, dtype=np.float32)
    return total


def _by_torch(columns: Columns, weights: Floats, matrix: Floats) -> Floats:
    """Return the same as torch sums it."""
    import torch  # noqa: PLC0415  only where used: seconds

    total: Floats = torch.nn.functional.embedding_bag(
        torch.from_numpy(columns.copy()),
        torch.from_numpy(matrix),
        torch.tensor([0], dtype=torch.int32),
        mode="sum",
        per_sample_weights=torch.from_numpy(weights.copy()),
    ).numpy()[0]
    return total


PRODUCTS: dict[Arithmetic, Callable[[Columns, Floats, Floats], Floats]] = {"torch": _by_torch, "scipy": _by_scipy}
