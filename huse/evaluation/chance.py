"""References for retrieval metrics: the expectation for a random order of the candidates, and the best possible value.

Chance is the expectation over all orders of the candidates. It is exact but for the median rank, see
`median_rank_chance`, and HP@K of classes, see `class_hp_chance`.

Letters: N items, each a query and a candidate; C classes, P of them present; Q queries kept; K first classes;
S draws. With `own_excluded` an item is no candidate for itself. `relevant` are the Q numbers of candidates of the
query's class, each from 1, among `candidates` of each query.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import hypergeom

from huse.evaluation.classification import Doubles, Integers
from huse.evaluation.hierarchy import (
    best_similarity_sums,
    class_hp_best,
    correct_tables,
    item_hp_best,
    item_hp_chance,
)
from huse.metrics import AHP_K
from huse.taxonomy import Bools, ClassTree

KS = (1, 5, 10)
DRAWS = 2000  # S


def references(
    classes: Integers, tree: ClassTree, *, own_excluded: bool, queries: Integers | None = None
) -> dict[str, dict[str, float]]:
    """Return the references of the retrieval metrics; some query needs a candidate of its class.

    Args:
        classes: N class numbers.
        tree: of the C classes.
        own_excluded: see above.
        queries: the class numbers of the queries; None: each of the N items is one.

    Returns:
        `chance`, the expectation of each metric for a random order, and `best`, the best possible value of those that
        cannot always reach 1.
    """
    counts = np.bincount(classes, minlength=len(tree))
    per_class, candidates = counts - int(own_excluded), len(classes) - int(own_excluded)
    asked = classes if queries is None else queries
    own = asked[per_class[asked] > 0]
    relevant = per_class[own]
    alike = np.empty(len(counts), np.int64)  # an item of each class: what follows depends on the class alone
    alike[classes] = np.arange(len(classes))
    kept = alike[own]
    correct = correct_tables(tree)
    by_class = class_hp_chance(correct, counts, own_excluded=own_excluded)
    by_item = {k: item_hp_chance(each, classes, k, own_excluded=own_excluded) for k, each in correct.items()}
    chance = {
        **{f"recall_at_{k}": chance_at_k(relevant, candidates, k) for k in KS},
        "map": float(average_precision_chance(relevant, candidates).mean()),
        "macro_recall_at_1": float(per_class[np.unique(own)].mean() / candidates),
        "median_rank": median_rank_chance(relevant, candidates),
        **{f"hp_at_{k}": float(values[kept].mean()) for k, values in by_item.items()},
        **{f"class_hp_at_{k}": float(values[own].mean()) for k, values in by_class.items()},
        "ahp": float(ahp_chance(tree.similarity, classes, own_excluded=own_excluded)[kept].mean()),
    }
    best_items = {k: item_hp_best(each, classes, k, own_excluded=own_excluded) for k, each in correct.items()}
    best_classes = {k: class_hp_best(each, classes, k) for k, each in correct.items()}
    best = {
        f"{kind}_at_{k}": float(values[kept].mean())
        for kind, of in (("hp", best_items), ("class_hp", best_classes))
        for k, values in of.items()
    }
    return {"chance": chance, "best": best}


def chance_at_k(relevant: Integers, candidates: int, k: int) -> float:
    """Return the expected Recall@K of a random order: 1 - C(n - r, k) / C(n, k), mean over Q queries."""
    members, queries = np.unique(relevant, return_counts=True)
    missed = np.asarray(hypergeom.pmf(0, candidates, members, min(k, candidates)))
    return float(np.average(1 - missed, weights=queries))


def average_precision_chance(relevant: Integers, candidates: int) -> Doubles:
    """Return the expected average precision of a random order for each of Q queries.

    With r of n candidates relevant, the one at place p is relevant with probability r/n; then 1 + (p - 1)(r - 1)/(n -
    1) relevant ones are expected up to it. The sum over places is (H_n + (r - 1)/(n - 1) · (n - H_n)) / n, with H_n the
    n-th harmonic number. This is above the share r/n of relevant ones.
    """
    harmonic = (1 / np.arange(1, candidates + 1)).sum()
    expected: Doubles = (harmonic + (relevant - 1) / max(candidates - 1, 1) * (candidates - harmonic)) / candidates
    return expected


def median_rank_chance(relevant: Integers, candidates: int) -> float:
    """Return the smallest rank by which a random order has found half of the queries' classes, in expectation.

    This is the median rank over all queries and orders, which the median over many queries approaches; the expectation
    of the median itself has no simple form.
    """
    low, high = 1, candidates
    while low < high:
        middle = (low + high) // 2
        reached = chance_at_k(relevant, candidates, middle) > 0.5 - 1e-9  # one half, up to rounding
        low, high = (low, middle) if reached else (middle + 1, high)
    return float(low)


def ahp_chance(similarity: Doubles, classes: Integers, *, own_excluded: bool) -> Doubles:
    """Return the expected AHP of a random order for each of N queries.

    The expected similarity at every place is the mean over the candidates, so the expected HP@R is R times that mean,
    divided by the highest sum of R similarities.

    Args:
        similarity: C × C, of `ClassTree.similarity`.
        classes: N class numbers.
        own_excluded: see above.

    Returns:
        N float64; 0 where there is no candidate.
    """
    counts, excluded = np.bincount(classes, minlength=len(similarity)), int(own_excluded)
    candidates = len(classes) - excluded
    shown = min(AHP_K, candidates)
    if shown == 0:
        return np.zeros(len(classes))
    mean = (similarity @ counts - excluded) / candidates  # an item's similarity to itself is 1
    best = best_similarity_sums(similarity, counts, shown, own_excluded=own_excluded)
    with np.errstate(divide="ignore", invalid="ignore"):  # classes without items
        by_class = area_chance(mean[:, None], best)
    expected: Doubles = by_class[classes]
    return expected


def area_chance(mean: Doubles, best: Doubles) -> Doubles:
    """Return the expected area under the graded HP@1, ..., HP@R of a random order.

    Args:
        mean: similarity of the candidates, in the last axis 1, or a scalar.
        best: in the last axis the highest possible sums over the first 1, 2, ..., R places.
    """
    area: Doubles = (np.arange(1, best.shape[-1] + 1) * mean / best).mean(axis=-1)
    return area


def class_hp_chance(correct: Mapping[int, Bools], counts: Integers, *, own_excluded: bool) -> dict[int, Doubles]:
    """Return the expected HP@K of the first K different classes of a random order, by drawing.

    In a random order of items, classes first appear as if drawn in proportion to their number of items, without
    replacement. Sorting exponential times at these rates gives the same order. Times are drawn once for all queries
    from a fixed seed; a query's own class has one item less. The standard error of a metric is below 0.5 / √S, 0.011
    with 2,000 draws.

    Args:
        correct: for each K the C × C table of `ClassTree.correct_sets`.
        counts: items of each of the C classes.
        own_excluded: see above.

    Returns:
        For each K, C float64, for queries of each class; 0 for classes whose queries have no relevant candidate.
    """
    present, most = np.flatnonzero(counts), max(correct)
    times = np.random.default_rng(0).exponential(size=(DRAWS, len(present))) / counts[present]
    # Delaying one class lets at most the first K + 1 classes into the first K.
    near = np.argsort(times, axis=1)[:, : most + 1]
    expected = {k: np.zeros(len(counts)) for k in correct}
    for number, own in enumerate(present):
        rate = counts[own] - int(own_excluded)
        if rate == 0:
            continue
        of_others = np.where(near == number, np.inf, np.take_along_axis(times, near, axis=1))
        of_own = times[:, number, None] * (counts[own] / rate)
        order = np.argsort(np.concatenate([of_others, of_own], axis=1), axis=1)
        numbers = np.concatenate([near, np.full((DRAWS, 1), number)], axis=1)
        first = present[np.take_along_axis(numbers, order[:, : min(most, len(present))], axis=1)]
        for k, table in correct.items():
            expected[k][own] = table[own, first[:, :k]].sum(axis=1).mean() / k
    return expected
