"""The search with a function in the place of experiments."""

import json
import math
import sys

import pytest

from huse.errors import InputError
from huse.experiments.tuning.loop import RunFailed, search
from huse.experiments.tuning.proposals import propose
from huse.experiments.tuning.trials import Record, Trial, best_first, mean_figure

PRESENT = Trial("workspace", {"train.learning_rate": 0.009, "train.width": 16, "train.graph.sigma": "or"}, 0.0)


def peak(_, values):
    """Highest, 0, at a rate of 0.001 and the widest with hinge."""
    return (
        -abs(math.log10(values["train.learning_rate"]) + 3)
        - (64 - values["train.width"]) / 48
        - (values["train.graph.sigma"] == "or")
    )


def run_all(space, path, count, run=peak, present=PRESENT):
    return list(search(space, Record(path, "x"), present, run, count=count, name="s"))


def test_it_finds_the_peak_more_nearly_than_chance(space, tmp_path):
    trials = run_all(space, tmp_path / "t.json", 40)
    assert [trial.experiment for trial in trials if trial.experiment != "workspace"][:2] == ["s-0001", "s-0002"]
    assert best_first(trials, space)[0][0] > -0.1
    # The first ten are drawn at random, the later ones by what was found.
    assert sum(t.figure for t in trials[-20:]) / 20 > sum(t.figure for t in trials[:10]) / 10 + 0.3


def test_lower_is_better_where_the_ranges_say_so(space, tmp_path):
    space = space.model_copy(update={"better": "lower"})
    trials = run_all(space, tmp_path / "t.json", 30, lambda name, values: -peak(name, values))
    assert best_first(trials, space)[0][0] < 0.2


def test_values_are_within_the_ranges_and_short(space, tmp_path):
    for trial in run_all(space, tmp_path / "t.json", 30):
        assert all(space.parameters[name].contains(value) for name, value in trial.values.items())
        assert trial.values["train.width"] in (16, 32, 48, 64)
        assert len(f"{trial.values['train.learning_rate']:.10g}") <= 9


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(space, tmp_path):
    whole = run_all(space, tmp_path / "whole.json", 25)
    ran = []

    def stops(name, values):
        if len(ran) == 13:
            raise KeyboardInterrupt
        ran.append(name)
        return peak(name, values)

    with pytest.raises(KeyboardInterrupt):
        run_all(space, tmp_path / "part.json", 25, stops)
    again = []
    parts = run_all(space, tmp_path / "part.json", 25, lambda name, values: again.append(name) or peak(name, values))
    assert parts == whole
    assert not set(ran) & set(again)
    assert (tmp_path / "part.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_more_trials_later_are_those_of_a_longer_search(space, tmp_path):
    run_all(space, tmp_path / "t.json", 5)
    assert run_all(space, tmp_path / "t.json", 15) == run_all(space, tmp_path / "other.json", 15)


def test_the_same_values_are_not_run_twice(space, tmp_path):
    few = space.model_copy(update={"parameters": {"train.graph.sigma": space.parameters["train.graph.sigma"]}})
    ran = []
    present = Trial("workspace", {"train.graph.sigma": "or"}, 0.5)
    trials = run_all(few, tmp_path / "t.json", 12, lambda name, _: ran.append(name) or 0.7, present)
    assert len(ran) == 1
    assert {trial.experiment for trial in trials} == {"workspace", ran[0]}
    assert [trial.experiment for _, trial in best_first([present, *trials], few)] == [ran[0], "workspace"]


def test_a_failed_trial_is_kept_with_its_reason(space, tmp_path):
    def fails_once(name, values):
        if name == "s-0002":
            raise RunFailed("the loss is not finite")
        return peak(name, values)

    trials = run_all(space, tmp_path / "t.json", 6, fails_once)
    assert trials[1].figure is None
    assert trials[1] not in [trial for _, trial in best_first(trials, space)]
    kept = json.loads((tmp_path / "t.json").read_text())["trials"][1]
    assert (kept["figure"], kept["reason"]) == (None, "the loss is not finite")


def test_three_failures_in_a_row_stop_it(space, tmp_path):
    def fails(name, values):
        raise RunFailed(f"{name} went wrong")

    with pytest.raises(InputError, match="the last 3 trials failed; the last one: s-0003 went wrong"):
        run_all(space, tmp_path / "t.json", 10, fails)


def test_present_values_outside_the_ranges_are_left_aside(space):
    outside = Trial("workspace", {**PRESENT.values, "train.width": 1000}, 9.9)
    assert set(propose(space, [], outside)) == set(space.parameters)


def test_a_record_of_something_else_is_refused(space, tmp_path):
    run_all(space, tmp_path / "t.json", 2)
    with pytest.raises(InputError, match="begun with other ranges"):
        Record(tmp_path / "t.json", "y")


@pytest.mark.parametrize("content", ["{", "[]", '{"begun_from": "x"}', '{"begun_from": "x", "trials": [{"a": 1}]}'])
def test_a_damaged_record_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(InputError, match=r"t\.json: "):
        Record(tmp_path / "t.json", "x")


def test_mean_of_the_figures(space):
    two = space.model_copy(update={"figures": ["a.b", "c"]})
    assert mean_figure({"a.b": 0.25, "c": 0.75}, two, where="m.json") == 0.5
    with pytest.raises(InputError, match=r"m\.json: expected a number c, found None\. There are a\.b\."):
        mean_figure({"a.b": 0.25}, two, where="m.json")


def test_without_optuna_it_says_what_to_install(space, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install .optuna"):
        propose(space, [], PRESENT)
