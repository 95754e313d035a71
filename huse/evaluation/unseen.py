"""Where products of unseen classes, which no stage has learned from, land in the space.

HUSE (arXiv 1911.05978) learns class distances from names alone, so even a class without products has a place in the
semantic graph. This asks two questions about products of such classes. Among the test products of seen classes, are the
nearest of a sibling, a class with the same parent? And with unseen products among the candidates, do they find their
own class? If nothing pulls them to their siblings, the first metrics are at chance.

Letters: C classes, N products, A queries, Q of them of one class, S candidates of seen classes, P candidates of all, D
dimension of the shared space.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.evaluation.chance import KS, area_chance, average_precision_chance
from huse.evaluation.classification import Doubles, Floats, Integers
from huse.evaluation.hierarchy import precision_at_k_chance
from huse.evaluation.intervals import interval_ends
from huse.evaluation.keys import first_copies
from huse.evaluation.results import DIRECTIONS, present
from huse.metrics import AHP_K, area_under_hierarchical_precision, average_precision, precision_at_k
from huse.nesting import nest
from huse.taxonomy import Bools, ClassTree

BLOCK = 256  # queries at a time; memory is about BLOCK × P × 40 bytes
METRICS = (*(f"sibling_at_{k}" for k in KS), "ahp", "hops", "recall_at_1", "map")
CHANCE = "chance."


@dataclass(frozen=True)
class Unseen:
    """Where each product of an unseen class lands.

    Attributes:
        rows: A row numbers of the products, the queries.
        classes: their class numbers.
        values: by direction and metric A float64, NaN where the query does not count; chance is under `CHANCE` + name.
    """

    rows: Integers
    classes: Integers
    values: Mapping[str, Mapping[str, Doubles]]


def measure_unseen(
    embeddings: Mapping[str, Floats], classes: Integers, split: npt.NDArray[Any], tree: ClassTree
) -> Unseen | None:
    """Measure where the products of unseen classes land.

    Queries are the products of the split `unseen`, except those of a seen class, which share a name or a picture with
    an unseen product. In each of four directions: `sibling_at_K`, the share of the K nearest test products of seen
    classes that are of a sibling; `ahp`, the area under the graded hierarchical precision (Barz & Denzler 2019, arXiv
    1809.09924) of the first `AHP_K` of these, divided by the best they allow; `hops`, edges from the query's class to
    that of the nearest; and, with all unseen products among the candidates, `recall_at_1` and `map` of the query's own
    class. Within a modality a query is no candidate for itself.

    Among equal cosines, candidates of other classes come first, the less similar ones before.

    A query counts for the first three only if it has a sibling among the candidates, and for the last two only if
    another candidate is of its class.

    Args:
        embeddings: `image` and `text`, each N × D float32 of unit norm, or a row of NaN where an item has none: then it
            is no query, or no candidate.
        classes: N class numbers.
        split: N names: train, validation, test or unseen.
        tree: of the C classes.

    Returns:
        None without a query, or without a candidate of a seen class.
    """
    asked = (split == "unseen") & ~np.isin(classes, classes[np.isin(split, ("train", "validation", "test"))])
    rows = np.flatnonzero(asked | (split == "test"))
    unseen, pool = asked[rows], classes[rows]
    if not unseen.any() or unseen.all():
        return None
    values = {}
    for direction in DIRECTIONS:
        query, candidate = direction.split("_to_")
        values[direction] = _direction(
            embeddings[query][rows], embeddings[candidate][rows], pool, unseen, tree, same_modality=query == candidate
        )
    return Unseen(rows[unseen], pool[unseen], values)


def unseen_metrics(found: Unseen) -> dict[str, Any]:
    """Return the means over the queries.

    Returns:
        By direction the metrics, their `chance`, `dropped_without_sibling` and `dropped_without_own`; under `mean` the
        means over the directions with the metric; and the numbers of queries and their classes, `items` and `classes`.
        A metric without queries is left out.
    """
    metrics: dict[str, Any] = {direction: _means(values) for direction, values in found.values.items()}
    directions = list(metrics.values())
    metrics["mean"] = {**_mean(directions), "chance": _mean([each["chance"] for each in directions])}
    return {"items": len(found.rows), "classes": len(np.unique(found.classes)), **metrics}


def unseen_intervals(found: Unseen, groups: Integers, *, seed: int, resamples: int) -> dict[str, Any]:
    """Return 95 % intervals over products; they do not cover other choices of unseen classes.

    Args:
        found: A queries.
        groups: their A group numbers; a single group gives no interval.
        seed: of the draws.
        resamples: draws.

    Returns:
        ``low`` and ``high`` by direction, or `mean`, and metric.
    """
    values = {f"unseen.{direction}.{name}": of[name] for direction, of in found.values.items() for name in METRICS}
    intervals = interval_ends(values, groups, seed=seed, resamples=resamples)
    return nest({path.removeprefix("unseen."): ends for path, ends in intervals.items()})


def _means(values: Mapping[str, Doubles]) -> dict[str, Any]:
    means = {name: float(np.nanmean(of)) for name, of in values.items() if np.isfinite(of).any()}
    return {
        **{name: mean for name, mean in means.items() if not name.startswith(CHANCE)},
        "chance": {name.removeprefix(CHANCE): mean for name, mean in means.items() if name.startswith(CHANCE)},
        "dropped_without_sibling": int(np.isnan(values["hops"]).sum()),
        "dropped_without_own": int(np.isnan(values["map"]).sum()),
    }


def _mean(of: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = {name: [metrics[name] for metrics in of if name in metrics] for name in METRICS}
    return {name: float(np.mean(those)) for name, those in values.items() if those}


def _direction(
    queries: Floats, candidates: Floats, classes: Integers, unseen: Bools, tree: ClassTree, *, same_modality: bool
) -> dict[str, Doubles]:
    """Return the metrics of the A queries of one direction, and their chance.

    Args:
        queries: P × D.
        candidates: P × D.
        classes: P class numbers.
        unseen: P, True where no stage has learned from the class; these are the queries.
        tree: of the C classes.
        same_modality: a query is no candidate for itself.
    """
    firsts = first_copies(
        candidates
    )  # equal candidates get equal cosines; a matrix product may add up in another order
    place = np.cumsum(unseen) - 1
    asked, offered = present(queries), present(candidates)
    queries, candidates = np.nan_to_num(queries), np.nan_to_num(candidates)
    values = {f"{prefix}{name}": np.full(unseen.sum(), np.nan) for prefix in ("", CHANCE) for name in METRICS}
    for own in np.unique(classes[unseen]):
        ties = (-tree.hops[own], tree.siblings[own], tree.similarity[own])
        order = np.lexsort((*(table[classes] for table in ties), classes == own))
        members = np.flatnonzero((classes == own) & asked)
        for rows in (members[start : start + BLOCK] for start in range(0, len(members), BLOCK)):
            cosines = (queries[rows] @ candidates.T)[:, firsts]
            if same_modality:
                cosines[np.arange(len(rows)), rows] = -np.inf
            cosines[:, ~offered] = -np.inf
            ranked = order[np.argsort(-cosines[:, order], axis=1, kind="stable")]
            ranked = ranked[:, : offered.sum() - int(same_modality)]
            seen = ranked[~unseen[ranked]].reshape(len(rows), -1)
            metrics = _among_siblings(classes[seen], own, tree) | _own_class(classes[ranked] == own)
            for name, each in metrics.items():
                values[name][place[rows]] = each
    return values


def _among_siblings(ranked: Integers, own: int, tree: ClassTree) -> dict[str, Doubles]:
    """Return the metrics of Q queries of the class `own`, and their chance; empty without a candidate of a sibling.

    Args:
        ranked: Q × S classes of the candidates of seen classes, best first.
        own: the class.
        tree: of the C classes.
    """
    sibling, similarity, edges = (table[own][ranked] for table in (tree.siblings, tree.similarity, tree.hops))
    count, shown = ranked.shape[1], min(AHP_K, ranked.shape[1])
    members = sibling[0].sum()
    if not members:
        return {}
    metrics = {}
    for k in KS:
        metrics[f"sibling_at_{k}"] = precision_at_k(sibling, k)
        metrics[f"{CHANCE}sibling_at_{k}"] = precision_at_k_chance(members, count, k)
    best = np.cumsum(-np.sort(-similarity[0]))[:shown]
    if best[0] > 0:
        metrics["ahp"] = area_under_hierarchical_precision(similarity[:, :shown], best)
        metrics[f"{CHANCE}ahp"] = area_chance(similarity[0].mean(), best)
    else:  # no candidate has any similarity: every order is the best
        metrics["ahp"] = metrics[f"{CHANCE}ahp"] = np.ones(1)
    return {**metrics, "hops": edges[:, 0].astype(np.float64), f"{CHANCE}hops": edges[0].mean()}


def _own_class(relevant: Bools) -> dict[str, Doubles]:
    """Return R@1 and average precision of Q queries of one class, and chance; empty without a relevant candidate.

    Args:
        relevant: Q × n, True for candidates of the class, best first; equally many in each row.
    """
    count, members = relevant.shape[1], relevant[0].sum()
    if not members:
        return {}
    return {
        "recall_at_1": precision_at_k(relevant, 1),
        "map": average_precision(relevant, np.arange(1, count + 1)),
        f"{CHANCE}recall_at_1": precision_at_k_chance(members, count, 1),
        f"{CHANCE}map": average_precision_chance(members, count),
    }
