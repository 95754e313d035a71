"""Recall at K between modalities, blocked, with exact chance levels (HUSE 4.3).

Letters: Q queries, N candidates, D dimension of the shared space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranks:
    """Where each query's first candidate of its own class stands.

    Attributes:
        first: ranks from 1, one for each query that has a candidate of its class; int64.
        relevant: candidates of the query's class, for the same queries; int64.
        candidates: candidates of each query.
        dropped: queries without any candidate of their class, left out.
    """

    first: Integers
    relevant: Integers
    candidates: int
    dropped: int


def first_relevant_ranks(
    queries: Floats, candidates: Floats, classes: Integers, *, same_modality: bool, block: int = 1024
) -> Ranks:
    """Rank the candidates of every query by cosine similarity and find the first of the query's class.

    Of equal similarities, candidates of another class stand first: a space that has collapsed to a point
    gets the worst ranks, not the best.

    Args:
        queries: N × D float32, unit norm.
        candidates: N × D float32, unit norm; row n is the same item as query n.
        classes: N class numbers.
        same_modality: leave a query itself out of its candidates.
        block: queries at a time; memory is block × N.
    """
    count = len(queries)
    first = np.empty(count, dtype=np.int64)
    relevant_count = np.empty(count, dtype=np.int64)
    for start in range(0, count, block):
        rows = np.arange(start, min(start + block, count))
        similarity = queries[rows] @ candidates.T
        relevant = classes[rows, None] == classes[None, :]
        irrelevant = ~relevant
        if same_modality:
            relevant[np.arange(len(rows)), rows] = False
        best = np.where(relevant, similarity, -np.inf).max(axis=1, keepdims=True)
        first[rows] = 1 + (irrelevant & (similarity >= best)).sum(axis=1)
        relevant_count[rows] = relevant.sum(axis=1)
    kept = relevant_count > 0
    return Ranks(first[kept], relevant_count[kept], count - int(same_modality), int((~kept).sum()))


def recall_at_k(ranks: Ranks, k: int) -> float:
    """Return the share of queries with a candidate of their class among the first `k`.

    The paper's Recall@K is this hit rate on the level of classes, not the recall of information retrieval.
    """
    return float((ranks.first <= k).mean())


def chance_at_k(ranks: Ranks, k: int) -> float:
    """Return the expected `recall_at_k` of a random order: 1 - C(n - r, k) / C(n, k), mean over queries."""
    k = min(k, ranks.candidates)
    missed = np.asarray(hypergeom.pmf(0, ranks.candidates, ranks.relevant, k))
    return float((1 - missed).mean())


def recall_table(ranks: Ranks, ks: Sequence[int]) -> dict[str, float]:
    """Return ``recall_at_K`` for each K."""
    return {f"recall_at_{k}": recall_at_k(ranks, k) for k in ks}


def chance_table(ranks: Ranks, ks: Sequence[int]) -> dict[str, float]:
    """Return the chance level of ``recall_at_K`` for each K."""
    return {f"recall_at_{k}": chance_at_k(ranks, k) for k in ks}
