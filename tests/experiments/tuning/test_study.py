"""The tuning with a function in the place of experiments."""

import math
import multiprocessing
import os
import signal
import sys

import pytest

from huse.errors import InputError
from huse.experiments.tuning.study import RunFailed, Trial, Tuning, best_first, mean_metric

PRESENT = Trial("workspace", {"train.learning_rate": 0.009, "train.width": 16, "train.graph.sigma": "or"}, 0.0)


def peak(_, values):
    """Highest, 0, at a rate of 0.001 and the widest with hinge."""
    return (
        -abs(math.log10(values["train.learning_rate"]) + 3)
        - (64 - values["train.width"]) / 48
        - (values["train.graph.sigma"] == "or")
    )


def fails(name, _):
    raise RunFailed(f"{name} went wrong")


def run_all(space, path, count, run=peak, present=PRESENT):
    return list(Tuning(space, path, present, "x").run(run, count=count, name="s"))


def test_it_finds_the_peak_more_nearly_than_chance_by_values_that_are_allowed_and_short(space, tmp_path):
    trials = run_all(space, tmp_path / "t.sqlite", 40)
    assert [trial.experiment for trial in trials if trial.experiment != "workspace"][:2] == ["s-0001", "s-0002"]
    assert best_first(trials, space)[0][0] > -0.1
    # The first ten are drawn at random, the later ones by what was found.
    assert sum(t.metric for t in trials[-20:]) / 20 > sum(t.metric for t in trials[:10]) / 10 + 0.3
    for trial in trials:
        rate, width, sigma = trial.values.values()
        assert 0.0001 <= rate <= 0.01 and width in (16, 32, 48, 64) and sigma in ("or", "hinge")
        assert len(f"{rate:.10g}") <= 9


def test_lower_is_better_where_the_ranges_say_so(space, tmp_path):
    space = space.model_copy(update={"better": "lower"})
    trials = run_all(space, tmp_path / "t.sqlite", 30, lambda name, values: -peak(name, values))
    assert best_first(trials, space)[0][0] < 0.2


def test_more_trials_later_are_those_of_a_longer_tuning(space, tmp_path):
    run_all(space, tmp_path / "t.sqlite", 5)
    assert run_all(space, tmp_path / "t.sqlite", 15) == run_all(space, tmp_path / "other.sqlite", 15)


def test_a_study_lies_where_it_is_asked_for(space, tmp_path):
    path = tmp_path / "what? 100%20 #1" / "t.sqlite"
    run_all(space, path, 2)
    assert path.is_file() and [one.name for one in tmp_path.iterdir()] == [path.parent.name]


def test_the_same_values_are_not_run_twice(space, tmp_path):
    few = space.model_copy(update={"parameters": {"train.graph.sigma": space.parameters["train.graph.sigma"]}})
    ran = []
    present = Trial("workspace", {"train.graph.sigma": "or"}, 0.5)
    trials = run_all(few, tmp_path / "t.sqlite", 12, lambda name, _: ran.append(name) or 0.7, present)
    assert len(ran) == 1
    assert {trial.experiment for trial in trials} == {"workspace", ran[0]}
    assert [trial.experiment for _, trial in best_first([present, *trials], few)] == [ran[0], "workspace"]


def test_a_failed_trial_is_kept_with_its_reason(space, tmp_path):
    def fails_once(name, values):
        if name == "s-0002":
            raise RunFailed("the loss is not finite")
        return peak(name, values)

    trials = run_all(space, tmp_path / "t.sqlite", 6, fails_once)
    assert trials[1].metric is None
    assert trials[1] not in [trial for _, trial in best_first(trials, space)]
    assert trials[1].reason == "the loss is not finite"
    again = run_all(space, tmp_path / "t.sqlite", 6, fails_once)
    assert again == trials


def test_three_failures_in_a_row_stop_it(space, tmp_path):
    with pytest.raises(RunFailed, match="the last 3 trials failed; the first of them: s-0001 went wrong"):
        run_all(space, tmp_path / "t.sqlite", 10, fails)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_if_all_trials_fail_the_first_reason_is_the_error(space, tmp_path, count):
    for _ in range(2):  # the second time they are read
        with pytest.raises(RunFailed, match=f"all {count} trials failed; the first of them: s-0001 went wrong"):
            run_all(space, tmp_path / "t.sqlite", count, fails)


def test_trials_that_equal_the_parameters_as_they_are_do_not_hide_that_all_others_failed(space, tmp_path):
    few = space.model_copy(update={"parameters": {"train.graph.sigma": space.parameters["train.graph.sigma"]}})
    present = Trial("workspace", {"train.graph.sigma": "or"}, 0.5)
    ended = []
    with pytest.raises(RunFailed, match=r"all 1 trials failed; the first of them: s-000. went wrong"):
        ended.extend(Tuning(few, tmp_path / "t.sqlite", present, "x").run(fails, count=2, name="s"))
    assert "workspace" in [trial.experiment for trial in Tuning(few, tmp_path / "t.sqlite", present, "x").trials]


def run_and_die(space, path, last):
    """Die while a trial runs."""

    def dies(name, values):
        if name == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return peak(name, values)

    run_all(space, path, 16, dies)


def test_a_tuning_that_was_killed_goes_on_as_if_it_had_not(space, tmp_path):
    whole = run_all(space, tmp_path / "whole.sqlite", 16)
    for last in ("s-0001", "s-0013"):
        process = multiprocessing.get_context("spawn").Process(
            target=run_and_die, args=(space, tmp_path / "part.sqlite", last)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert len(Tuning(space, tmp_path / "part.sqlite", PRESENT, "x").trials) == 12
    ran = []
    parts = run_all(space, tmp_path / "part.sqlite", 16, lambda name, values: ran.append(name) or peak(name, values))
    assert parts == whole
    assert set(ran) == {trial.experiment for trial in whole[12:]} - {trial.experiment for trial in whole[:12]}


@pytest.mark.parametrize("width", [1000, 40, 32.5, None])
def test_present_values_outside_the_ranges_or_steps_are_left_aside(space, tmp_path, width):
    outside = Trial("workspace", {**PRESENT.values, "train.width": width}, 9.9)
    (trial,) = run_all(space, tmp_path / "t.sqlite", 1, present=outside)
    assert set(trial.values) == set(space.parameters)


def test_a_record_of_something_else_and_a_damaged_one_are_refused(space, tmp_path):
    run_all(space, tmp_path / "t.sqlite", 2)
    with pytest.raises(InputError, match="begun with other ranges"):
        Tuning(space, tmp_path / "t.sqlite", PRESENT, "y")
    (tmp_path / "t.sqlite").write_text("no database")
    with pytest.raises(InputError, match=r"t\.sqlite: expected a study of Optuna .* Delete it"):
        Tuning(space, tmp_path / "t.sqlite", PRESENT, "x")


def test_mean_of_the_metrics(space):
    two = space.model_copy(update={"metrics": ["a.b", "c"]})
    assert mean_metric({"a.b": 0.25, "c": 0.75}, two, where="m.json") == 0.5
    with pytest.raises(InputError, match=r"m\.json: expected a number c, found None\. There are a\.b\."):
        mean_metric({"a.b": 0.25}, two, where="m.json")


def test_without_optuna_it_says_what_to_install(space, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install .optuna"):
        Tuning(space, tmp_path / "t.sqlite", PRESENT, "x")
