from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from huse.evaluation.results import DIRECTIONS, SplitResults
from huse.evaluation.summary import Catalogue, Choices, measure, summarise
from huse.evaluation.tables import (
    classes_table,
    confused_pairs_table,
    confusion_table,
    items_table,
    queries_table,
)
from huse.fusion import LogLinear
from huse.taxonomy import ClassTree

CLASSES = ["a<x", "a<y", "b<z", "b<never"]
ACTUAL = np.array([0, 0, 0, 1, 1, 2])
ROWS = np.array([3, 4, 9, 10, 20, 21])
GROUPS = ROWS // 2
IMAGE = [[0.7, 0.2, 0.1, 0], [0.2, 0.7, 0.1, 0], [0.1, 0.8, 0.1, 0], [0, 1, 0, 0], [0, 0.9, 0.1, 0], [0, 0, 1, 0]]


@pytest.fixture
def measured(unit_rows):
    embeddings = {"image": unit_rows(6, 4, seed=1), "text": unit_rows(6, 4, seed=2)}
    scores = {"image": np.array(IMAGE, np.float32), "text": np.full((6, 4), 0.25, np.float32)}
    tree = ClassTree.of(CLASSES)
    catalogue = Catalogue([[0], [1], [2], [3]], tree, tree.hops.astype(np.float32))
    return measure(
        SplitResults(embeddings, scores, ACTUAL), catalogue, Choices(0.5, LogLinear(1, 1, 0.5), "average", 0.5)
    )


def test_items(measured):
    table = items_table(measured, ROWS, GROUPS)
    assert table["row"].tolist() == ROWS.tolist()
    assert table["class_index"].tolist() == ACTUAL.tolist()
    assert table["predicted_image"].tolist() == [0, 1, 1, 1, 1, 2]
    assert table["confidence_image"].tolist() == pytest.approx([0.7, 0.7, 0.8, 1, 0.9, 1])
    assert table["correct_image"].tolist() == [1, 0, 0, 1, 1, 1]
    assert table["predicted_text"].tolist() == [0] * 6
    assert table["confidence_fusion"].tolist() == pytest.approx([0.475, 0.475, 0.525, 0.625, 0.575, 0.625])
    expected = ["row", "group", "class_index"]
    expected += [f"{what}_{name}" for what in ("predicted", "confidence") for name in "itf"]
    expected += ["decided_by", *(f"correct_{name}" for name in "itf")]
    assert table["decided_by"].tolist()[0] == "both"  # all three say class 0
    assert [column.replace("mage", "").replace("ext", "").replace("usion", "") for column in table] == expected


def test_queries(measured):
    table = queries_table(measured, ROWS)
    summary = summarise(measured, 0.5)["retrieval"]
    assert list(table.columns) == [
        "row",
        "query",
        "found",
        "first_rank",
        "average_precision",
        "ahp",
        "hp_at_2",
        "hp_at_5",
        "hp_at_10",
        "neighbours",
        "similarities",
    ]
    assert len(table) == 24
    for direction in DIRECTIONS:
        query, found = direction.split("_to_")
        part = table[(table["query"] == query) & (table["found"] == found)]
        assert part["row"].tolist() == ROWS.tolist()
        within = query == found
        assert part["first_rank"].isna().tolist() == [False] * 5 + [within]  # the last is the only one of its class
        assert part["average_precision"].isna().tolist() == part["hp_at_5"].isna().tolist() == [False] * 5 + [within]
        assert (part["first_rank"].dropna() == 1).mean() == pytest.approx(summary[direction]["recall_at_1"])
        for column, name in (("average_precision", "map"), ("ahp", "ahp"), ("hp_at_2", "hp_at_2")):
            assert part[column].mean() == pytest.approx(summary[direction][name])
        queries, candidates = measured.results.embeddings[query], measured.results.embeddings[found]
        for number, (rows, cosines) in enumerate(zip(part["neighbours"], part["similarities"], strict=True)):
            others = [n for n in range(6) if not (within and n == number)]
            others.sort(key=lambda n: -float(queries[number] @ candidates[n]))
            assert rows.tolist() == ROWS[others].tolist()
            assert cosines == pytest.approx(candidates[others] @ queries[number], abs=1e-6)


def test_queries_of_a_sample_are_those_rows_of_the_whole(measured):
    some = replace(measured, catalogue=replace(measured.catalogue, queries=3))
    some = measure(some.results, some.catalogue, some.choices)
    part, whole = queries_table(some, ROWS), queries_table(measured, ROWS)
    assert part["row"].tolist() == ROWS[[0, 2, 4]].tolist() * 4
    expected = whole[whole["row"].isin(part["row"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)
    metrics = summarise(some, 0.5)
    assert metrics["items"] == 6 and metrics["queries"] == 3 and "queries" not in summarise(measured, 0.5)
    assert metrics["retrieval"]["image_to_text"]["ahp"] == pytest.approx(
        part[(part["query"] == "image") & (part["found"] == "text")]["ahp"].mean()
    )


def test_classes(measured):
    table = classes_table(measured, CLASSES)
    assert table["classes"].tolist() == CLASSES
    assert table["class_index"].tolist() == [0, 1, 2, 3]
    assert table["items"].tolist() == [3, 2, 1, 0]
    assert table["accuracy_image"].tolist() == pytest.approx([1 / 3, 1, 1, np.nan], nan_ok=True)
    assert table["f1_image"].tolist() == pytest.approx([0.5, 2 / 3, 1, np.nan], nan_ok=True)
    within = table["recall_at_1_image_to_image"]
    assert within.isna().tolist() == [False, False, True, True]
    assert (within * [3, 2, 0, 0]).sum() / 5 == pytest.approx(
        summarise(measured, 0.5)["retrieval"]["image_to_image"]["recall_at_1"]
    )
    assert table["recall_at_1_text_to_image"].isna().tolist() == [False, False, False, True]


def test_confusions(measured):
    table = confusion_table(measured, CLASSES)
    assert table["actual"].tolist() == ["a<x"] * 3 + ["a<y"] * 2 + ["b<z"]
    assert table["predicted"].tolist() == ["a<x", "a<y", "a<y", "a<y", "a<y", "b<z"]
    pairs = confused_pairs_table(measured, CLASSES)
    assert pairs.to_numpy().tolist() == [["a<x", "a<y", 2, pytest.approx(2 / 3)]]
    assert list(pairs.columns) == ["actual", "predicted", "items", "share"]


def test_what_an_item_does_not_have_is_null(measured):
    whole = measured.results
    there = {"image": np.array([1, 1, 0, 1, 1, 1], bool), "text": np.array([1, 0, 1, 1, 1, 1], bool)}
    half = SplitResults.of(whole.embeddings, whole.scores, whole.classes, there)
    made = measure(half, measured.catalogue, measured.choices)
    items = items_table(made, ROWS, GROUPS)
    assert items["predicted_image"].tolist() == [0, 1, pd.NA, 1, 1, 2]
    assert items["correct_image"].isna().tolist() == [False, False, True, False, False, False]
    assert items["confidence_text"].isna().tolist() == [False, True, False, False, False, False]
    assert items["predicted_fusion"].tolist()[1:3] == [1, 0]
    queries = queries_table(made, ROWS)
    for direction in DIRECTIONS:
        query, found = direction.split("_to_")
        part = queries[(queries["query"] == query) & (queries["found"] == found)]
        assert part["row"].tolist() == ROWS[there[query]].tolist()
        assert {row for rows in part["neighbours"] for row in rows} <= set(ROWS[there[found]])
    classes = classes_table(made, CLASSES)
    assert classes["accuracy_image"].tolist()[:3] == [0.5, 1, 1]
    assert classes["items"].tolist() == [3, 2, 1, 0]
