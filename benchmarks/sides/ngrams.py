"""Names to vectors by n-grams: what a word adds is found once, beside scikit-learn, which takes name by name."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.harness import Work
from benchmarks.sides.cleaning import read_names
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.text.cleaning import clean_names
from huse.text.ngrams import CLEANING

FITTED = 5_000  # names


def _prepared(names: str, count: int, different: bool) -> tuple[list[str], NgramsEncoder]:
    """Names, and an encoder that is fitted on the first of them."""
    read = read_names(names, count, different=different)
    return read, NgramsEncoder.fit(read[:FITTED], NgramVectorSettings(), 1)


def ours(names: str, count: int, different: bool) -> Work:
    """Encode by the package."""
    read, encoder = _prepared(names, count, different)
    return lambda: encoder.encode(read)


def scikit_learn(names: str, count: int, different: bool) -> Work:
    """Encode by scikit-learn's vectorisers and the same projection."""
    read, encoder = _prepared(names, count, different)
    ngrams = encoder.ngrams
    fitted = clean_names(list(dict.fromkeys(read[:FITTED])), CLEANING)
    options: dict[str, Any] = {"lowercase": False, "dtype": np.float32}
    words = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), vocabulary=ngrams.words.terms, **options)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), vocabulary=ngrams.characters.terms, **options)
    for each in (words, pieces):
        each.fit(fitted)

    def work() -> npt.NDArray[Any]:
        cleaned = clean_names(read, CLEANING)
        rows = hstack([words.transform(cleaned), pieces.transform(cleaned)]).tocsr()
        return np.asarray(rows @ encoder.projection)

    return work
