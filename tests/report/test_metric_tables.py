import json

import pytest

from huse.nesting import flatten
from huse.report.metric_tables import (
    Metric,
    Table,
    answer_levels,
    answer_rows,
    headline,
    look_up,
    make_table,
    product_table,
    read_metric,
    readable,
    space_tables,
    transpose,
)
from huse.report.page import write_interval, write_metric, write_number, write_parameter
from huse.run import paths
from tests.conftest import ROOT
from tests.report.conftest import metrics, with_products


def test_a_number_is_found_at_its_path_and_nothing_elsewhere():
    tree = {"a": {"b": 2, "c": {"d": 0.5}, "e": True, "f": "text"}}
    assert look_up(tree, "a.b") == 2
    assert look_up(tree, "a.c.d") == 0.5
    for path in ("a", "a.c", "a.e", "a.f", "a.b.c", "x", "a.x"):
        assert look_up(tree, path) is None


def test_a_metric_has_its_interval_and_its_chance():
    assert read_metric(metrics(), "classification.image.accuracy") == Metric(0.5, 0.25, 0.75, 0.125)
    assert read_metric(metrics(), "classification.image.top_5") == Metric(0.75)
    assert read_metric(metrics(), "retrieval.text_to_image.map") == Metric(0.4, chance=0.04)
    assert read_metric(metrics(), "retrieval.mean.dropped_queries") == Metric(1, share=False)
    assert read_metric(metrics(), "retrieval.text_to_image.ndcg") is None
    tree = {"hp_at_2": 0.5, "chance": {"hp_at_2": 0.25}, "best": {"hp_at_2": 0.75}}
    assert read_metric({"retrieval": tree}, "retrieval.hp_at_2") == Metric(0.5, chance=0.25, best=0.75)


def test_a_table_leaves_out_rows_and_columns_without_metrics():
    tree = {"x": {"one": {"p": 0.25}, "two": {"q": 0.5}, "three": {"r": 1.0}}}
    table = make_table(tree, "x", {"one": "One", "two": "Two", "four": "Four"}, {"p": "P", "q": "Q", "s": "S"})
    assert table == Table(["P", "Q"], [("One", [Metric(0.25), None]), ("Two", [None, Metric(0.5)])])
    assert transpose(table) == Table(["One", "Two"], [("P", [Metric(0.25), None]), ("Q", [None, Metric(0.5)])])
    assert make_table(tree, "y", {"one": "One"}, {"p": "P"}) is None
    assert transpose(None) is None


def test_the_main_metrics_are_grouped_by_kind():
    assert headline({}) == {}
    groups = headline(metrics())
    assert {title: len(metrics) for title, metrics in groups.items()} == {"accuracy": 2, "R@1": 4, "mAP": 4, "AHP": 4}


def test_pictures_and_products_stand_side_by_side():
    assert product_table(metrics()) is None
    table = product_table(with_products())
    assert table.columns == ["per picture", "per product"]
    rows = dict(table.rows)
    assert rows["accuracy by image"] == [Metric(0.5, 0.25, 0.75, 0.125), Metric(0.75, 0.5, 1.0, 0.25)]
    assert rows["R@1, text → image"] == [Metric(0.5, chance=0.05), Metric(0.25)]
    assert rows["mAP, both → both"] == [None, Metric(0.625, chance=0.0625)]
    assert "accuracy by text" not in rows


def test_the_space_is_told_in_tables():
    assert space_tables({}) == []
    gap = {
        "mean_distance": 0.1,
        "image_to_text": {"median_rank": 9.0, "rank_1": 0.5},
        "chance": {"median_rank": 50.5, "rank_1": 0.01},
    }
    found = dict(space_tables({"space": {"gap": gap, "class_order": {"mean": 0.75}}}))
    assert found["The gap between pictures and names"] == Table(
        ["cosine distance"], [("of a picture and its name", [Metric(0.1)])]
    )
    assert found["Where an item's other half stands among all"].rows == [
        ("a picture's name", [Metric(9.0, chance=50.5, share=False), Metric(0.5, chance=0.01)])
    ]
    assert len(found) == 3


def test_every_number_of_the_space_is_in_a_table():
    metrics = json.loads((ROOT / paths.EVALUATE_METRICS).read_text())
    shown = [metric for _, table in space_tables(metrics) for _, row in table.rows for metric in row if metric]
    counted = len([path for path, _ in flatten(metrics["space"]) if ".chance." not in path])
    assert len(shown) == counted


def test_keys_become_words():
    words = {"hp_at_2": "HP@2", "image_to_text": "image → text", "mean_distance": "mean distance"}
    assert {key: readable(key) for key in words} == words


@pytest.mark.parametrize(
    ("metric", "written", "interval"),
    [
        (Metric(0.5), "0.500", ""),
        (Metric(0.98765, 0.9, 1.0), "0.988", "0.900 to 1.000"),
        (Metric(1234, share=False), "1,234", ""),
        (Metric(2.5, share=False), "2.5", ""),
        (None, "–", ""),
    ],
)
def test_metrics_are_written_with_three_digits(metric, written, interval):
    assert write_metric(metric) == written
    assert write_interval(metric) == interval


def test_other_numbers_are_written_by_their_size():
    written = {3.0: "3", 12345.0: "12,345", 196.5: "196.5", 0.5: "0.500", 1.0: "1.000", -0.25: "-0.250", 2.5: "2.500"}
    assert {value: write_number(value) for value in written} == written
    assert write_number(9) == "9"  # an integer has no is_integer before Python 3.12
    assert write_number(None) == "–"


def test_parameters_are_written_as_in_their_file():
    written = {"true": True, "null": None, "0.15": 0.15, "huse": "huse", "32": 32, '["a<é"]': ["a<é"]}
    assert {write_parameter(value): value for value in written.values()} == written


def test_answers_have_the_deepest_level_first_and_rows_for_every_precision():
    shares = {"class": 0.5, "level_1": 0.25, "level_2": 0.125, "level_10": 0, "none": 0.125}
    metrics = {
        "hedging": {"text": {"precision_90": shares, "precision_95": shares}, "fusion": {"precision_90": shares}}
    }
    assert list(answer_levels(metrics).items()) == [
        ("class", "class"),
        ("level_10", "level 10"),
        ("level_2", "level 2"),
        ("level_1", "level 1"),
        ("none", "nothing"),
    ]
    rows = {"text.precision_90": "text, 0.90", "text.precision_95": "text, 0.95", "fusion.precision_90": "both, 0.90"}
    assert answer_rows(metrics) == rows
    assert answer_rows({}) == {}
