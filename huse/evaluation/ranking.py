"""Whole rankings, query by query: first hit, average precision, hierarchical precision (HUSE arXiv 1911.05978, 4.3).

One pass over blocks of queries gives every figure. The cosines alone are sorted, which is far less work than sorting
the candidates: average precision needs only how many candidates stand before each relevant one, which is looked up
among the sorted cosines, and the other figures need only the first candidates, which are those with a cosine as high
as that of the last one shown. The figures stay apart for each query, for means over classes and for intervals.

Letters: N items, each a query and a candidate; Q queries kept; C classes; D dimension of the shared space;
B queries of a block; R relevant candidates of a query.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from huse.evaluation.classification import Floats, Integers
from huse.evaluation.hierarchy import Bools, Doubles, best_similarity_sums, graded_ahp, item_hp_at_k
from huse.evaluation.keys import Places, by_query, first_copies, pack, packed_places


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


@dataclass(frozen=True)
class RankStatistics:
    """What the ranking of each query gives. All arrays have Q rows, in the order of the items.

    Attributes:
        ranks: of the first candidate of the query's class, with the number of queries dropped.
        kept: rows of the queries that have a candidate of their class, int64; the others are dropped.
        classes: class numbers of the queries kept, int64.
        average_precision: the mean, over the candidates of the query's class, of the share of that class among all
            candidates down to that one; float64.
        class_order: share of the pairs of a candidate of the query's class and one of another class in which the
            former is nearer, float64; NaN where all candidates are of the query's class.
        item_hp: for each K, HP@K of the first K items, float64.
        class_hp: for each K, HP@K of the first K different classes, float64.
        ahp: area under the graded hierarchical precision of the first items, float64.
    """

    ranks: Ranks
    kept: Integers
    classes: Integers
    average_precision: Doubles
    class_order: Doubles
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
    same embedding have equal cosines.

    Args:
        queries: N × D float32, unit norm.
        candidates: N × D float32, unit norm; row n is the same item as query n.
        classes: N class numbers below C.
        same_modality: leave a query itself out of its candidates.
        correct: for each K the C × C table of `hierarchy.correct_sets`; at least one.
        similarity: C × C float64, of `hierarchy.similarities`.
        exclude_pair: leave the candidate of the query's row out across modalities too.
        ahp_k: first items that the area under the graded precision takes in; all where there are fewer.
        block: queries at a time; memory is about block × N × 10 bytes, and more where most cosines are equal.
    """
    own_excluded = same_modality or exclude_pair
    counts = np.bincount(classes, minlength=len(similarity))
    relevant = counts[classes] - int(own_excluded)
    kept = np.flatnonzero(relevant > 0)
    candidate_count = len(classes) - int(own_excluded)
    shown = min(max(ahp_k, *correct), candidate_count)
    best = best_similarity_sums(similarity, counts, ahp_k, own_excluded=own_excluded)
    ties, tied_classes = _tie_order(correct, similarity)
    gallery = _gallery(candidates, classes)

    first = np.empty(len(kept), dtype=np.int64)
    precision, order, ahp = np.empty(len(kept)), np.empty(len(kept)), np.empty(len(kept))
    item_hp, class_hp = ({k: np.empty(len(kept)) for k in correct} for _ in range(2))
    by_class = np.argsort(classes[kept], kind="stable")  # queries of one class have the same relevant columns
    # New memory for every block would cost as much time as the sort.
    buffers = np.empty((2, min(block, len(kept)), len(classes)), dtype=np.float32)
    for start in range(0, len(kept), block):
        part = by_class[start : start + block]
        rows = kept[part]
        own = classes[rows]
        cosines, ordered = buffers[:, : len(rows)]
        gallery.fill_cosines(queries[rows], cosines)
        if own_excluded:
            cosines[np.arange(len(rows)), gallery.column[rows]] = -np.inf
        ordered[:] = cosines
        ordered.sort(axis=1)

        for group in _runs(own):
            relevant_cosines = np.sort(cosines[group, gallery.columns(own[group.start])], axis=1)
            ranks = _ranks(relevant_cosines[:, int(own_excluded) :], ordered[group])
            first[part[group]] = ranks[:, -1]
            precision[part[group]] = (np.arange(ranks.shape[1], 0, -1) / ranks).mean(axis=1)
            order[part[group]] = _class_order(ranks, candidate_count)
        items = tied_classes[own[:, None], _first_places(cosines, ordered[:, -shown], ties, own, gallery)[:, :shown]]
        different = tied_classes[own[:, None], _first_classes(cosines, ties, own, gallery)[:, : max(correct)]]
        ahp[part] = graded_ahp(similarity, own, items[:, :ahp_k], best)
        for k, table in correct.items():
            item_hp[k][part] = item_hp_at_k(table, own, items, k)
            class_hp[k][part] = item_hp_at_k(table, own, different, k)
    ranks_kept = Ranks(first, relevant[kept], candidate_count, len(classes) - len(kept))
    return RankStatistics(ranks_kept, kept, classes[kept], precision, order, item_hp, class_hp, ahp)


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


@dataclass(frozen=True)
class _Gallery:
    """The candidates, in columns ordered by class, so that those of a class are one stretch.

    Attributes:
        rows: N × D float32.
        classes: N class numbers, ascending, int64.
        column: N, where each item stands, int64.
        starts: first column of each class that has items, int64.
        present: the numbers of those classes, int64.
        copies: columns whose candidate is equal to one further left, int64.
        originals: for each of them, the leftmost that it is equal to, int64.
    """

    rows: Floats
    classes: Integers
    column: Integers
    starts: Integers
    present: Integers
    copies: Integers
    originals: Integers

    def fill_cosines(self, queries: Floats, cosines: Floats) -> None:
        """Write the cosines of B queries with every candidate into B × N; equal ones for equal candidates."""
        np.matmul(queries, self.rows.T, out=cosines)
        cosines[:, self.copies] = cosines[:, self.originals]

    def columns(self, number: int) -> slice:
        """Return where the candidates of a class stand."""
        return slice(*np.searchsorted(self.classes, [number, number + 1]).tolist())


def _gallery(candidates: Floats, classes: Integers) -> _Gallery:
    order = np.argsort(classes, kind="stable")
    firsts = first_copies(candidates[order])
    copies = np.flatnonzero(firsts != np.arange(len(order)))
    starts = np.flatnonzero(np.diff(classes[order], prepend=-1))
    rows, in_order = candidates[order], classes[order]
    return _Gallery(rows, in_order, np.argsort(order), starts, in_order[starts], copies, firsts[copies])


def _runs(values: Integers) -> Iterator[slice]:
    """Cut ascending numbers into stretches of equal ones."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return (slice(start, stop) for start, stop in pairwise(edges))


def _ranks(relevant: Floats, ordered: Floats) -> Integers:
    """Return the ranks, from 1, of the relevant candidates, each behind all others of the same cosine.

    Args:
        relevant: B × R cosines of the relevant candidates, ascending.
        ordered: B × N cosines of all candidates, ascending.

    Returns:
        B × R int64, falling.
    """
    count, number = ordered.shape[1], relevant.shape[1]
    reached = [line.searchsorted(wanted) for line, wanted in zip(ordered, relevant, strict=True)]
    # Among R equal ones, all are found at the first: count from there, then come to the place among the equal.
    place = np.arange(number)
    at_first = np.broadcast_to(place, relevant.shape).copy()
    at_first[:, 1:][relevant[:, 1:] == relevant[:, :-1]] = 0
    ranks: Integers = count - np.array(reached) + np.maximum.accumulate(at_first, axis=1) - place
    return ranks


def _class_order(ranks: Integers, candidates: int) -> Doubles:
    """Return the share of right pairs of B queries whose R relevant candidates have these ranks.

    Before the relevant candidate of rank r, the n-th of them from 1, there are r - n of other classes.
    """
    number = ranks.shape[1]
    pairs = number * (candidates - number)
    if pairs == 0:
        return np.full(len(ranks), np.nan)
    share: Doubles = 1 - (ranks.sum(axis=1) - number * (number + 1) // 2) / pairs
    return share


def _first_places(cosines: Floats, lowest: Floats, ties: Places, own: Integers, gallery: _Gallery) -> Places:
    """Return the tie places of the first candidates of each query, which say their classes.

    Args:
        cosines: B × N.
        lowest: B cosines of the last candidate wanted.
        ties: C × C, of `_tie_order`.
        own: B classes of the queries.
        gallery: the candidates.

    Returns:
        uint32, B rows that begin with the candidates wanted, best first.
    """
    found = np.flatnonzero(cosines >= lowest[:, None])
    rows, columns = np.divmod(found, cosines.shape[1])
    keys = by_query(pack(cosines.ravel()[found], ties[own[rows], gallery.classes[columns]]), rows, len(cosines))
    keys.sort(axis=1)
    return packed_places(keys)


def _first_classes(cosines: Floats, ties: Places, own: Integers, gallery: _Gallery) -> Places:
    """Return the tie places of all classes that have items, the one of the best candidate first; B rows, uint32."""
    keys = pack(np.maximum.reduceat(cosines, gallery.starts, axis=1), ties[np.ix_(own, gallery.present)])
    keys.sort(axis=1)
    return packed_places(keys)
