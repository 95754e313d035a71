"""Hierarchical precision: how near the results of a query are in the class tree (HUSE arXiv 1911.05978, 4.3).

Two measures. HP@K after DeViSE (Frome et al. 2013) asks whether a class lies in a set of at least K classes
around the right one. Of items, the first K count: "the fraction of the model's k predictions that overlap with the
class set" (HUSE). Of classes, the first K different ones count, each ranked by its first item: DeViSE ranks labels,
which all differ, and many items of the right class must not fill all places.

The graded one after Deng et al. 2011 and Barz & Denzler 2019 (arXiv 1809.09924) weights every result by the similarity
of its class to the right one, and divides by the best that the gallery allows.

Letters: C classes, N items, Q queries, K places of a ranking. `correct` is the C × C table of
`ClassTree.correct_sets` with the same `k`; `classes` are N class numbers, of items that are queries and candidates at
once; with `own_excluded` an item is no candidate for itself.
"""

import numpy as np

from huse.taxonomy import Bools, ClassTree, Doubles, Integers

HP_KS = (2, 5, 10)  # K of HP@K, HUSE's table 2


def correct_tables(tree: ClassTree) -> dict[int, Bools]:
    """Return for each K of `HP_KS` the C × C table of `ClassTree.correct_sets`."""
    return {k: tree.correct_sets(k) for k in HP_KS}


def precision_at_k_chance(members: Integers, candidates: int, k: int) -> Doubles:
    """Return the expected precision at `k` of a random order for Q queries with `members` right candidates each."""
    # With fewer than k candidates, the missing ones count as wrong.
    expected: Doubles = members / max(candidates, 1) * (min(k, candidates) / k)
    return expected


def item_hp_chance(correct: Bools, classes: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Return the expected HP@K of items of a random order: the share of candidates whose class is correct; N."""
    return precision_at_k_chance(*_correct_candidates(correct, classes, own_excluded), k)


def item_hp_best(correct: Bools, classes: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Return the highest possible HP@K of items, below 1 where fewer than `k` candidates have a correct class; N."""
    members, _ = _correct_candidates(correct, classes, own_excluded)
    best: Doubles = np.minimum(members, k) / k
    return best


def class_hp_best(correct: Bools, classes: Integers, k: int) -> Doubles:
    """Return the highest possible HP@K of classes, below 1 where fewer than `k` correct classes have candidates; N.

    A query without a candidate of its class has no metrics; here it counts as if it had one.
    """
    present = np.bincount(classes, minlength=len(correct)) > 0
    best: Doubles = (np.minimum((correct & present).sum(axis=1), k) / k)[classes]
    return best


def best_similarity_sums(similarity: Doubles, counts: Integers, k: int, *, own_excluded: bool) -> Doubles:
    """Add up the similarities of the best possible ranking, which `hierarchical_precision` divides by.

    Args:
        similarity: C × C, of `ClassTree.similarity`.
        counts: items of each of the C classes in the gallery.
        k: places.
        own_excluded: a query is in the gallery, but no candidate for itself.

    Returns:
        C × `k` float64: for a query of each class the sum over the first 1, 2, ..., k places. Where a gallery has
        fewer candidates, the last sum repeats.
    """
    sums = np.zeros((len(counts), k))
    for own in np.flatnonzero(counts):
        candidates = counts.copy()
        candidates[own] -= own_excluded
        order = np.argsort(-similarity[own], kind="stable")
        # No class fills more than k places; the bound saves a copy of the gallery for each class.
        ideal = np.repeat(similarity[own, order], np.minimum(candidates[order], k))[:k]
        sums[own, : len(ideal)] = ideal
    total: Doubles = sums.cumsum(axis=1)
    return total


def _correct_candidates(correct: Bools, classes: Integers, own_excluded: bool) -> tuple[Integers, int]:
    """Count for each item the candidates whose class is correct, and the candidates."""
    members = correct @ np.bincount(classes, minlength=len(correct))
    # A class is correct for itself, so the count included the query.
    return members[classes] - int(own_excluded), len(classes) - int(own_excluded)
