from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from huse.report.answers import (
    RULES,
    Answered,
    Facts,
    Right,
    answered,
    behind,
    few_items,
    how_often,
    judge,
    left_out,
    let_it_answer,
    mistakes,
    mixed_pair,
    most_wrong,
    next_steps,
    percent,
    small_classes,
    suspects,
    unknown_names,
)
from huse.report.metric_tables import Metric
from tests.report.conftest import metrics

CLASSES = ["a<x", "a<y", "b<z"]


def written(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def items(*pairs, sure=0.5):
    """Test items by their class and the predicted one."""
    table = pd.DataFrame(pairs, columns=["class_index", "predicted_fusion"])
    return table.assign(confidence_fusion=sure)


def pairs(*rows):
    return pd.DataFrame(rows, columns=["actual", "predicted", "items", "share"])


def training(*counts, rows_a_product=1):
    """As many products in training of each class, and many more in another split."""
    classes = np.repeat(range(len(counts)), counts).repeat(rows_a_product)
    table = pd.DataFrame({"class_index": classes, "split": "train", "group": np.arange(len(classes)) // rows_a_product})
    other = pd.DataFrame({"class_index": 0, "split": "test", "group": range(1000, 1100)}, index=range(100))
    return pd.concat([table, other], ignore_index=True)


def rejected(*rows):
    return pd.DataFrame(rows, columns=["reason", "action"])


@pytest.fixture
def quiet():
    """Facts of which no rule says anything."""
    return Facts(
        metrics={"classification": {}, "retrieval": {}},
        classes=CLASSES,
        items=items((0, 0), (1, 1), (2, 2)),
        pairs=pairs(),
        products=training(20, 20, 20),
        rejected=rejected(),
        names={"names": 1000, "names_unknown": 0},
    )


def test_where_nothing_is_wrong_nothing_is_to_do(quiet):
    assert next_steps(quiet) == []
    assert [rule(quiet) for rule in RULES] == [None] * len(RULES)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ({"low": 0.001, "high": 0.2}, "better"),
        ({"low": -0.2, "high": -0.001}, "worse"),
        ({"low": -0.2, "high": 0.001}, "level"),
        ({"low": 0.0, "high": 0.2}, "level"),
        ({"low": -0.2, "high": 0.0}, "level"),
        ({}, "no interval"),
    ],
)
def test_a_baseline_is_judged_by_the_interval_alone(interval, verdict):
    assert judge({"ours": 0.9, "baseline": 0.1, "difference": 0.8, **interval}) == verdict


def test_accuracies_are_told_of_both_first_and_beside_their_baselines():
    of = metrics()
    of["classification"]["text"] = {"accuracy": 0.25}
    assert how_often(of) == [
        Right("by picture and name together", Metric(0.625, chance=0.125)),
        Right("by the picture alone", Metric(0.5, 0.25, 0.75, 0.125), 0.75, "worse"),
        Right("by the name alone", Metric(0.25, chance=0.125)),
    ]


def test_accuracies_of_other_items_are_told_with_their_number():
    of = metrics()
    of["classification"]["text"] = {"accuracy": 0.25, "items": 1200}
    assert [right.name for right in how_often(of)] == [
        "by what there is of an item",
        "by the picture alone",
        "by the name alone, 1,200 items",
    ]


def test_of_a_catalogue_of_names_alone_they_are_told_once():
    of = {"classification": {"text": {"accuracy": 0.25}, "fusion": {"accuracy": 0.25}}}
    assert how_often(of) == [Right("by the name", Metric(0.25))]


def test_what_is_answered_for_a_precision_is_of_as_much_as_an_item_has():
    shares = {"class": 0.5, "level_1": 0.25, "none": 0.25, "accuracy": 0.9}
    other = {"class": 0.0, "level_1": 0.0, "none": 1.0}
    both = {"fusion": {"precision_95": shares}, "image": {"precision_95": other}}
    sides = {"image": {}, "text": {}}
    assert answered({"hedging": both, "classification": sides}) == Answered(
        "by picture and name together", 0.75, 0.5, 0.9
    )
    del both["fusion"]
    assert answered({"hedging": both, "classification": sides}) == Answered("by the picture alone", 0.0, 0.0, None)
    assert answered({"hedging": both, "classification": {"image": {}}}) == Answered("by the picture", 0.0, 0.0, None)
    assert answered({"hedging": {"image": {"precision_90": shares}}, "classification": sides}) is None
    assert answered({"classification": sides}) is None


def test_few_test_items_say_how_little_they_say():
    assert few_items(items(*[(0, 0)] * 100)) is None
    count, low, high = few_items(items(*[(0, 0)] * 98, (0, 1)))
    assert count == 99
    assert 0.94 < low < 98 / 99 < high < 1
    assert few_items(items(*[(0, 0)] * 3)) == (3, pytest.approx(0.438, abs=1e-3), 1.0)
    assert few_items(items()) is None


def test_classes_with_the_most_mistakes_come_first_and_of_equals_the_smaller():
    actual, predicted = np.array([0, 0, 1, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 1, 0, 1])
    assert most_wrong(CLASSES, actual, predicted, most=9) == [
        {"class_index": 2, "name": "b › z", "wrong": 2, "items": 2},
        {"class_index": 0, "name": "a › x", "wrong": 1, "items": 2},
        {"class_index": 1, "name": "a › y", "wrong": 1, "items": 3},
    ]
    assert len(most_wrong(CLASSES, actual, predicted, most=1)) == 1
    assert most_wrong(CLASSES, actual, actual, most=9) == []


def test_mistakes_are_counted_with_those_that_are_near():
    found = mistakes(CLASSES, items((0, 1), (0, 2), (1, 0), (2, 2)), pairs(("a<x", "b<z", 1, 0.5)))
    assert (found.items, found.wrong, found.near) == (4, 3, 2)
    assert found.pairs == [{"actual": "a › x", "predicted": "b › z", "items": 1, "share": 0.5}]
    assert mistakes(["a", "b"], items((0, 1)), pairs()).near is None  # one level: right there is right
    assert mistakes(["a<x", "a<y"], items((0, 1)), pairs()).near is None  # one first level: all are right there
    assert mistakes(CLASSES, items(), pairs()) is None


def test_a_remark_on_a_baseline_counts_where_the_interval_is_below_zero(quiet):
    of = metrics()
    step = behind(replace(quiet, metrics=of))
    assert step.said == "Behind a baseline, pictures: <b>try</b> more"
    assert (step.advice, step.anchor) == ("", "baselines")
    of["baselines"]["beside"]["classification.image.accuracy"]["high"] = 0.125
    assert behind(replace(quiet, metrics=of)) is None
    of["baselines"]["beside"]["retrieval.mean.map"] |= {"low": -0.25, "high": -0.125}
    of["baselines"]["remarks"].append("behind a baseline, retrieval, mean: ours is lower")
    of["baselines"]["remarks"].append("behind a baseline, retrieval, mean, CCA: level")
    step = behind(replace(quiet, metrics=of))
    assert (step.said, step.advice) == ("Behind a baseline, retrieval, mean: ours is lower", "")
    of["baselines"]["beside"]["classification.image.accuracy"]["high"] = -0.125
    assert behind(replace(quiet, metrics=of)).advice == "1 more of that kind below."


@pytest.mark.parametrize(("unknown", "told"), [(9, False), (10, True)])
def test_names_of_which_nothing_is_known_count_from_a_hundredth_on(quiet, unknown, told):
    step = unknown_names(replace(quiet, names={"names": 1000, "names_unknown": unknown}))
    assert (step is not None) == told
    if told:
        assert written(step.said) == "Nothing is known of 10 of 1,000 names, 1.0 %: they say nothing of the class."
        assert step.command == "huse words"


def test_sure_mistakes_are_suspects(quiet):
    three = items((0, 1), (1, 0), (2, 2), (2, 1), sure=[0.95, 0.9, 0.95, 0.89])
    step = suspects(replace(quiet, items=three))
    assert step.said.startswith("Of 3 test items whose class has a probability of 0.9 or more, 2 are taken for another")
    assert step.command.startswith("huse suspects ")
    assert suspects(replace(quiet, items=three.iloc[2:])) is None


def test_small_classes_count_where_they_are_wrong_more_often(quiet):
    products, some = training(20, 20, 9, rows_a_product=2), [(0, 0), (0, 0), (1, 0), (1, 1)]
    wrong, right = [(2, 1)] * 7, [(2, 2)]
    step = small_classes(replace(quiet, products=products, items=items(*some, *wrong, *right)))
    assert written(step.said) == (
        "1 of 3 classes has fewer than 10 products in training. Of their 8 test items 87.5 % are wrong, of all others "
        "25.0 %. Most mistakes:"
    )
    assert step.names == ["b › z"]
    enough = training(20, 20, 10)
    assert small_classes(replace(quiet, products=enough, items=items(*some, *wrong))) is None
    assert small_classes(replace(quiet, products=products, items=items(*some, wrong[0], right[0]))) is None  # chance
    assert small_classes(replace(quiet, products=products, items=items(*some))) is None  # not tested
    assert small_classes(replace(quiet, products=products, items=items(*wrong))) is None  # nothing beside it


def test_rows_left_out_are_told_with_their_most_frequent_reason(quiet):
    rows = [("no class", "left out"), ("broken", "left out"), ("broken", "left out"), *[("turned", "repaired")] * 5]
    step = left_out(replace(quiet, rejected=rejected(*rows)))
    assert step.said == "3 rows of the catalogue were left out, most often for: broken."
    assert (step.anchor, step.command) == ("rejected", "dvc repro")
    assert left_out(replace(quiet, rejected=rejected(*rows[3:]))) is None
    assert left_out(replace(quiet, rejected=rejected(rows[0]))).said.startswith("1 row of the catalogue was left out")


def test_two_classes_are_mixed_up_in_both_directions_together(quiet):
    mixed = [(0, 1), (1, 0), (1, 0), (0, 1), (0, 1)]
    step = mixed_pair(replace(quiet, items=items(*mixed, (0, 2), (2, 2))))
    assert step.said == "5 of 6 mistakes are between two classes:"
    assert step.names == ["a › x", "a › y"]
    assert mixed_pair(replace(quiet, items=items(*mixed[:4]))) is None  # too few
    many = [f"c{number}" for number in range(60)]
    scattered = [(number, number + 1) for number in range(3, 49)]
    assert mixed_pair(replace(quiet, classes=many, items=items(*mixed, *scattered))) is None  # 5 of 51
    assert mixed_pair(replace(quiet, classes=many, items=items(*mixed, *scattered[:45]))) is not None  # 5 of 50


def test_what_it_answers_for_a_precision_is_a_command(quiet):
    shares = {"class": 0.5, "none": 0.25, "accuracy": 0.9}

    def told(shares):
        metrics = {"hedging": {"fusion": {"precision_95": shares}}, "classification": {"image": {}, "text": {}}}
        return let_it_answer(replace(quiet, metrics=metrics))

    assert written(told(shares).said) == (
        "For a precision of 95 % it answers 75.0 % of the items by itself, and leaves 25.0 % to people."
    )
    assert told(shares).command.endswith("--precision 0.95")
    everything = {**shares, "none": 0.0}
    assert written(told(everything).said) == "For a precision of 95 % it answers 100.0 % of the items by itself."
    nothing = told({"class": 0.0, "none": 1.0})
    assert nothing.said.startswith("For a precision of 95 % it answers nothing")
    assert nothing.command == ""


def test_of_many_steps_the_first_four_stay(quiet):
    everything = replace(
        quiet,
        metrics=metrics(),
        items=items(*[(0, 0)] * 9, *[(2, 1)] * 5, sure=0.95),
        products=training(20, 20, 5),
        rejected=rejected(("no class", "left out")),
        names={"names": 10, "names_unknown": 10},
    )
    steps = next_steps(everything)
    assert steps == [rule(everything) for rule in (behind, unknown_names, suspects, small_classes)]
    assert left_out(everything) is not None
    assert None not in steps


@pytest.mark.parametrize(
    ("share", "told"), [(0.5, "50.0 %"), (1.0, "100.0 %"), (0.9999, "99.9 %"), (0.0, "0.0 %"), (0.0001, "0.1 %")]
)
def test_only_all_is_a_hundred_per_cent_and_only_none_is_zero(share, told):
    assert written(percent(share)) == told
    assert " " not in percent(share)
