"""Whole rankings, query by query: first hit, average precision, hierarchical precision (HUSE arXiv 1911.05978, 4.3).

One pass over blocks of queries sorts all candidates of each query once, and every figure is read off that order.
The figures stay apart for each query, for means over classes and for intervals.

Letters: N items, each a query and a candidate; Q queries kept; C classes; D dimension of the shared space;
B queries of a block.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huse.evaluation.classification import Floats, Integers
from huse.evaluation.hierarchy import Bools, Doubles, best_similarity_sums, graded_ahp, item_hp_at_k
from huse.evaluation.retrieval import Ranks

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.uint32]

LAST = np.uint64(2**64 - 1)  # sorts behind every candidate
ALL_BUT_SIGN = np.uint32(2**31 - 1)
LOW_BITS = np.uint64(32)


@dataclass(frozen=True)
class RankStatistics:
    """What the ranking of each query gives. All arrays have Q rows, in the order of the items.

    Attributes:
        ranks: of the first candidate of the query's class, with the number of queries dropped.
        kept: rows of the queries that have a candidate of their class, int64; the others are dropped.
        classes: class numbers of the queries kept, int64.
        average_precision: over the whole ranking, float64.
        item_hp: for each K, HP@K of the first K items, float64.
        class_hp: for each K, HP@K of the first K different classes, float64.
        ahp: area under the graded hierarchical precision of the first items, float64.
    """

    ranks: Ranks
    kept: Integers
    classes: Integers
    average_precision: Doubles
    item_hp: dict[int, Doubles]
    class_hp: dict[int, Doubles]
    ahp: Doubles


def rank_statistics(
    queries: Floats,
    candidates: Floats,
    classes: Integers,
    *,
    same_modality: bool,
    correct: Mapping[int, Bools],
    similarity: Doubles,
    exclude_pair: bool = False,
    ahp_k: int = 250,
    block: int = 256,
) -> RankStatistics:
    """Rank the candidates of every query by cosine similarity and measure the ranking.

    Of equal cosines, candidates of another class stand first, and among those the classes that are less similar to
    the query's: a space that has collapsed to a point gets the worst figures, not the best. Candidates with the
    same embedding have equal cosines, which a matrix product alone does not promise: it may add up the columns at
    the edge of a tile in another order.

    Average precision is the mean, over the candidates of the query's class, of the share of that class among all
    candidates down to that one.

    Args:
        queries: N × D float32, unit norm.
        candidates: N × D float32, unit norm; row n is the same item as query n.
        classes: N class numbers below C.
        same_modality: leave a query itself out of its candidates.
        correct: for each K the C × C table of `hierarchy.correct_sets`; at least one.
        similarity: C × C float64, of `hierarchy.similarities`.
        exclude_pair: leave the candidate of the query's row out across modalities too.
        ahp_k: first items that the area under the graded precision takes in; all where there are fewer.
        block: queries at a time; memory is about block × N × 30 bytes.
    """
    own_excluded = same_modality or exclude_pair
    counts = np.bincount(classes, minlength=len(similarity))
    relevant = counts[classes] - int(own_excluded)
    kept = np.flatnonzero(relevant > 0)
    candidate_count = len(classes) - int(own_excluded)
    shown = min(max(ahp_k, *correct), candidate_count)
    best = best_similarity_sums(similarity, counts, ahp_k, own_excluded=own_excluded)
    ties, tied_classes = _tie_order(correct, similarity)

    # By class, the best candidate of each class is the smallest key of one stretch of columns.
    by_class = np.argsort(classes, kind="stable")
    column = np.argsort(by_class)
    starts = np.flatnonzero(np.diff(classes[by_class], prepend=-1))
    distinct, copies = distinct_rows(candidates[by_class])

    first = np.empty(len(kept), dtype=np.int64)
    precision, ahp = np.empty(len(kept)), np.empty(len(kept))
    item_hp, class_hp = ({k: np.empty(len(kept)) for k in correct} for _ in range(2))
    for start in range(0, len(kept), block):
        part = slice(start, start + block)
        rows = kept[part]
        own = classes[rows]
        cosines = np.take(queries[rows] @ distinct.T, copies, axis=1)
        keys = _keys(cosines, np.take(ties[own], classes[by_class], axis=1))
        if own_excluded:
            keys[np.arange(len(rows)), column[rows]] = LAST
        nearest = np.minimum.reduceat(keys, starts, axis=1)
        nearest.sort(axis=1)
        keys.sort(axis=1)
        places = keys.astype(np.uint32)  # keeps the low bits

        first[part], precision[part] = _precision(places == len(similarity) - 1, relevant[rows])
        items = tied_classes[own[:, None], places[:, :shown]]
        different = tied_classes[own[:, None], nearest[:, : max(correct)].astype(np.uint32)]
        ahp[part] = graded_ahp(similarity, own, items[:, :ahp_k], best)
        for k, table in correct.items():
            item_hp[k][part] = item_hp_at_k(table, own, items, k)
            class_hp[k][part] = item_hp_at_k(table, own, different, k)
    ranks = Ranks(first, relevant[kept], candidate_count, len(classes) - len(kept))
    return RankStatistics(ranks, kept, classes[kept], precision, item_hp, class_hp, ahp)


def mean_average_precision(statistics: RankStatistics) -> float:
    """Return the mean of the average precisions of the queries kept; NaN where there are none."""
    return _mean(statistics.average_precision)


def median_rank(statistics: RankStatistics) -> float:
    """Return the median rank, from 1, of the first candidate of the query's class; NaN without queries."""
    return float(np.median(statistics.ranks.first)) if len(statistics.kept) else float("nan")


def macro_recall_at_1(statistics: RankStatistics) -> float:
    """Return Recall@1 as the mean over classes of the mean within a class.

    Products are long-tailed: in the mean over queries a few large classes decide. A class whose queries were all
    dropped does not count. NaN where there are no queries.
    """
    _, numbers, counts = np.unique(statistics.classes, return_inverse=True, return_counts=True)
    return _mean(np.bincount(numbers, weights=statistics.ranks.first == 1, minlength=len(counts)) / counts)


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _tie_order(correct: Mapping[int, Bools], similarity: Doubles) -> tuple[Places, Integers]:
    """Order the classes of equal cosines for a query of each class: the less similar first, the query's last.

    Classes of the same similarity may lie at different depths; those in fewer correct sets then stand first. What
    is still equal is equal in every figure.

    Returns:
        C × C uint32, the place of the class of the column for a query of the class of the row; C × C int64, the
        class at a place.
    """
    classes = np.arange(len(similarity))
    sets = sum(table.astype(np.int64) for table in correct.values())
    tied_classes = np.lexsort(
        (np.broadcast_to(sets, similarity.shape), similarity, classes == classes[:, None]), axis=1
    )
    places = np.empty(similarity.shape, dtype=np.uint32)
    np.put_along_axis(places, tied_classes, classes[None, :].astype(np.uint32), axis=1)
    return places, tied_classes


def distinct_rows(rows: Floats) -> tuple[Floats, Integers]:
    """Return the different rows, and for each row which of them it is."""
    rows = np.ascontiguousarray(rows + np.float32(0))  # -0 + 0 = 0: the bytes of equal rows are equal
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    _, index, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    return rows[index], inverse


def _keys(cosines: Floats, ties: Places) -> Keys:
    """Pack cosine and tie place, B × N each, into whole numbers that sort as the ranking: high cosine first.

    One sort of numbers then does what a sort by two columns would, several times faster, and the low 32 bits say
    which class stands where.
    """
    bits = (cosines + np.float32(0)).view(np.uint32)  # -0 + 0 = 0
    # The bits of floats grow with their size and have the sign on top. Turning those of the positive ones round
    # makes every float a whole number that falls as the float grows.
    falling = np.where(bits > ALL_BUT_SIGN, bits, bits ^ ALL_BUT_SIGN)
    return (falling.astype(np.uint64) << LOW_BITS) | ties


def _precision(found: Bools, relevant: Integers) -> tuple[Integers, Doubles]:
    """Return the rank of the first relevant candidate and the average precision, for each of B rankings.

    Args:
        found: B × N, True where a relevant candidate stands, best first.
        relevant: B numbers of relevant candidates, each at least 1.
    """
    rows, columns = np.nonzero(found)
    starts = np.cumsum(relevant) - relevant
    shares = (np.arange(len(rows)) - starts[rows] + 1) / (columns + 1)
    return columns[starts] + 1, np.add.reduceat(shares, starts) / relevant
