import math
from dataclasses import replace

import numpy as np
import pytest

from huse.errors import InputError
from huse.experiments.runs.groups import baseline_groups, difference, differences, group_runs
from tests.experiments.runs.made import recorded, with_baseline

ACCURACY = "classification.image.accuracy"


def test_runs_that_differ_in_seeds_alone_are_one_group():
    runs = [
        recorded("a", [1, 1, 0, 0], train_seed=1),
        recorded("b", [1, 0, 0, 0], train_seed=1, beta=1),
        recorded("c", [1, 1, 1, 0], train_seed=2),
        recorded("d", [1, 1, 1, 0], seed=14, train_seed=2),
    ]
    first, second = group_runs(runs)
    assert [run.name for run in first.runs] == ["a", "c", "d"]
    assert [run.name for run in second.runs] == ["b"]
    assert first.differing == {"train.beta": 10}
    assert (first.label, second.label) == ("beta 10", "beta 1")


def test_mean_and_deviation_by_hand():
    (group,) = group_runs([recorded("a", [1, 0], train_seed=0), recorded("b", [1, 1], train_seed=1)])
    assert group.mean(ACCURACY) == 0.75
    assert group.deviation(ACCURACY) == pytest.approx(math.sqrt(0.125))  # n - 1
    assert group.deviation("retrieval.mean.map") == 0
    assert group.values("classification.none") == []
    assert math.isnan(group.mean("classification.none"))
    assert group.label == "all"


def test_a_parameter_that_some_runs_lack_and_values_of_another_type_differ():
    groups = group_runs([recorded("a", [1]), recorded("b", [1], **{"train.new": None}), recorded("c", [1], beta="10")])
    assert [group.differing for group in groups] == [
        {"train.beta": 10, "train.new": "–"},
        {"train.beta": 10, "train.new": None},
        {"train.beta": "10", "train.new": "–"},
    ]


def test_the_same_run_twice_counts_once_and_is_refused_with_other_metrics():
    (group,) = group_runs([recorded("a", [1, 0]), recorded("b", [1, 0])])
    assert [run.name for run in group.runs] == ["a"]
    with pytest.raises(InputError, match="b and a: found other metrics with the same parameters and seeds"):
        group_runs([recorded("a", [1, 0]), recorded("b", [1, 1])])


def test_a_difference_is_of_the_means_over_seeds_item_by_item():
    one = [recorded("a", [1, 1, 0, 0], train_seed=1), recorded("b", [1, 0, 0, 0], train_seed=2)]
    other = [recorded("c", [0, 0, 0, 0], train_seed=1, beta=1)]
    group, baseline = group_runs([*one, *other])
    found = difference(group, baseline, seed=0)
    assert found.obstacle == ""
    interval = found.intervals[ACCURACY]
    assert interval.mean == pytest.approx((1 + 0.5) / 4)
    assert interval.low < interval.mean < interval.high
    assert difference(baseline, group, seed=0).intervals[ACCURACY].mean == -interval.mean


def test_items_of_a_product_are_drawn_together():
    one = recorded("a", np.repeat(np.random.default_rng(0).random(100), 2))  # two items of a product are alike
    other = recorded("b", np.zeros(200), beta=1)
    widths = []
    for numbers in (np.arange(200), np.arange(200) // 2):
        for run in (one, other):
            run.items.items["group"] = numbers
        found = difference(*group_runs([one, other]), seed=0).intervals[ACCURACY]
        widths.append(found.high - found.low)
    assert widths[1] > 1.25 * widths[0]  # √2 times as wide


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (recorded("b", [1, 0], beta=1, split="two"), "measured on other products"),
        (recorded("b", [1, 0], beta=1, at_hand=False), "the tables of b are not at hand"),
    ],
)
def test_what_cannot_be_compared_item_by_item_says_so(other, reason):
    baseline, group = group_runs([recorded("a", [1, 0]), other])
    found = difference(group, baseline, seed=0)
    assert found.intervals == {}
    assert reason in found.obstacle


def test_runs_of_other_labels_are_other_groups_whatever_their_parameters():
    labelled = (("a", 1, "X"), ("b", 1, "Y *"), ("c", 2, "X"))
    groups = group_runs([recorded(name, [1, 0], train_seed=seed, label=label) for name, seed, label in labelled])
    assert [(group.label, [run.name for run in group.runs]) for group in groups] == [("X", ["a", "c"]), ("Y *", ["b"])]
    assert groups[0].differing == {}


def test_any_group_may_be_the_baseline():
    groups = group_runs([recorded(name, right, label=name) for name, right in (("X", [1, 1]), ("Y", [1, 0]))])
    first, second = differences(groups, groups[1], seed=0)
    assert first.intervals[ACCURACY].mean == 0.5
    assert (first.baseline, second.baseline, second.intervals) == (False, True, {})


def test_the_baseline_of_runs_is_a_row_of_its_own():
    """Both runs have the same; it is right about three of four items, and finds every product second."""
    runs = [with_baseline(recorded(name, [1, 0, 0, 0], beta=beta), [1, 1, 1, 0]) for name, beta in (("a", 1), ("b", 2))]
    groups = group_runs(runs)
    (regression,) = baseline_groups(groups)
    assert regression.label == "logistic regression"
    assert regression.mean(ACCURACY) == 0.75
    assert regression.mean("retrieval.image_to_text.recall_at_1") == 0
    assert regression.mean("retrieval.mean.recall_at_5") == regression.mean("retrieval.mean.map") == 1
    assert regression.mean("retrieval_by_probabilities.mean.map") == 1
    assert regression.differing == {"train.beta": "–"}
    compared = difference(regression, groups[0], seed=0)
    assert compared.intervals[ACCURACY].mean == 0.5
    assert compared.intervals["retrieval.mean.recall_at_1"].mean == -1


def test_what_a_pair_gives_untouched_is_a_row_of_its_own():
    run = with_baseline(recorded("a", [1, 0, 0, 0]), [1, 1, 1, 0], prefix="zero_shot_")
    groups = group_runs([with_baseline(run, [1, 1, 1, 1])])
    regression, zero_shot = baseline_groups(groups)
    assert (regression.label, zero_shot.label) == ("logistic regression", "zero-shot")
    assert (regression.mean(ACCURACY), zero_shot.mean(ACCURACY)) == (1, 0.75)
    assert zero_shot.mean("retrieval.mean.map") == 1
    assert "retrieval_by_probabilities.mean.map" not in zero_shot.runs[0].metrics
    assert difference(zero_shot, groups[0], seed=0).intervals["classification.fusion.accuracy"].mean == 0.5


def test_a_pair_that_reads_no_names_is_compared_by_pictures_alone():
    run = with_baseline(recorded("a", [1, 0, 0, 0]), [1, 1, 1, 0], prefix="zero_shot_")
    run.items.items["zero_shot_correct_text"] = float("nan")
    run.metrics.update({"classification.text.accuracy": 0.25, "retrieval.text_to_text.map": 0.25})
    groups = group_runs([run])
    (zero_shot,) = baseline_groups(groups)
    metrics, intervals = zero_shot.runs[0].metrics, difference(zero_shot, groups[0], seed=0).intervals
    for found in (metrics, intervals):
        assert {ACCURACY, "retrieval.image_to_text.map"} <= set(found)
        assert not {"classification.fusion.accuracy", "retrieval.mean.map"} & set(found)


def test_a_baseline_that_classifies_nothing_has_its_retrieval():
    run = with_baseline(recorded("a", [1, 0, 0, 0]), [1, 1, 1, 0], prefix="correlation_")
    kept = run.items.items[[name for name in run.items.items if "correlation_correct" not in name]]
    run = replace(run, items=replace(run.items, items=kept))
    (analysis,) = baseline_groups(group_runs([run]))
    assert analysis.mean("retrieval.mean.map") == 1
    assert "classification.image.accuracy" not in analysis.runs[0].metrics


def test_baselines_on_other_vectors_are_told_apart():
    runs = [
        with_baseline(recorded(name, [1, 0], beta=beta), right)
        for name, beta, right in (("a", 1, [1, 1]), ("b", 2, [1, 0]))
    ]
    labels = [one.label for one in baseline_groups(group_runs([*runs, recorded("c", [1, 0], beta=3)]))]
    assert labels == ["logistic regression 1", "logistic regression 2"]
    assert baseline_groups(group_runs([recorded("d", [1]), recorded("e", [1], at_hand=False, beta=1)])) == []
