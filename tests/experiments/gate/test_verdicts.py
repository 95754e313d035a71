import math

import pytest

from huse.evaluation.intervals import Interval
from huse.experiments.gate.rules import Rule
from huse.experiments.gate.table import as_markdown, reasons_of
from huse.experiments.gate.verdicts import Verdict, coarse, judge

HIGHER = Rule(metric="evaluate.accuracy", better="higher", tolerance=0.1, floor=0.5)
LOWER = Rule(metric="evaluate.gap", better="lower", tolerance=0.1, ceiling=0.5)


def metrics(accuracy=0.75, gap=0.25, split="one", items=100, dropped=0):
    retrieval = {"text_to_text": {"dropped_queries": dropped}}
    return {"evaluate": {"accuracy": accuracy, "gap": gap, "split": split, "items": items, "retrieval": retrieval}}


def without(name):
    return {"evaluate": {key: value for key, value in metrics()["evaluate"].items() if key != name}}


@pytest.mark.parametrize(
    ("accuracy", "gap", "verdict", "code"),
    [
        (0.75, 0.25, Verdict.SAME, 0),
        (0.65, 0.35, Verdict.SAME, 0),  # by exactly the tolerance
        (0.649, 0.351, Verdict.WORSE, 1),
        (0.85, 0.15, Verdict.SAME, 0),
        (0.851, 0.149, Verdict.BETTER, 0),
    ],
)
def test_both_directions(accuracy, gap, verdict, code):
    outcome = judge([HIGHER, LOWER], metrics(), metrics(accuracy, gap))
    assert [line.verdict for line in outcome.lines] == [verdict, verdict]
    assert outcome.exit_code == code


def test_a_bound_holds_whatever_the_base_has():
    low = metrics(accuracy=0.49, gap=0.51)
    outcome = judge([HIGHER, LOWER], low, low)
    assert [line.verdict for line in outcome.lines] == [Verdict.OUT_OF_BOUNDS] * 2
    assert outcome.exit_code == 1
    assert reasons_of(outcome) == [
        "evaluate.accuracy: 0.4900 is below the floor of 0.5",
        "evaluate.gap: 0.5100 is above the ceiling of 0.5",
    ]


def beside(accuracy, baseline):
    return {"evaluate": {**metrics(accuracy)["evaluate"], "baselines": {"text_linear": {"accuracy": baseline}}}}


@pytest.mark.parametrize(
    ("accuracy", "baseline", "margin", "verdict"),
    [
        (0.75, 0.75, 0, Verdict.SAME),
        (0.75, 0.76, 0, Verdict.OUT_OF_BOUNDS),
        (0.75, 0.65, 0.1, Verdict.SAME),
        (0.75, 0.66, 0.1, Verdict.OUT_OF_BOUNDS),
        (0.75, 0.80, -0.1, Verdict.SAME),
        (0.95, 0.90, 0, Verdict.BETTER),
        (0.60, 0.50, 0, Verdict.WORSE),  # than the base
        (0.45, 0.40, 0, Verdict.OUT_OF_BOUNDS),  # the floor
    ],
)
def test_a_metric_is_held_to_a_baseline_of_the_same_run(accuracy, baseline, margin, verdict):
    rule = HIGHER.changed(above="baselines.text_linear.accuracy", margin=margin)
    # What the base's baseline is does not matter.
    (line,) = judge([rule], beside(0.75, 0.99), beside(accuracy, baseline)).lines
    assert line.verdict is verdict


def test_what_a_baseline_asks_for_is_told():
    rule = HIGHER.changed(above="baselines.text_linear.accuracy", margin=0.01)
    outcome = judge([rule], metrics(), beside(0.75, 0.8))
    assert outcome.exit_code == 1
    reason = "evaluate.accuracy: 0.7500 is below the 0.8000+0.01 of evaluate.baselines.text_linear.accuracy"
    assert reasons_of(outcome) == [reason]
    assert "| ≥ 0.81 |" in " ".join(as_markdown(outcome, "").split())


@pytest.mark.parametrize("new_baseline", [True, False])
def test_a_baseline_that_is_not_there_fails(new_baseline):
    rule = HIGHER.changed(above="baselines.text_linear.accuracy")
    outcome = judge([rule], metrics(), metrics(), new_baseline=new_baseline)
    assert outcome.exit_code == 2
    (reason,) = reasons_of(outcome)
    assert "`above`: evaluate.baselines.text_linear.accuracy here is none" in reason
    assert "evaluate.baselines of params.yaml must be above 0" in reason
    assert judge([rule], metrics(), beside(0.75, math.nan)).exit_code == 2


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "0.75", True, [0.75]])
@pytest.mark.parametrize("here", [True, False])
def test_what_is_no_finite_number_fails(value, here):
    sides = (metrics(), metrics(accuracy=value)) if here else (metrics(accuracy=value), metrics())
    outcome = judge([HIGHER, LOWER], *sides)
    assert [line.verdict for line in outcome.lines] == [Verdict.LOST if here else Verdict.NO_METRIC, Verdict.SAME]
    assert outcome.exit_code == (1 if here else 2)
    assert ("here is" if here else "the base has") in outcome.lines[0].reason
    assert "gate.yaml" not in outcome.lines[0].reason


def test_what_neither_side_has_is_to_be_taken_out():
    (line,) = judge([HIGHER], metrics(accuracy=None), metrics(accuracy=None)).lines
    assert line.verdict == Verdict.NO_METRIC
    assert line.reason == "here is none, as in the base. If the catalogue has none, take it out of metrics/gate.yaml"


@pytest.mark.parametrize("here", [True, False])
def test_a_missing_metric_or_file_fails(here):
    sides = (metrics(), without("accuracy")) if here else (without("accuracy"), metrics())
    assert judge([HIGHER], *sides).exit_code == (1 if here else 2)
    sides = (metrics(), {"evaluate": None}) if here else ({"evaluate": None}, metrics())
    outcome = judge([HIGHER], *sides)
    assert outcome.exit_code == 2
    assert outcome.obstacles == [f"metrics/evaluate.json: not found {'here' if here else 'in the base'}"]


@pytest.mark.parametrize(
    ("here", "reason"),
    [
        (metrics(split="two"), "another test split, two here and one in the base"),
        (without("split"), "evaluate.split: another test split, None here and one in the base"),
        (metrics(items=99), "evaluate.items: fewer queries, 99 here and 100 in the base"),
        (metrics(items=None), "evaluate.items: expected a number on both sides"),
        (without("items"), "evaluate.items: expected a number on both sides"),
        (metrics(dropped=1), "dropped_queries: fewer queries, 1 here and 0 in the base"),
        (without("retrieval"), "dropped_queries: expected a number on both sides, found 0 in the base and None here"),
    ],
)
def test_other_queries_cannot_be_compared(here, reason):
    outcome = judge([HIGHER], metrics(), here)
    assert outcome.exit_code == 2
    assert reason in "\n".join(outcome.obstacles)


def test_two_runs_that_name_no_split_cannot_be_compared():
    assert judge([HIGHER], without("split"), without("split")).exit_code == 2


def test_more_queries_and_worse_metrics():
    assert judge([HIGHER], metrics(), metrics(items=101)).exit_code == 0
    assert judge([HIGHER], metrics(), metrics(accuracy=0.6, items=101)).exit_code == 1
    assert judge([HIGHER], metrics(), metrics(accuracy=0.6, items=99)).exit_code == 2
    assert judge([HIGHER, LOWER], metrics(), metrics(accuracy=0.6, gap=None)).exit_code == 1


def test_a_new_baseline_is_held_to_its_bounds_alone():
    other = metrics(accuracy=0.6, gap=0.4, split="two", items=50)
    assert judge([HIGHER, LOWER], metrics(), other).exit_code == 2
    assert judge([HIGHER, LOWER], metrics(), other, new_baseline=True).exit_code == 0
    assert judge([HIGHER, LOWER], {"evaluate": None}, other, new_baseline=True).exit_code == 0
    assert judge([HIGHER], metrics(), metrics(accuracy=0.4), new_baseline=True).exit_code == 1
    assert judge([HIGHER], metrics(), without("accuracy"), new_baseline=True).exit_code == 2
    assert judge([HIGHER], metrics(), {"evaluate": None}, new_baseline=True).exit_code == 2


def test_the_table_in_markdown():
    outcome = judge([HIGHER, LOWER], metrics(), metrics(accuracy=0.6, gap=None))
    text = as_markdown(outcome, "main (0123456789)")
    assert text.splitlines()[:3] == ["### Metrics gate: something is worse", "", "Held to main (0123456789)."]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert rows[2] == ["evaluate.accuracy", "0.7500", "0.6000", "-0.1500", "0.1000", "–", "≥ 0.5", "worse"]
    assert rows[3] == ["evaluate.gap", "0.2500", "–", "–", "0.1000", "–", "≤ 0.5", "lost"]
    assert "- evaluate.accuracy: worse by 0.1500, more than 0.1" in text
    assert "- evaluate.gap: here is none" in text


MEAN = Rule(metric="evaluate.retrieval.mean.map", better="higher", tolerance=0.01)
DISTANCE = Rule(metric="evaluate.retrieval.mean.distance", better="lower", tolerance=0.01)


def means(value, **others):
    return {
        "evaluate": {**metrics()["evaluate"], "retrieval": {"mean": {"map": value, "distance": 1 - value}, **others}}
    }


@pytest.mark.parametrize(
    ("lost", "half", "verdict"),
    [
        (0.012, 0.005, Verdict.WORSE),
        (0.009, 0.005, Verdict.SAME),  # within the tolerance, though no chance
        (0.012, 0.013, Verdict.SAME),  # may be chance
        (0.030, 0.013, Verdict.WORSE),
        (-0.012, 0.005, Verdict.BETTER),
        (-0.012, 0.013, Verdict.SAME),
    ],
)
def test_a_paired_metric_is_allowed_its_tolerance_or_what_may_be_chance(lost, half, verdict):
    """By hand: a loss counts where it is above the tolerance and the interval of the difference is without 0."""
    changes = {
        "retrieval.mean.map": Interval(-lost, -lost - 2 * half, -lost + half),
        "retrieval.mean.distance": Interval(lost, lost - half, lost + 2 * half),
    }
    outcome = judge([MEAN, DISTANCE], means(0.8), means(0.8 - lost), changes)
    assert [line.verdict for line in outcome.lines] == [verdict] * 2
    assert [line.allowed for line in outcome.lines] == pytest.approx([max(0.01, half)] * 2)
    assert coarse(outcome) == []


def test_what_is_not_paired_is_allowed_what_may_be_chance_among_others():
    """1 / √100 items; a metric that is no mean over items has its tolerance alone."""
    outcome = judge([MEAN, HIGHER.changed(tolerance=0.01)], means(0.8), means(0.71))
    assert [line.allowed for line in outcome.lines] == [0.1, 0.01]
    assert outcome.exit_code == 0
    assert coarse(outcome) == [MEAN.metric]
    assert judge([MEAN], means(0.8), means(0.69)).exit_code == 1
    of_products = Rule(metric="evaluate.product.map", better="higher", tolerance=0.01)
    base, here = (
        {"evaluate": {**metrics()["evaluate"], "product": {"map": value, "products": 25}}} for value in (0.8, 0.61)
    )
    (line,) = judge([of_products], base, here).lines
    assert (line.allowed, line.verdict) == (0.2, Verdict.SAME)


@pytest.mark.parametrize("value", [None, math.nan, "0.5"])
def test_a_metric_without_a_rule_that_is_lost_fails(value):
    base, here = metrics(), metrics()
    base["train"], here["train"] = {"loss": {"graph": 0.5}}, {"loss": {"graph": value}}
    outcome = judge([HIGHER], base, here)
    assert outcome.exit_code == 1
    (reason,) = reasons_of(outcome)
    assert reason.startswith("train.loss.graph: 0.5 in the base, and here ")
    del here["train"]
    assert judge([HIGHER], base, here).exit_code == 1
    assert judge([HIGHER], base, here, new_baseline=True).exit_code == 0
    assert judge([HIGHER], here, base).exit_code == 0  # a new one


def test_of_many_lost_metrics_some_are_named_and_all_counted():
    base = {**metrics(), "train": {f"metric_{number}": 0.5 for number in range(12)}}
    *some, last = reasons_of(judge([HIGHER], base, metrics(split="two")))
    assert some[0].endswith("If that is meant, say so in a commit message: a line `baseline: why`")
    assert len(some) == 11 and "train.metric_9" in some[-1]
    assert last == "… and 2 other metrics of the base that are not here"
    base["train"].popitem()
    assert reasons_of(judge([HIGHER], base, metrics()))[-1] == "… and 1 other metric of the base that is not here"


@pytest.mark.parametrize(
    ("file", "count", "code"),
    [
        ("word_vectors", {"most_frequent_missing": {"envelope": 2}}, 0),
        ("catalogue", {"with_picture_only": 7}, 0),
        ("catalogue", {"classes_without_train": 1}, 0),
        ("catalogue", {"products": 7}, 1),
        ("word_vectors", {"words": 7}, 1),
    ],
)
def test_a_count_that_is_written_where_there_are_some_is_not_lost(file, count, code):
    base, here = {**metrics(), file: count}, {**metrics(), file: {}}
    assert judge([HIGHER], base, here).exit_code == code


def test_what_has_nothing_to_measure_is_not_lost():
    base = {"evaluate": {**metrics()["evaluate"], "new_classes": {"accuracy": 0.5}}}
    assert judge([HIGHER], base, metrics()).exit_code == 0
    for of, code in (({"share": 0.0}, 0), ({"none": 1.0}, 0), ({"share": 0.1}, 1), ({"none": 0.9}, 1), ({}, 1)):
        base, here = metrics(), metrics()
        base["evaluate"]["decided_by"], here["evaluate"]["decided_by"] = {"accuracy": 0.5}, of
        assert judge([HIGHER], base, here).exit_code == code
