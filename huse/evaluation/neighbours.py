"""Exact nearest candidates of every query, without a matrix of all cosines.

Letters: Q queries, N candidates, D dimension of the shared space, K neighbours wanted, B queries of a block, G
different embeddings among the candidates, M members of one kept at most.
"""

from dataclasses import dataclass

import numpy as np

from huse.evaluation.classification import Floats, Integers
from huse.evaluation.keys import LAST, Keys, by_query, first_copies, pack, packed_cosines, packed_places

FIRST_TILE = 256  # candidates of the first tile, all sorted; each next tile is twice as wide
ABSENT = -1  # fills up lists of members


@dataclass(frozen=True)
class Neighbours:
    """The nearest candidates of each query.

    Attributes:
        rows: Q × min(K, candidates of a query), numbers of candidates, nearest first, int64.
        similarities: their cosines, float32, same shape.
    """

    rows: Integers
    similarities: Floats


def nearest_neighbours(
    queries: Floats,
    candidates: Floats,
    k: int,
    *,
    excluded: Integers | None = None,
    block: int = 1024,
    tile: int = 4096,
) -> Neighbours:
    """Find the candidates with the highest cosines for every query.

    Among equal cosines, the lower row comes first. Candidates with the same embedding have equal cosines.

    Cosines are computed tile by tile, and only those above the K-th best so far are processed further. As tiles double
    in width, these are about K a tile, so the matrix product takes most of the time. Rows ascend, so a later candidate
    with the cosine of the K-th best never replaces it.

    Args:
        queries: Q × D float32, unit norm.
        candidates: N × D float32, unit norm.
        k: neighbours wanted, K, from 1; all if there are fewer candidates.
        excluded: for each query the row to leave out, itself or its pair; None: leave out nothing.
        block: queries at a time.
        tile: candidates at a time; memory is about block × tile × 15 bytes.
    """
    hidden = int(excluded is not None)
    shown = min(k, max(len(candidates) - hidden, 0))
    found = Neighbours(np.empty((len(queries), shown), np.int64), np.empty((len(queries), shown), np.float32))
    if found.rows.size == 0:
        return found
    members = _members(first_copies(candidates), k + hidden)
    different = candidates[members[:, 0]]
    for start in range(0, len(queries), block):
        part = slice(start, start + block)
        groups = _nearest_groups(queries[part], different, min(k + hidden, len(different)), tile)
        rows = members[packed_places(groups)]
        absent = (rows == ABSENT) | (groups == LAST)[:, :, None]
        if excluded is not None:
            absent |= rows == excluded[part, None, None]
        keys = pack(np.broadcast_to(packed_cosines(groups)[:, :, None], rows.shape), rows.astype(np.uint32))
        keys[absent] = LAST
        keys = np.sort(keys.reshape(len(groups), -1), axis=1)[:, :shown]
        found.rows[part], found.similarities[part] = packed_places(keys), packed_cosines(keys)
    return found


def _members(firsts: Integers, most: int) -> Integers:
    """Return the ascending rows of each different embedding; embeddings are ordered by first row.

    Args:
        firsts: N, of `first_copies`.
        most: members kept, M.

    Returns:
        G × M int64, shorter lists filled up with `ABSENT`.
    """
    order = np.argsort(firsts, kind="stable")
    _, starts, numbers = np.unique(firsts[order], return_index=True, return_inverse=True)
    places = np.arange(len(order)) - starts[numbers]
    among = places < most
    members = np.full((len(starts), places[among].max() + 1), ABSENT)
    members[numbers[among], places[among]] = order[among]
    return members


def _nearest_groups(queries: Floats, different: Floats, k: int, tile: int) -> Keys:
    """Return the B × `k` keys of the nearest of G different embeddings, nearest first; `k` is at most G."""
    best = np.full((len(queries), k), LAST)
    start, width = 0, min(FIRST_TILE, tile)
    while start < len(different):
        cosines = queries @ different[start : start + width].T
        found = np.flatnonzero(cosines > packed_cosines(best[:, -1:]))
        rows, columns = np.divmod(found, cosines.shape[1])
        better = by_query(pack(cosines.ravel()[found], (columns + start).astype(np.uint32)), rows, len(queries))
        best = np.sort(np.concatenate([best, better], axis=1), axis=1)[:, :k]
        start, width = start + width, min(2 * width, tile)
    return best
