import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huse.commands import cli
from huse.errors import InputError
from huse.experiments.gate.rules import read_rules
from huse.run import paths

RUNNER = CliRunner()
RULES = """# rules of the test
rules:
  - metric: evaluate.accuracy   # of both
    better: higher
    tolerance: 0.1
    floor: 0.5
"""


def metrics(accuracy=0.75, split="one", items=100):
    return {"accuracy": accuracy, "split": split, "items": items}


@pytest.fixture
def branch(history):
    """On a branch that has just left main; both have the same metrics."""
    history(
        "one", {"metrics/gate.yaml": RULES, "metrics/evaluate.json": metrics(), "params.yaml": "train: {seed: 1}\n"}
    )
    history.git("switch", "--quiet", "--create", "work")
    return history


def gate(*arguments):
    return RUNNER.invoke(cli.app, ["gate", *arguments])


def test_the_same_metrics_pass(branch):
    result = gate()
    assert result.exit_code == 0
    assert "held to the merge base" in result.stdout
    assert "gate: passed" in result.stdout


def test_metrics_of_the_working_tree_are_judged_committed_or_not(branch):
    paths.EVALUATE_METRICS.write_text(json.dumps(metrics(accuracy=0.6)))
    result = gate("--markdown", "summary.md")
    assert result.exit_code == 1
    assert "evaluate.accuracy: worse by 0.1500, more than 0.1" in result.stdout
    assert "something is worse" in Path("summary.md").read_text(encoding="utf-8")
    branch("worse", {})
    assert gate().exit_code == 1
    assert gate("--base", "HEAD").exit_code == 0
    gate("--markdown", "summary.md")
    assert Path("summary.md").read_text(encoding="utf-8").count("### Metrics gate") == 2


def test_main_goes_on_and_the_merge_base_stays(branch):
    branch.git("switch", "--quiet", "main")
    branch("better", {"metrics/evaluate.json": metrics(accuracy=0.95)})
    branch.git("switch", "--quiet", "work")
    assert gate().exit_code == 0
    assert gate("--base", "main").exit_code == 1


def test_a_missing_file_on_either_side(branch):
    paths.EVALUATE_METRICS.unlink()
    result = gate()
    assert result.exit_code == 2
    assert "metrics/evaluate.json: not found here" in result.stdout
    branch("gone", {})
    paths.EVALUATE_METRICS.write_text(json.dumps(metrics()))
    result = gate("--base", "HEAD")
    assert result.exit_code == 2
    assert "metrics/evaluate.json: not found in the base" in result.stdout


def test_a_change_may_say_that_it_moves_the_baseline(branch):
    other = {"metrics/evaluate.json": metrics(accuracy=0.6, split="two", items=50)}
    branch("A smaller sample", other)
    assert gate().exit_code == 2
    branch("Say so\n\nbaseline: the sample is smaller now", {})
    result = gate()
    assert result.exit_code == 0
    assert "moves the baseline: the sample is smaller now" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "metrics/evaluate.json: not valid JSON"), ("[1]", "metrics/evaluate.json: expected an object, found list")],
)
def test_unreadable_metrics(branch, content, reason):
    paths.EVALUATE_METRICS.write_text(content)
    error = gate().exception
    assert isinstance(error, InputError)
    assert reason in str(error)


def test_a_base_that_is_none(branch):
    assert "nowhere: no such revision" in str(gate("--base", "nowhere").exception)


def test_outside_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "gate.yaml: not found" in str(gate().exception)
    paths.GATE.parent.mkdir()
    paths.GATE.write_text(RULES)
    assert "not a git repository" in str(gate("--base", "HEAD").exception)


@pytest.fixture
def experiments(branch):
    for seed, accuracy in enumerate((0.7, 0.75, 0.8), start=1):
        files = {"metrics/evaluate.json": metrics(accuracy), "params.yaml": f"train: {{seed: {seed}}}\n"}
        branch(f"run {seed}", files, experiment=f"seed-{seed}")
    return branch


@pytest.mark.parametrize("named", [[], ["seed-1", "seed-2", "seed-3"]])
def test_tolerances_come_from_runs_of_several_seeds(experiments, named):
    result = RUNNER.invoke(cli.app, ["tolerances", *named])
    assert result.exit_code == 0, result.exception
    rules = read_rules(paths.GATE)
    assert (rules.rules[0].tolerance, rules.rules[0].deviation, rules.rules[0].floor) == (0.1, 0.05, 0.5)
    assert (rules.measured_on.seeds, rules.measured_on.items) == (3, 100)
    text = paths.GATE.read_text(encoding="utf-8")
    assert text.startswith("# rules of the test")
    assert "# of both" in text
    assert RUNNER.invoke(cli.app, ["tolerances", *named]).exit_code == 0
    assert paths.GATE.read_text(encoding="utf-8") == text


def test_runs_that_make_no_tolerance(experiments):
    def error(*named):
        found = RUNNER.invoke(cli.app, ["tolerances", *named]).exception
        assert isinstance(found, InputError)
        return str(found)

    assert "at least 3 runs" in error("seed-1", "seed-2")
    assert "seed-9: no such revision" in error("seed-1", "seed-2", "seed-9")
    experiments("empty", {"metrics/evaluate.json": "{}", "params.yaml": "train: {seed: 4}\n"}, experiment="odd")
    assert "evaluate.split in every run" in error("seed-1", "seed-2", "odd")
    experiments.git("rm", "--quiet", "metrics/evaluate.json")
    experiments("none", {}, experiment="none")
    assert "none: expected metrics/evaluate.json, found none" in error("seed-1", "seed-2", "none")
    assert paths.GATE.read_text(encoding="utf-8") == RULES
