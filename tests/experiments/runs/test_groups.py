import math

import numpy as np
import pytest

from huse.errors import InputError
from huse.experiments.runs.groups import difference, differences, group_runs
from tests.experiments.runs.made import recorded

LABELLED = (("a", 1, "X"), ("b", 1, "Y *"), ("c", 2, "X"))


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
    runs = [recorded(name, right, train_seed=seed) for seed, (name, right) in enumerate([("a", [1, 0]), ("b", [1, 1])])]
    (group,) = group_runs(runs)
    assert group.mean("classification.image.accuracy") == 0.75
    assert group.deviation("classification.image.accuracy") == pytest.approx(math.sqrt(0.125))  # n - 1
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


def test_the_same_run_twice_counts_once():
    (group,) = group_runs([recorded("a", [1, 0]), recorded("b", [1, 0])])
    assert [run.name for run in group.runs] == ["a"]


def test_the_same_parameters_with_other_metrics_are_refused():
    with pytest.raises(InputError, match="b and a: found other metrics with the same parameters and seeds"):
        group_runs([recorded("a", [1, 0]), recorded("b", [1, 1])])


def test_a_difference_is_of_the_means_over_seeds_item_by_item():
    one = [recorded("a", [1, 1, 0, 0], train_seed=1), recorded("b", [1, 0, 0, 0], train_seed=2)]
    other = [recorded("c", [0, 0, 0, 0], train_seed=1, beta=1)]
    group, baseline = group_runs([*one, *other])
    found = difference(group, baseline, seed=0)
    assert found.obstacle == ""
    interval = found.intervals["classification.image.accuracy"]
    assert interval.mean == pytest.approx((1 + 0.5) / 4)
    assert interval.low < interval.mean < interval.high
    assert difference(baseline, group, seed=0).intervals["classification.image.accuracy"].mean == -interval.mean


def test_equal_results_differ_by_nothing():
    one, other = group_runs([recorded("a", [1, 0, 1]), recorded("b", [1, 0, 1], beta=1)])
    found = difference(one, other, seed=0).intervals["classification.image.accuracy"]
    assert vars(found) == {"mean": 0, "low": 0, "high": 0}


def test_a_difference_of_hard_items_is_surer_than_the_items_and_products_are_drawn_together():
    random = np.random.default_rng(0)
    hard = random.random(200)
    one, other = (recorded(name, hard + more, beta=beta) for name, more, beta in (("a", 0.05, 1), ("b", 0, 2)))
    one.items.items["correct_image"] += 0.01 * np.repeat(random.normal(size=100), 2)
    found = {}
    for kind, numbers in (("apart", np.arange(200)), ("together", np.arange(200) // 2)):
        for run in (one, other):
            run.items.items["group"] = numbers
        found[kind] = difference(*group_runs([one, other]), seed=0).intervals["classification.image.accuracy"]
    widths = {kind: interval.high - interval.low for kind, interval in found.items()}
    assert found["apart"].mean == pytest.approx(0.05, abs=0.005)
    assert widths["apart"] < 0.01  # the items themselves differ by far more
    assert widths["together"] > 1.25 * widths["apart"]


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


def test_tables_that_do_not_belong_to_the_same_items_are_an_error():
    baseline, group = group_runs([recorded("a", [1, 0]), recorded("b", [1, 0, 1], beta=1)])
    with pytest.raises(InputError, match="expected the same items in all runs"):
        difference(group, baseline, seed=0)


def test_runs_of_other_labels_are_other_groups_whatever_their_parameters():
    runs = [recorded(name, [1, 0], train_seed=seed, label=label) for name, seed, label in LABELLED]
    groups = group_runs(runs)
    assert [(group.label, [run.name for run in group.runs]) for group in groups] == [("X", ["a", "c"]), ("Y *", ["b"])]
    assert groups[0].differing == {}


def test_any_group_may_be_the_baseline():
    groups = group_runs([recorded(name, right, label=name) for name, right in (("X", [1, 1]), ("Y", [1, 0]))])
    first, second = differences(groups, groups[1], seed=0)
    assert first.intervals["classification.image.accuracy"].mean == 0.5
    assert (first.baseline, second.baseline, second.intervals) == (False, True, {})
