"""Retrieval metrics in four directions: means over queries, beside chance and the best possible value (HUSE 4.3).

Letters: N items, each a query and a candidate; Q queries kept.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from huse.engine.work import Spread, here
from huse.evaluation.chance import KS, references
from huse.evaluation.classification import Doubles, Floats, Integers
from huse.evaluation.hierarchy import HP_KS, correct_tables
from huse.evaluation.ranking import RankStatistics, macro_recall_at_1, rank_statistics
from huse.evaluation.results import DIRECTIONS, SplitResults, points, present, sampled
from huse.taxonomy import Bools, ClassTree

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # candidate weights of the class probabilities
MOST_RANKED = 2000  # items used to choose that weight

Found = dict[str, RankStatistics]  # by direction
# `chance.references`, by direction and `own_excluded`
References = Callable[[str, bool], dict[str, dict[str, float]]]


def retrieve(
    places: Mapping[str, Floats],
    classes: Integers,
    tree: ClassTree,
    *,
    directions: Sequence[str] = DIRECTIONS,
    exclude_pair: bool = False,
    queries: int | None = None,
    spread: Spread = here,
) -> Found:
    """Rank all items for each query, in each direction; items with rows of NaN are no queries, or no candidates.

    Args:
        places: `image` and `text`, or what else the directions name, N × D float32 of unit norm; see `results.points`.
        classes: N class numbers.
        tree: of the classes.
        directions: such as ``image_to_text``.
        exclude_pair: only the directions between modalities, leaving out the query's own pair.
        queries: items that are queries, at most; see `results.sampled`.
        spread: has blocks of queries ranked.
    """
    found = {}
    chosen = sampled(len(classes), queries)
    there = {name: present(rows) for name, rows in places.items()}
    for direction in directions:
        query, candidate = direction.split("_to_")
        whole = there[query].all() and there[candidate].all() and chosen.all()
        asked = chosen & (there[query] & there[candidate] if exclude_pair else there[query])
        if not (exclude_pair and query == candidate):
            found[direction] = rank_statistics(
                places[query],
                places[candidate],
                classes,
                same_modality=query == candidate,
                correct=correct_tables(tree),
                similarity=tree.similarity,
                exclude_pair=exclude_pair,
                asked=None if whole else asked,
                offered=None if whole else there[candidate],
                spread=spread,
            )
    return found


def references_of(
    there: Mapping[str, Bools], classes: Integers, tree: ClassTree, queries: int | None = None
) -> References:
    """Return what computes the references of each direction, once for all whose queries and candidates are all items.

    Args:
        there: by modality N, which items have one.
        classes: N class numbers.
        tree: of the classes.
        queries: items that are queries, at most.
    """
    chosen = sampled(len(classes), queries)

    @cache
    def of(query: str, candidate: str, excluded: bool) -> dict[str, dict[str, float]]:
        asked = chosen & (there[query] & there[candidate] if excluded else there[query])
        return references(classes[there[candidate]], tree, own_excluded=excluded, queries=classes[asked])

    whole = next((name for name, those in there.items() if those.all()), "")

    def by_direction(direction: str, excluded: bool) -> dict[str, dict[str, float]]:
        return of(*(whole if there[name].all() else name for name in direction.split("_to_")), excluded)

    return by_direction


def no_references(direction: str, excluded: bool) -> dict[str, dict[str, float]]:
    """Stand for the references where they are those of metrics beside which these are shown."""
    return {}


def query_metrics(statistics: RankStatistics) -> dict[str, Doubles]:
    """Return the value of each of Q queries for every metric that is a mean over queries.

    The paper's Recall@K is the hit rate of classes, not the recall of information retrieval: 1 if a candidate of the
    query's class is among the first K, else 0.
    """
    return {
        **{f"recall_at_{k}": (statistics.first <= k).astype(np.float64) for k in KS},
        "map": statistics.average_precision,
        **{f"hp_at_{k}": statistics.item_hp[k] for k in HP_KS},
        **{f"class_hp_at_{k}": statistics.class_hp[k] for k in HP_KS},
        "ahp": statistics.ahp,
    }


def direction_metrics(
    statistics: RankStatistics, direction: str, expected: References, *, own_excluded: bool
) -> dict[str, Any]:
    """Return the metrics of one direction; if all queries were dropped, only their number."""
    if len(statistics.kept) == 0:
        return {"dropped_queries": statistics.dropped}
    return {
        **{name: float(values.mean()) for name, values in query_metrics(statistics).items()},
        "macro_recall_at_1": macro_recall_at_1(statistics),
        "median_rank": float(np.median(statistics.first)),
        "dropped_queries": statistics.dropped,
        **expected(direction, own_excluded),
    }


def retrieval_metrics(found: Found, without_pair: Found, expected: References) -> dict[str, Any]:
    """Return the metrics of every direction and of their mean.

    Args:
        found: the four directions.
        without_pair: those between modalities, without the query's own pair.
        expected: the references, of `references_of`.

    Returns:
        By direction; `without_pair` inside the directions between modalities; `mean` over the directions with metrics,
        with the sum of their dropped queries. Best possible values of 1 are left out.
    """
    metrics = {
        direction: direction_metrics(
            statistics, direction, expected, own_excluded=len(set(direction.split("_to_"))) == 1
        )
        for direction, statistics in found.items()
    }
    table: dict[str, Any] = {**metrics, "mean": _mean([entry for entry in metrics.values() if "map" in entry])}
    table["mean"]["dropped_queries"] = sum(entry["dropped_queries"] for entry in metrics.values())
    for direction, statistics in without_pair.items():
        table[direction]["without_pair"] = direction_metrics(statistics, direction, expected, own_excluded=True)
    for entry in [*table.values(), *(table[direction]["without_pair"] for direction in without_pair)]:
        entry["best"] = {name: best for name, best in entry.get("best", {}).items() if best < 1}
        if not entry["best"]:
            del entry["best"]
    return table


def _mean(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of every metric, nested ones too; empty without entries."""
    means: dict[str, Any] = {}
    for name, value in entries[0].items() if entries else ():
        values = [entry[name] for entry in entries]
        means[name] = _mean(values) if isinstance(value, dict) else float(np.mean(values))
    return means


def map_over_directions(found: Found) -> float:
    """Return the mean mAP over the directions that have it, 0 if none has."""
    means = [entry.average_precision.mean() for entry in found.values() if len(entry.kept)]
    return float(np.mean(means)) if means else 0.0


def choose_share(results: SplitResults, tree: ClassTree) -> float:
    """Return the weight of the class probabilities, of `SHARES`, with the highest mean mAP over the directions.

    Among equals, the smallest wins. Uses at most `MOST_RANKED` items, evenly spaced.

    Args:
        results: of the validation split.
        tree: of the classes.
    """
    few = results.rows(np.arange(0, len(results.classes), -(-len(results.classes) // MOST_RANKED)))
    scores = [map_over_directions(retrieve(points(few, share), few.classes, tree)) for share in SHARES]
    return SHARES[int(np.argmax(scores))]
