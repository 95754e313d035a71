"""Whole rankings, query by query: first hit, average precision, hierarchical precision (HUSE arXiv 1911.05978, 4.3).

One pass over blocks of queries gives every metric. Only cosines are sorted, not candidates, which is far less work:
average precision needs the number of candidates before each relevant one, found by a search in the sorted cosines; the
other metrics need only the first candidates, which are those with a cosine at least that of the last one shown. Metrics
are kept query by query, for means over classes and for intervals.

Letters: N items, each a query and a candidate; Q queries kept; C classes; D dimension of the shared space;
B queries of a block; R relevant candidates of a query.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from huse.engine.arithmetic import of_numpy, refuse_other
from huse.engine.cores import cores
from huse.engine.threads import in_threads
from huse.engine.work import Spread, here
from huse.evaluation.classification import Doubles, Floats, Integers
from huse.evaluation.hierarchy import best_similarity_sums
from huse.evaluation.keys import Places, by_query, first_copies, pack, packed_places
from huse.metrics import AHP_K, area_under_hierarchical_precision, precision_at_k
from huse.taxonomy import Bools

FURTHER = 4  # metrics beside HP@K: first, average_precision, class_order, ahp

_of_thread = threading.local()


@dataclass(frozen=True)
class RankStatistics:
    """The metrics of each query's ranking. All arrays have Q rows, in the order of the items.

    Attributes:
        candidates: of each query.
        dropped: number of queries without a candidate of their class; the others are kept.
        kept: their rows, int64.
        classes: their class numbers, int64.
        first: rank, from 1, of the first candidate of the query's class, int64.
        average_precision: the mean, over the candidates of the query's class, of the precision at their rank; float64.
        class_order: share of the pairs of a candidate of the query's class and one of another class in which the first
            is nearer, float64; NaN where all candidates are of the query's class.
        item_hp: for each K, HP@K of the first K items, float64.
        class_hp: for each K, HP@K of the first K different classes, float64.
        ahp: area under the graded hierarchical precision of the first items, float64.
    """

    candidates: int
    dropped: int
    kept: Integers
    classes: Integers
    first: Integers
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
    asked: Bools | None = None,
    offered: Bools | None = None,
    ahp_k: int = AHP_K,
    block: int = 256,
    spread: Spread = here,
) -> RankStatistics:
    """Rank the candidates of every query by cosine similarity and measure the ranking.

    Among equal cosines, candidates of other classes come first, the least similar before the others: a space collapsed
    to a point gets the worst metrics, not the best. Candidates with the same embedding have equal cosines.

    Args:
        queries: N × D float32, unit norm.
        candidates: N × D float32, unit norm; row n is the same item as query n.
        classes: N class numbers below C.
        same_modality: leave a query itself out of its candidates.
        correct: for each K the C × C table of `ClassTree.correct_sets`; at least one.
        similarity: C × C float64, of `ClassTree.similarity`.
        exclude_pair: across modalities too, leave out the candidate of the query's row.
        asked: N, which items are queries; None: all.
        offered: N, which items are candidates, among them all queries if own ones are left out; None: all.
        ahp_k: number of first items in the area under the graded precision; all if there are fewer.
        block: queries at a time; memory is about block × N × 10 bytes a thread, and more where most cosines are equal.
        spread: has blocks of queries ranked.
    """
    own_excluded = same_modality or exclude_pair
    asked = np.ones(len(classes), dtype=bool) if asked is None else asked
    place = np.arange(len(classes))
    if offered is not None:
        candidates, place = candidates[offered], np.cumsum(offered) - 1
    gallery_classes = classes if offered is None else classes[offered]
    counts = np.bincount(gallery_classes, minlength=len(similarity))
    kept = np.flatnonzero(asked & (counts[classes] > int(own_excluded)))
    candidate_count = len(candidates) - int(own_excluded)
    gallery = _Gallery(candidates, gallery_classes, correct, similarity)
    work = Ranking(
        gallery,
        correct,
        similarity,
        best=best_similarity_sums(similarity, counts, ahp_k, own_excluded=own_excluded),
        ahp_k=ahp_k,
        shown=min(max(ahp_k, *correct), candidate_count),
        own_excluded=own_excluded,
    )
    by_class = np.argsort(classes[kept], kind="stable")  # queries of a class share their relevant columns
    parts = [by_class[start : start + block] for start in range(0, len(kept), block)]

    def asking() -> Iterator[Queries]:
        for rows in (kept[part] for part in parts):
            yield Queries(queries[rows], classes[rows], gallery.column[place[rows]] if own_excluded else None)

    values = np.empty((FURTHER + 2 * len(correct), len(kept)))
    for part, found in zip(parts, spread(work, asking()), strict=True):
        values[:, part] = found
    first, average_precision, class_order, ahp, *hp = values
    return RankStatistics(
        candidate_count,
        int(asked.sum()) - len(kept),
        kept,
        classes[kept],
        first=first.astype(np.int64),
        average_precision=average_precision,
        class_order=class_order,
        item_hp=dict(zip(correct, hp[: len(correct)], strict=True)),
        class_hp=dict(zip(correct, hp[len(correct) :], strict=True)),
        ahp=ahp,
    )


@dataclass(frozen=True)
class Queries:
    """A block of B queries; those of a class are adjacent.

    Attributes:
        vectors: B × D float32.
        classes: B class numbers.
        own: the column of each query's own candidate, which is left out, or None.
    """

    vectors: Floats
    classes: Integers
    own: Integers | None


@dataclass(frozen=True, eq=False)
class Ranking:
    """The work of ranking; see `huse.engine.work.Work`. A batch is a block of queries; the candidates are in the work.

    Attributes:
        gallery: the candidates.
        correct: as in `rank_statistics`.
        similarity: as in `rank_statistics`.
        best: of `best_similarity_sums`.
        ahp_k: as in `rank_statistics`.
        shown: candidates of which a metric asks the class.
        own_excluded: whether queries have an own candidate.
        arithmetic: of the machine where the stage runs; where the work has come to, it must be the same.
    """

    gpus: ClassVar[int] = 0
    cpus: ClassVar[int] = 1

    gallery: "_Gallery"
    correct: Mapping[int, Bools]
    similarity: Doubles
    best: Doubles
    ahp_k: int
    shown: int
    own_excluded: bool
    arithmetic: str = field(default_factory=of_numpy)

    def __call__(self, batches: Iterable[Queries], /) -> Iterator[Doubles]:
        """Yield the metrics of each block's queries: `FURTHER`, HP@K of items, HP@K of classes; M × B float64.

        Sorting and searching release the interpreter's lock, so there is a thread a core. Each multiplies alone,
        whatever the number of cores: sums depend on how they are split.

        Raises:
            InputError: this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_numpy())
        with threadpool_limits(limits=1):
            if cores() == 1:
                yield from map(self._measured, batches)
            else:
                yield from in_threads(self._measured, batches, ahead=2 * cores())

    def packed(self, batch: Queries, /) -> Queries:
        """Return the batch: it has all that is needed."""
        return batch

    def _measured(self, queries: Queries) -> Doubles:
        own, gallery = queries.classes, self.gallery
        candidate_count = len(gallery.rows) - int(self.own_excluded)
        cosines, ordered = _buffers(len(own), len(gallery.rows))
        gallery.fill_cosines(queries.vectors, cosines)
        if queries.own is not None:
            cosines[np.arange(len(own)), queries.own] = -np.inf
        ordered[:] = cosines
        ordered.sort(axis=1)
        values = np.empty((FURTHER + 2 * len(self.correct), len(own)))
        first, average_precision, class_order, ahp, *hp = values
        edges = np.flatnonzero(np.diff(own, prepend=-1, append=-1)).tolist()  # of runs of one class
        for group in (slice(*ends) for ends in pairwise(edges)):
            relevant = np.sort(cosines[group, gallery.columns(own[group.start])], axis=1)
            # A query that is no candidate has the lowest cosine.
            ranks = _ranks(relevant[:, int(self.own_excluded) :], ordered[group])
            first[group] = ranks[:, -1]
            average_precision[group] = (np.arange(ranks.shape[1], 0, -1) / ranks).mean(axis=1)
            class_order[group] = _class_order(ranks, candidate_count)
        items = gallery.first_items(cosines, ordered[:, -self.shown], own)
        different = gallery.first_classes(cosines, own)
        ranked = self.similarity[own[:, None], items[:, : self.ahp_k]]
        ahp[:] = area_under_hierarchical_precision(ranked, self.best[own, : ranked.shape[1]])
        of_items, of_classes = hp[: len(self.correct)], hp[len(self.correct) :]
        for (k, table), of_item, of_class in zip(self.correct.items(), of_items, of_classes, strict=True):
            of_item[:] = precision_at_k(table[own[:, None], items[:, :k]], k)
            of_class[:] = precision_at_k(table[own[:, None], different[:, :k]], k)
        return values


def _buffers(queries: int, candidates: int) -> Floats:
    """Return 2 × B × N float32 of this thread: new memory for every block would take as long as the sort."""
    held: Floats | None = getattr(_of_thread, "buffers", None)
    if held is None or held.shape[1] < queries or held.shape[2] != candidates:
        held = _of_thread.buffers = np.empty((2, queries, candidates), dtype=np.float32)
    return held[:, :queries]


def macro_recall_at_1(statistics: RankStatistics) -> float:
    """Return Recall@1 as the mean over classes of the mean within a class.

    Class sizes are long-tailed, so a few large classes dominate the mean over queries. A class without kept queries
    does not count.
    """
    _, numbers, counts = np.unique(statistics.classes, return_inverse=True, return_counts=True)
    return float((np.bincount(numbers, weights=statistics.first == 1, minlength=len(counts)) / counts).mean())


def _tie_order(correct: Mapping[int, Bools], similarity: Doubles) -> tuple[Places, Integers]:
    """Order classes among equal cosines for a query of each class: less similar ones first, the query's own last.

    Among classes of equal similarity but different depth, those in fewer correct sets come first. Any ties left do not
    affect a metric.

    Returns:
        C × C uint32, the place of the column's class for a query of the row's class; C × C int64, the class at each
        place.
    """
    classes = np.arange(len(similarity))
    sets = sum(table.astype(np.int64) for table in correct.values())
    tied_classes = np.lexsort(
        (np.broadcast_to(sets, similarity.shape), similarity, classes == classes[:, None]), axis=1
    )
    places = np.empty(similarity.shape, dtype=np.uint32)
    np.put_along_axis(places, tied_classes, classes[None, :].astype(np.uint32), axis=1)
    return places, tied_classes


class _Gallery:
    """The candidates in columns sorted by class, so each class is one contiguous range.

    Attributes:
        rows: N × D float32.
        classes: N class numbers, ascending, int64.
        column: N, the column of each item, int64.
        starts: first column of each class with items, int64.
        present: the numbers of those classes, int64.
        copies: columns equal to one further left, int64.
        originals: for each copy, the leftmost equal column, int64.
        ties: C × C uint32, of `_tie_order`.
        tied_classes: C × C int64, of `_tie_order`.
    """

    def __init__(
        self, candidates: Floats, classes: Integers, correct: Mapping[int, Bools], similarity: Doubles
    ) -> None:
        order = np.argsort(classes, kind="stable")
        self.rows, self.classes, self.column = candidates[order], classes[order], np.argsort(order)
        self.starts = np.flatnonzero(np.diff(self.classes, prepend=-1))
        self.present = self.classes[self.starts]
        firsts = first_copies(self.rows)
        self.copies = np.flatnonzero(firsts != np.arange(len(order)))
        self.originals = firsts[self.copies]
        self.ties, self.tied_classes = _tie_order(correct, similarity)

    def fill_cosines(self, queries: Floats, cosines: Floats) -> None:
        """Write the cosines of B queries with every candidate, B × N; equal candidates get equal cosines."""
        np.matmul(queries, self.rows.T, out=cosines)
        cosines[:, self.copies] = cosines[:, self.originals]

    def columns(self, number: int) -> slice:
        """Return the columns of a class."""
        return slice(*np.searchsorted(self.classes, [number, number + 1]).tolist())

    def first_items(self, cosines: Floats, lowest: Floats, own: Integers) -> Integers:
        """Return the classes of the first candidates of each query.

        Args:
            cosines: B × N.
            lowest: B cosines of the last wanted candidate.
            own: B classes of the queries.

        Returns:
            int64, B rows that begin with the wanted candidates, best first.
        """
        found = np.flatnonzero(cosines >= lowest[:, None])
        rows, columns = np.divmod(found, cosines.shape[1])
        packed = pack(cosines.ravel()[found], self.ties[own[rows], self.classes[columns]])
        keys = by_query(packed, rows, len(cosines))
        keys.sort(axis=1)
        keys = keys[:, : np.bincount(rows, minlength=len(cosines)).min()]  # beyond that, some rows are filled up
        items: Integers = self.tied_classes[own[:, None], packed_places(keys)]
        return items

    def first_classes(self, cosines: Floats, own: Integers) -> Integers:
        """Return all classes with candidates, ordered by their best candidate; B rows, int64."""
        keys = pack(np.maximum.reduceat(cosines, self.starts, axis=1), self.ties[np.ix_(own, self.present)])
        keys.sort(axis=1)
        classes: Integers = self.tied_classes[own[:, None], packed_places(keys)]
        return classes


def _ranks(relevant: Floats, ordered: Floats) -> Integers:
    """Return the ranks, from 1, of the relevant candidates; each comes after other classes' of the same cosine.

    Args:
        relevant: B × R cosines of the relevant candidates, ascending.
        ordered: B × N cosines of all candidates, ascending.

    Returns:
        B × R int64, falling.
    """
    count, number = ordered.shape[1], relevant.shape[1]
    reached = [line.searchsorted(wanted) for line, wanted in zip(ordered, relevant, strict=True)]
    # The search returns the same place for all equal cosines; then add the place within the equal ones.
    place = np.arange(number)
    at_first = np.broadcast_to(place, relevant.shape).copy()
    at_first[:, 1:][relevant[:, 1:] == relevant[:, :-1]] = 0
    ranks: Integers = count - np.array(reached) + np.maximum.accumulate(at_first, axis=1) - place
    return ranks


def _class_order(ranks: Integers, candidates: int) -> Doubles:
    """Return the share of correctly ordered pairs of B queries from the ranks of their R relevant candidates.

    Before the n-th relevant candidate, of rank r, there are r - n of other classes.
    """
    number = ranks.shape[1]
    pairs = number * (candidates - number)
    if pairs == 0:
        return np.full(len(ranks), np.nan)
    share: Doubles = 1 - (ranks.sum(axis=1) - number * (number + 1) // 2) / pairs
    return share
