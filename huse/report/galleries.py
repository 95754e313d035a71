"""Chooses example queries, and judges what they find.

Letters: Q queries of one direction.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers = npt.NDArray[np.int64]
Path = tuple[str, ...]
Verdict = Literal["right", "sibling", "wrong"]

SHOWN = 3  # queries of a kind
FOUND = 6  # neighbours of a query
COLUMNS = ["row", "query", "found", "first_rank", "ahp", "neighbours", "similarities"]

KINDS = {
    "hits": (
        "Typical hits",
        "Queries whose nearest candidate is of their class, and whose AHP is the usual one of such.",
    ),
    "misses": ("Instructive misses", "Queries whose nearest candidate is of another class, and lies very close."),
    "worst": ("Worst queries", "Queries whose first candidate of their class comes last."),
}


def judge(query: Path, found: Path) -> Verdict:
    """Compare the class paths of a query and of what it found; siblings are classes of the same parent."""
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
    rank, ahp = (
        queries[name].astype("Float64").to_numpy(np.float64, na_value=np.nan) for name in ("first_rank", "ahp")
    )
    rows = queries["row"].to_numpy(np.int64)
    nearest = np.array([cosines[0] if len(cosines) else np.nan for cosines in queries["similarities"]])
    hits, missed = np.flatnonzero(rank == 1), np.flatnonzero(rank > 1)
    usual = np.median(ahp[hits]) if len(hits) else 0.0

    def first(places: Integers) -> list[int]:
        """Choose the first of each class, then others, in their order."""
        again = pd.Series([classes[place] for place in places], dtype=object).duplicated()
        chosen: list[int] = places[np.argsort(again, kind="stable")][:count].tolist()
        return chosen

    typical = hits[np.lexsort((rows[hits], np.abs(ahp[hits] - usual)))]
    worst = first(missed[np.lexsort((rows[missed], ahp[missed], -rank[missed]))])
    close = missed[np.lexsort((rows[missed], -nearest[missed]))]
    return {"hits": first(typical), "misses": first(close[~np.isin(close, worst)]), "worst": worst}


def describe(query: pd.Series, paths: Sequence[Path], looks: Sequence[Any], count: int = FOUND) -> list[dict[str, Any]]:
    """Judge what a query found.

    Args:
        query: a row of the queries, with the columns of `COLUMNS`.
        paths: the class path of each row of the products.
        looks: of each row of the products; adjacent neighbours of one class that look the same are shown once.
        count: neighbours to show.

    Returns:
        The neighbours, nearest first: `row` of the products, `similarity` (cosine), `verdict`, and `times`, how many
        adjacent ones look the same.
    """
    found = []
    pairs = zip(query["neighbours"], query["similarities"], strict=True)
    for _, group in groupby(pairs, key=lambda pair: (looks[pair[0]], paths[pair[0]])):
        (row, cosine), *more = group
        verdict = judge(paths[query["row"]], paths[row])
        found.append({"row": int(row), "similarity": cosine, "verdict": verdict, "times": 1 + len(more)})
    return found[:count]
