import numpy as np
import pandas as pd
import pytest

from huse.errors import InputError
from huse.evaluation.intervals import Run, gains, item_metrics, mean_intervals, paired_intervals


def mean_interval(values, groups, **settings):
    return mean_intervals({"": values}, groups, **settings)[""]


def naive_interval(values, groups, resamples, seed):
    """Products are drawn one by one, with all their items."""
    random = np.random.default_rng(seed)
    names, means = sorted(set(groups)), []
    for _ in range(resamples):
        drawn = [values[n] for name in random.choice(names, len(names)) for n in np.flatnonzero(groups == name)]
        means.append(np.nanmean(drawn))
    return np.percentile(means, [2.5, 97.5])


def test_the_interval_is_that_of_drawing_whole_groups():
    random = np.random.default_rng(0)
    groups = random.integers(0, 60, size=200)
    values = random.normal(size=60)[groups] + 0.3 * random.normal(size=200)
    values[::9] = np.nan
    found = mean_interval(values, groups, seed=1, resamples=4000)
    low, high = naive_interval(values, groups, 4000, seed=2)
    width = high - low
    assert found.mean == pytest.approx(np.nanmean(values))
    assert found.low == pytest.approx(low, abs=0.06 * width)
    assert found.high == pytest.approx(high, abs=0.06 * width)


def test_intervals_of_independent_items_cover_as_often_as_they_say():
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(400):
        found = mean_interval(random.normal(size=150), np.arange(150), seed=seed, resamples=400)
        covered += found.low <= 0 <= found.high
    # Three standard errors around a little less than 0.95: percentiles of a few hundred draws are a little narrow.
    assert covered / 400 == pytest.approx(0.94, abs=0.036)


def test_the_seed_decides_the_draws():
    values, groups = np.random.default_rng(0).normal(size=50), np.arange(50) // 2
    first, again, other = (mean_interval(values, groups, seed=seed, resamples=150) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.mean == other.mean


def test_one_group_has_no_width():
    found = mean_interval(np.array([0.0, 1.0]), np.array([5, 5]), seed=0, resamples=20)
    assert vars(found) == {"mean": 0.5, "low": 0.5, "high": 0.5}


def test_metrics_share_the_draws_and_directions_have_a_mean():
    random = np.random.default_rng(0)
    hard = random.random(80)
    values = {
        "classification.image.accuracy": hard,
        "retrieval.image_to_text.map": hard,
        "retrieval.text_to_image.map": 1 - hard,
        "retrieval.image_to_image.map": np.full(80, np.nan),
    }
    found = mean_intervals(values, np.arange(80) // 2, seed=0, resamples=500)
    assert set(found) == {
        "classification.image.accuracy",
        "retrieval.image_to_text.map",
        "retrieval.text_to_image.map",
        "retrieval.mean.map",
    }
    assert found["retrieval.image_to_text.map"] == found["classification.image.accuracy"]
    # Where one direction is easier the other is harder: drawn together, their mean does not vary at all.
    assert vars(found["retrieval.mean.map"]) == pytest.approx({"mean": 0.5, "low": 0.5, "high": 0.5})
    assert found["retrieval.text_to_image.map"].high - found["retrieval.text_to_image.map"].low > 0.1


def test_draws_without_any_item_of_a_metric_do_not_count():
    values = np.full(40, np.nan)
    values[0] = 0.7
    assert vars(mean_interval(values, np.arange(40), seed=0, resamples=200)) == pytest.approx(
        {"mean": 0.7, "low": 0.7, "high": 0.7}
    )


def a_run(right, first):
    """Two directions; `first` are ranks, null where dropped."""
    rows = np.arange(len(right))
    items = pd.DataFrame({"row": rows, "group": rows, "correct_image": right, "correct_fusion": np.ones(len(right))})
    ranks = pd.array(first, dtype="Int64")
    parts = [
        pd.DataFrame(
            {
                "row": rows,
                "query": query,
                "found": "text",
                "first_rank": ranks,
                **{name: 1 / ranks.to_numpy(float, na_value=np.nan) for name in ("average_precision", "ahp")},
                **{f"hp_at_{k}": np.where(pd.isna(ranks), np.nan, 0.5) for k in (2, 5, 10)},
            }
        )
        for query in ("image", "text")
    ]
    return Run(items, pd.concat(parts, ignore_index=True))


def test_two_runs_are_compared_item_by_item():
    right = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    one = a_run(right, [1, 2, 1, None, 1, 11])
    other = a_run(right[::-1], [2, 2, 1, None, 6, 11])
    found = paired_intervals([one], [other], seed=0, resamples=400)
    assert found["classification.image.accuracy"].mean == 0
    assert found["classification.image.accuracy"].low < 0 < found["classification.image.accuracy"].high
    assert vars(found["classification.fusion.accuracy"]) == {"mean": 0, "low": 0, "high": 0}
    for direction in ("image_to_text", "text_to_text", "mean"):
        path = f"retrieval.{direction}"
        assert found[f"{path}.recall_at_1"].mean == pytest.approx((3 - 1) / 5)
        assert found[f"{path}.recall_at_5"].mean == pytest.approx((4 - 3) / 5)
        assert found[f"{path}.recall_at_10"].mean == 0
        assert found[f"{path}.map"].mean == pytest.approx((0.5 + 5 / 6) / 5)
        assert found[f"{path}.hp_at_5"].mean == 0
    backwards = paired_intervals([other], [one], seed=0, resamples=400)
    for path, interval in found.items():
        assert backwards[path].mean == pytest.approx(-interval.mean)
        assert backwards[path].low == pytest.approx(-interval.high)


def test_what_items_contribute_is_compared_as_the_tables_are():
    right = np.array([1.0, 0.0, np.nan, 1.0, 0.0, 1.0])
    runs = a_run(right, [1, 2, 1, None, 1, 3]), a_run(right[::-1], [2, 2, 1, None, 6, 11])
    tables = [item_metrics(run) for run in runs]
    assert len(tables[0]) == 6
    assert tables[0]["retrieval.image_to_text.map"].tolist()[5] == np.float32(0.3333)
    whole = paired_intervals([runs[0]], [runs[1]], seed=3, resamples=200)
    found = gains(*tables, seed=3, resamples=200)
    assert set(found) == {path for path in whole if path.endswith(("accuracy", "recall_at_1", "map", "ahp", "hp_at_2"))}
    for path, interval in found.items():
        assert vars(interval) == pytest.approx(vars(whole[path]), abs=2e-4)
    later = tables[1].assign(more=1.0)
    assert gains(tables[0], later, seed=3, resamples=200) == found
    with pytest.raises(InputError, match="the same test items"):
        gains(tables[0], tables[1].assign(row=[0, 1, 2, 3, 4, 6]), seed=3)


def test_items_that_are_no_queries_are_compared_by_what_they_have():
    """The second item has no picture: it is no query of its own, and has no accuracy by images."""
    runs = []
    for right, ranks in (([1.0, np.nan, 0, 1], [1, 9, 2, 1]), ([0.0, np.nan, 0, 1], [2, 1, 1, 1])):
        whole = a_run(np.array(right), ranks)
        second = whole.items["row"].iloc[1]
        asked = (whole.queries["query"] == "text") | (whole.queries["row"] != second)
        runs.append(Run(whole.items, whole.queries[asked]))
    found = paired_intervals([runs[0]], [runs[1]], seed=0, resamples=100)
    assert found["classification.image.accuracy"].mean == pytest.approx(1 / 3)
    assert found["retrieval.image_to_text.recall_at_1"].mean == pytest.approx((2 - 2) / 3)
    assert found["retrieval.text_to_text.recall_at_1"].mean == pytest.approx((2 - 3) / 4)


def test_runs_on_other_items_are_refused():
    one, other = a_run(np.ones(4), [1, 1, 1, 1]), a_run(np.ones(3), [1, 1, 1])
    with pytest.raises(InputError, match=r"items\.parquet: expected the same items in all runs"):
        paired_intervals([one], [other], seed=0)
    turned = Run(one.items, one.queries.iloc[::-1])
    with pytest.raises(InputError, match=r"queries\.parquet"):
        paired_intervals([one], [one, turned], seed=0)


def test_several_runs_are_one_whose_metrics_are_their_means():
    right = np.array([1.0, 0.0, 0.0, 1.0])
    one, two = a_run(right, [1, 2, 1, 11]), a_run(1 - right, [1, 1, 1, 1])
    other = a_run(np.zeros(4), [2, 2, 2, 2])
    found = paired_intervals([one, two], [other], seed=0, resamples=200)
    interval = found["classification.image.accuracy"]
    assert vars(interval) == {"mean": 0.5, "low": 0.5, "high": 0.5}  # each item is right in one of the two
    assert found["retrieval.mean.recall_at_1"].mean == pytest.approx((2 + 4) / 8)
    assert vars(paired_intervals([one, two], [two, one], seed=0, resamples=200)["retrieval.mean.map"]) == {
        "mean": 0,
        "low": 0,
        "high": 0,
    }
