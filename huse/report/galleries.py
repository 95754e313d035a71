"""Chooses example queries, and judges what they find.

Letters: Q queries of one direction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import pandas as pd

Path = tuple[str, ...]
Verdict = Literal["right", "sibling", "wrong"]

SHOWN = 3  # queries of a kind
FOUND = 6  # neighbours of a query
COLUMNS = ["row", "query", "found", "first_rank", "average_precision", "ahp", "neighbours", "similarities"]

KINDS = {
    "hits": (
        "Typical hits",
        "Queries whose nearest candidate is of their class, and whose AHP is the usual one of such.",
    ),
    "misses": ("Instructive misses", "Queries whose nearest candidate is of another class, and lies very close."),
    "worst": ("Worst queries", "Queries whose first candidate of their class comes last."),
}


@dataclass(frozen=True)
class Neighbour:
    """A candidate that a query found.

    Attributes:
        row: of the products.
        similarity: cosine.
        verdict: right: the query's class; sibling: another class with the same parent; wrong: any other.
        times: adjacent candidates that look the same, of which this is the first.
    """

    row: int
    similarity: float
    verdict: Verdict
    times: int = 1


@dataclass(frozen=True)
class Query:
    """A query and what it found.

    Attributes:
        row: of the products.
        first_rank: rank, from 1, of the first candidate of its class.
        average_precision: of its ranking.
        found: nearest first.
    """

    row: int
    first_rank: int
    average_precision: float
    found: list[Neighbour]


def judge(query: Path, found: Path) -> Verdict:
    """Compare the class paths of a query and of what it found."""
    if query == found:
        return "right"
    return "sibling" if len(query) > 1 and query[:-1] == found[:-1] else "wrong"


def choose(queries: pd.DataFrame, classes: Sequence[str], count: int = SHOWN) -> dict[str, list[int]]:
    """Choose queries of each kind of `KINDS`, of different classes as far as possible.

    Args:
        queries: Q rows with `first_rank`, null where a query was dropped, `ahp`, `similarities` and `row`.
        classes: the class of each of the Q queries.
        count: how many of a kind.

    Returns:
        For each kind, places in `queries`. A query has one kind; worst comes before misses.
    """
    rank = queries["first_rank"].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    rows = queries["row"].to_numpy(np.int64)
    ahp = queries["ahp"].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    nearest = np.array([cosines[0] if len(cosines) else np.nan for cosines in queries["similarities"]])
    hits, missed = np.flatnonzero(rank == 1), np.flatnonzero(rank > 1)
    usual = np.median(ahp[hits]) if len(hits) else 0.0
    typical = hits[np.lexsort((rows[hits], np.abs(ahp[hits] - usual)))]
    worst = missed[np.lexsort((rows[missed], ahp[missed], -rank[missed]))]
    chosen = {"hits": _of_different_classes(typical.tolist(), classes, count)}
    last = _of_different_classes(worst.tolist(), classes, count)
    close = missed[np.lexsort((rows[missed], -nearest[missed]))]
    chosen["misses"] = _of_different_classes([place for place in close.tolist() if place not in last], classes, count)
    return {**chosen, "worst": last}


def _of_different_classes(places: Sequence[int], classes: Sequence[str], count: int) -> list[int]:
    """Return the first of each class, then others, in their order."""
    first: dict[str, int] = {}
    for place in places:
        first.setdefault(classes[place], place)
    others = [place for place in places if first[classes[place]] != place]
    return [*first.values(), *others][:count]


def describe(query: pd.Series, path_of: Callable[[int], Path], same: Callable[[int], str], count: int = FOUND) -> Query:
    """Judge what a query found.

    Args:
        query: a row of the queries, with the columns of `COLUMNS`.
        path_of: class path of a row of the products.
        same: key by which candidates look the same; adjacent neighbours with equal keys are shown once.
        count: neighbours to show.
    """
    own = path_of(int(query["row"]))
    pairs = [(int(row), float(cosine)) for row, cosine in zip(query["neighbours"], query["similarities"], strict=True)]
    found = []
    for _, group in groupby(pairs, key=lambda pair: (same(pair[0]), path_of(pair[0]))):
        (row, cosine), *more = group
        found.append(Neighbour(row, cosine, judge(own, path_of(row)), 1 + len(more)))
    precision = float(query["average_precision"])
    return Query(int(query["row"]), int(query["first_rank"]), precision, found[:count])
