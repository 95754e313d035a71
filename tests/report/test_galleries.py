import pandas as pd
import pytest

from huse.report.galleries import choose, describe, judge


@pytest.mark.parametrize(
    ("query", "found", "verdict"),
    [
        (("a", "b"), ("a", "b"), "right"),
        (("a", "b"), ("a", "c"), "sibling"),
        (("a", "b"), ("x", "b"), "wrong"),
        (("a", "b"), ("a",), "wrong"),
        (("a", "b"), ("a", "b", "c"), "wrong"),
        (("a",), ("b",), "wrong"),  # all first levels would be siblings, as they hang on one root
        (("a",), ("a",), "right"),
    ],
)
def test_verdicts(query, found, verdict):
    assert judge(query, found) == verdict


def queries(ranks, ahp, nearest):
    return pd.DataFrame(
        {
            "row": range(len(ranks)),
            "first_rank": pd.array(ranks, dtype="Int64"),
            "ahp": pd.array(ahp, dtype="Float64"),
            "similarities": [[cosine, 0.1] for cosine in nearest],
        }
    )


def test_queries_are_chosen_by_rule():
    ranks = [1, 1, 1, 9, 2, 3, None, 9]
    ahp = [0.2, 0.5, 0.9, 0.3, 0.4, 0.4, None, 0.1]
    table = queries(ranks, ahp, [0.9, 0.9, 0.9, 0.5, 0.6, 0.8, 1.0, 0.7])
    chosen = choose(table, list("abcdefgh"), count=2)
    assert chosen["hits"] == [1, 0]  # nearest to the median AHP of hits, 0.5
    assert chosen["worst"] == [7, 3]  # the same rank, a lower AHP first
    assert chosen["misses"] == [5, 4]  # the closest wrong neighbour first, without the worst


def test_queries_are_of_different_classes_while_there_are_any():
    table = queries([1, 1, 1], [0.5, 0.5, 0.4], [0.9, 0.9, 0.9])
    assert choose(table, ["a", "a", "b"], count=2)["hits"] == [0, 2]
    assert choose(table, ["a", "a", "a"], count=2)["hits"] == [0, 1]


def test_no_queries_no_galleries():
    assert choose(queries([None], [None], [0.5]), ["a"]) == {"hits": [], "misses": [], "worst": []}
    assert choose(queries([], [], []), []) == {"hits": [], "misses": [], "worst": []}


def test_neighbours_that_look_the_same_are_shown_once():
    paths = [("a", "b"), ("a", "b"), ("a", "b"), ("a", "c"), ("x",)]
    names = ["own", "same", "same", "same", "other"]
    query = pd.Series({"row": 0, "neighbours": [1, 2, 3, 4], "similarities": [0.9, 0.8, 0.7, 0.6]})
    assert [tuple(found.values()) for found in describe(query, paths, names)] == [
        (1, 0.9, "right", 2),
        (3, 0.7, "sibling", 1),
        (4, 0.6, "wrong", 1),
    ]
    assert len(describe(query, paths, range(5), count=3)) == 3
