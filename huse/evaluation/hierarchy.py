"""Hierarchical precision: how near in the tree of class paths the answers to a query are (HUSE arXiv 1911.05978, 4.3).

Two measures. HP@K after DeViSE (Frome et al. 2013) asks whether a class lies in a set of at least K classes
around the right one; the graded one after Deng et al. 2011 and Barz & Denzler 2019 (arXiv 1809.09924) weighs
every answer by the similarity of its class to the right one, and divides by what the gallery allows.

A class is its path, a sequence of level names, coarse to fine. A node of the tree is a whole prefix of a path, so
that ``boots<flat`` and ``sandals<flat`` end at different nodes. Paths may differ in depth, and a class may lie
above another one.

Letters: C classes, N items, Q queries, R places of a ranking, K of them at the top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huse.evaluation.classification import Doubles, Integers

Bools = npt.NDArray[np.bool_]
Hops = npt.NDArray[np.int16]
Levels = list[str] | tuple[str, ...]  # a bare string is a sequence of strings too, and never meant
HP_KS = (2, 5, 10)  # K of HP@K, HUSE's table 2
AHP_K = 250  # items under the area AHP@K, Barz & Denzler's


@dataclass(frozen=True)
class ClassTree:
    """What hierarchical figures need to know of a catalogue's classes.

    Attributes:
        paths: C class paths, each the names of its levels.
        hops: C × C int16, of `hops`.
        correct: for each K of `HP_KS` the C × C table of `correct_sets`.
        similarity: C × C float64, of `similarities`.
    """

    paths: Sequence[Levels]
    hops: Hops
    correct: dict[int, Bools]
    similarity: Doubles

    @classmethod
    def of(cls, paths: Sequence[Levels]) -> "ClassTree":
        """Make the tables of C class paths."""
        return cls(paths, hops(paths), {k: correct_sets(paths, k) for k in HP_KS}, similarities(paths))


def hops(paths: Sequence[Levels]) -> Hops:
    """Count the edges between the nodes of any two classes.

    Args:
        paths: C class paths.

    Returns:
        C × C int16, symmetric: depth a + depth b - 2 · length of the common prefix.
    """
    depths = _depths(paths)
    edges: Hops = depths[:, None] + depths - 2 * _common_levels(paths)
    return edges


def correct_sets(paths: Sequence[Levels], k: int) -> Bools:
    """Return the classes that count as correct for each class: ``hCorrectSet(c, k)`` of DeViSE (Frome et al. 2013).

    The set grows from the class itself by whole rings, all classes one more edge away, until it has at least `k`
    classes. It may have many more: a ring is never cut. It has all classes where there are no more than `k`.

    Args:
        paths: C class paths.
        k: smallest size of a set, from 1.

    Returns:
        C × C, True where the class of the column is correct for the class of the row.
    """
    edges = hops(paths)
    place = min(k, len(paths)) - 1
    # The k-th nearest class, itself the first, lies on the ring that makes the set large enough.
    radius = np.partition(edges, place, axis=1)[:, place, None] if len(paths) else edges
    correct: Bools = edges <= radius
    return correct


def similarities(paths: Sequence[Levels]) -> Doubles:
    """Return 1 - height(lowest common ancestor) / height(root) for any two classes (Barz & Denzler 2019).

    The height of a node is the longest way down from it. The root is the lowest node with all classes at or below
    it, not one above the first levels: a level that all classes share must not make all of them similar.

    The same class has similarity 1, also where it lies above another one: the formula alone would give less, as
    its node is not a leaf. Where there is a single class, the height of the root is 0.

    Args:
        paths: C class paths.

    Returns:
        C × C float64 in [0, 1], symmetric, diagonal 1.
    """
    common, depths = _common_levels(paths), _depths(paths)
    deepest: dict[tuple[str, ...], int] = {}
    for path in paths:
        for depth in range(len(path) + 1):
            node = tuple(path[:depth])
            deepest[node] = max(deepest.get(node, 0), len(path))
    # C × depth: the height of each node on the way to a class. Below the class there is nothing to look up.
    heights = np.zeros((len(paths), max(map(len, paths), default=0) + 1))
    for row, path in enumerate(paths):
        heights[row, : len(path) + 1] = [deepest[tuple(path[:depth])] - depth for depth in range(len(path) + 1)]
    root = heights[0, common.min()] if len(paths) else 0
    if root == 0:
        return np.ones(common.shape)
    similarity: Doubles = 1 - np.take_along_axis(heights, common.astype(np.int64), axis=1) / root
    similarity[(common == depths) & (common == depths[:, None])] = 1
    return similarity


def item_hp_at_k(correct: Bools, query_classes: Integers, ranked: Integers, k: int) -> Doubles:
    """Return HP@K of items: the share of the first `k` retrieved items whose class is correct.

    HUSE 4.3 calls it "the fraction of the model's k predictions that overlap with the class set". Where the ranking
    has fewer than `k` items, the missing ones count as wrong.

    Args:
        correct: C × C, of `correct_sets` with the same `k`.
        query_classes: Q class numbers.
        ranked: Q × R class numbers of the retrieved items, best first.
        k: items that count.

    Returns:
        Q shares, float64.
    """
    share: Doubles = correct[query_classes[:, None], ranked[:, :k]].sum(axis=1) / k
    return share


def class_hp_at_k(correct: Bools, query_classes: Integers, ranked: Integers, k: int) -> Doubles:
    """Return HP@K of classes: the share of the first `k` different classes of a ranking that are correct.

    DeViSE ranks labels, which are all different. Here a class stands where the first of its items does; the others
    are passed over, so that many items of the right class cannot fill the places of its neighbours. Where the
    ranking has fewer than `k` classes, the missing ones count as wrong.

    Args:
        correct: C × C, of `correct_sets` with the same `k`.
        query_classes: Q class numbers.
        ranked: Q × R class numbers of the retrieved items, best first.
        k: classes that count.

    Returns:
        Q shares, float64.
    """
    order = np.argsort(ranked, axis=1, kind="stable")
    repeated = np.zeros(ranked.shape, dtype=bool)
    in_order = np.take_along_axis(ranked, order, axis=1)
    np.put_along_axis(repeated, order[:, 1:], in_order[:, 1:] == in_order[:, :-1], axis=1)
    among = ~repeated & (np.cumsum(~repeated, axis=1) <= k)
    share: Doubles = (correct[query_classes[:, None], ranked] & among).sum(axis=1) / k
    return share


def item_hp_chance(correct: Bools, classes: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Return the expected `item_hp_at_k` of a random order: the share of candidates whose class is correct.

    Args:
        correct: C × C, of `correct_sets` with the same `k`.
        classes: N class numbers; every item is a query and a candidate.
        k: items that count.
        own_excluded: an item is no candidate for itself.

    Returns:
        N values, one a query, float64.
    """
    members, candidates = _correct_candidates(correct, classes, own_excluded)
    # Fewer candidates than k are all shown, and the missing ones count as wrong.
    return members / max(candidates, 1) * (min(k, candidates) / k)


def item_hp_best(correct: Bools, classes: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Return the highest possible `item_hp_at_k`, below 1 where fewer than `k` candidates have a correct class.

    Args:
        correct: C × C, of `correct_sets` with the same `k`.
        classes: N class numbers; every item is a query and a candidate.
        k: items that count.
        own_excluded: an item is no candidate for itself.

    Returns:
        N values, one a query, float64.
    """
    members, _ = _correct_candidates(correct, classes, own_excluded)
    best: Doubles = np.minimum(members, k) / k
    return best


def class_hp_best(correct: Bools, classes: Integers, k: int) -> Doubles:
    """Return the highest possible `class_hp_at_k`, below 1 where fewer than `k` correct classes have candidates.

    Args:
        correct: C × C, of `correct_sets` with the same `k`.
        classes: N class numbers; every item is a query and a candidate. A query with no candidate of its own class,
            which has no figures either, counts as if it had one.
        k: classes that count.

    Returns:
        N values, one a query, float64.
    """
    present = np.bincount(classes, minlength=len(correct)) > 0
    best: Doubles = (np.minimum((correct & present).sum(axis=1), k) / k)[classes]
    return best


def best_similarity_sums(similarity: Doubles, counts: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Add up the similarities of the best possible ranking: what `graded_hp` divides by.

    Args:
        similarity: C × C, of `similarities`.
        counts: items of each of the C classes in the gallery.
        k: places.
        own_excluded: a query is an item of the gallery and no candidate for itself.

    Returns:
        C × `k` float64: for a query of each class the sum over the first 1, 2, ..., k places. Where a gallery has
        fewer candidates, the last sum repeats.
    """
    sums = np.zeros((len(counts), k))
    for own in np.flatnonzero(counts):
        candidates = counts.copy()
        candidates[own] -= own_excluded
        order = np.argsort(-similarity[own], kind="stable")
        # No class fills more than k places; without the bound this is a copy of the gallery for each class.
        ideal = np.repeat(similarity[own, order], np.minimum(candidates[order], k))[:k]
        sums[own, : len(ideal)] = ideal
    total: Doubles = sums.cumsum(axis=1)
    return total


def graded_hp(similarity: Doubles, query_classes: Integers, ranked: Integers, best: Doubles) -> Doubles:
    """Return the graded HP@1, ..., HP@R (Deng et al. 2011; Barz & Denzler 2019, arXiv 1809.09924).

    HP@K is the sum of the similarities of the first K items over the highest sum that the gallery allows.

    Args:
        similarity: C × C, of `similarities`.
        query_classes: Q class numbers; each has a candidate of its class, so that the highest sum is at least 1.
        ranked: Q × R class numbers of the retrieved items, best first.
        best: C × K, of `best_similarity_sums`, K ≥ R.

    Returns:
        Q × R float64 in [0, 1].
    """
    found = similarity[query_classes[:, None], ranked].cumsum(axis=1)
    # The same numbers added in another order may come out higher in the last digit.
    precision: Doubles = np.minimum(found / best[query_classes, : ranked.shape[1]], 1)
    return precision


def graded_ahp(similarity: Doubles, query_classes: Integers, ranked: Integers, best: Doubles) -> Doubles:
    """Return AHP@R, the area under the graded HP@1, ..., HP@R, as their plain mean.

    Barz & Denzler's program takes trapezoids of width 1/R, of which there are R - 1: a perfect ranking then
    scores (R - 1)/R. The mean gives 1.

    Args:
        similarity: C × C, of `similarities`.
        query_classes: Q class numbers; each has a candidate of its class.
        ranked: Q × R class numbers of the retrieved items, best first.
        best: C × K, of `best_similarity_sums`, K ≥ R.

    Returns:
        Q float64 in [0, 1].
    """
    area: Doubles = graded_hp(similarity, query_classes, ranked, best).mean(axis=1)
    return area


def _depths(paths: Sequence[Levels]) -> Hops:
    return np.array([len(path) for path in paths], dtype=np.int16)


def _common_levels(paths: Sequence[Levels]) -> Hops:
    """Return the length of the common prefix of any two paths, C × C int16."""
    common = np.zeros((len(paths), len(paths)), dtype=np.int16)
    for depth in range(1, max(map(len, paths), default=0) + 1):
        seen: dict[tuple[str, ...], int] = {}
        deep = np.array([row for row, path in enumerate(paths) if len(path) >= depth])
        nodes = np.array([seen.setdefault(tuple(paths[row][:depth]), len(seen)) for row in deep])
        common[np.ix_(deep, deep)] += nodes[:, None] == nodes
    return common


def _correct_candidates(correct: Bools, classes: Integers, own_excluded: bool) -> tuple[Integers, int]:
    """Count for each item the candidates whose class is correct, and the candidates."""
    members = correct @ np.bincount(classes, minlength=len(correct))
    # A class is always correct for itself, so an item that is left out was counted.
    return members[classes] - int(own_excluded), len(classes) - int(own_excluded)
