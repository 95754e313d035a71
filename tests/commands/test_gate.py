from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from huse.experiments.gate.rules import read_rules
from huse.run import paths
from tests.commands.conftest import error, huse, write

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


def test_the_same_metrics_pass(branch):
    result = huse("gate")
    assert result.exit_code == 0
    assert "held to the merge base" in result.stdout
    assert "gate: passed" in result.stdout


def test_metrics_of_the_working_tree_are_judged_committed_or_not(branch):
    write(paths.EVALUATE_METRICS, metrics(accuracy=0.6))
    result = huse("gate", "--markdown", "summary.md")
    assert result.exit_code == 1
    assert "evaluate.accuracy: worse by 0.1500, more than 0.1" in result.stdout
    assert "something is worse" in Path("summary.md").read_text(encoding="utf-8")
    branch("worse", {})
    assert huse("gate").exit_code == 1
    assert huse("gate", "--base", "HEAD").exit_code == 0
    huse("gate", "--markdown", "summary.md")
    assert Path("summary.md").read_text(encoding="utf-8").count("### Metrics gate") == 2


def test_a_summary_that_cannot_be_written_is_no_worse_metric(branch):
    assert "nowhere/summary.md: cannot be written to (No such file" in error("gate", "--markdown", "nowhere/summary.md")


def test_main_goes_on_and_the_merge_base_stays(branch):
    branch.git("switch", "--quiet", "main")
    branch("better", {"metrics/evaluate.json": metrics(accuracy=0.95)})
    branch.git("switch", "--quiet", "work")
    assert huse("gate").exit_code == 0
    assert huse("gate", "--base", "main").exit_code == 1


def test_a_missing_file_on_either_side(branch):
    paths.EVALUATE_METRICS.unlink()
    result = huse("gate")
    assert result.exit_code == 2
    assert "metrics/evaluate.json: not found here" in result.stdout
    branch("gone", {})
    write(paths.EVALUATE_METRICS, metrics())
    result = huse("gate", "--base", "HEAD")
    assert result.exit_code == 2
    assert "metrics/evaluate.json: not found in the base" in result.stdout


def test_a_change_may_say_that_it_moves_the_baseline(branch):
    other = {"metrics/evaluate.json": metrics(accuracy=0.6, split="two", items=50)}
    branch("A smaller sample", other)
    assert huse("gate").exit_code == 2
    branch("Say so\n\nbaseline: the sample is smaller now", {})
    result = huse("gate")
    assert result.exit_code == 0
    assert "moves the baseline: the sample is smaller now" in " ".join(result.stdout.split())
    assert "held to HEAD" in huse("gate", "--base", "HEAD").stdout  # which has said so already


PAIRED = """rules:
  - metric: evaluate.classification.image.accuracy
    better: higher
    tolerance: 0.01
"""


@pytest.fixture
def items(branch):
    """200 test items of which all are right, in the base and here; returns how many to make wrong here."""

    def make(wrong, shift=0):
        right = np.arange(200, dtype=np.float32) >= wrong
        table = pd.DataFrame({"row": np.arange(200) + shift, "group": np.arange(200)})
        table["classification.image.accuracy"] = right.astype(np.float32)
        table.to_parquet(paths.ITEM_METRICS)
        content = {**metrics(), "classification": {"image": {"accuracy": float(right.mean())}}}
        write(paths.EVALUATE_METRICS, {**content, "items": 200})

    branch.git("switch", "--quiet", "main")
    make(0)
    branch("items", {"metrics/gate.yaml": PAIRED, "params.yaml": "seed: 13\n"})
    branch.git("switch", "--quiet", "--create", "later")
    return make


def test_the_gate_compares_item_by_item(items):
    """Of 200 independent items seven points may be chance; of the same ones a loss of four is none."""
    items(8)
    result = huse("gate")
    assert result.exit_code == 1
    assert "accuracy: worse by 0.0400, more than 0.0" in result.stdout
    assert "as if the test items were others" not in result.stdout
    items(2)
    assert huse("gate").exit_code == 0


@pytest.mark.parametrize("how", ["other items", "not in Git"])
def test_without_the_same_items_it_compares_coarsely_and_says_so(items, history, how):
    items(8, shift=int(how == "other items"))
    if how == "not in Git":
        paths.ITEM_METRICS.unlink()
        history("without", {})
        items(8)
    result = huse("gate", "--base", "HEAD")
    assert result.exit_code == 0, result.stdout
    assert "Compared as if the test items were others, which sees less: metrics/items.parquet" in result.stdout
    assert ("not there in the base" if how == "not in Git" else "expected the same test items") in result.stdout
    items(20)
    assert huse("gate", "--base", "main").exit_code == 1


def test_a_damaged_table_of_items(items):
    paths.ITEM_METRICS.write_text("no table")
    assert "metrics/items.parquet: here no Parquet file" in error("gate")


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "metrics/evaluate.json: not valid JSON"), ("[1]", "metrics/evaluate.json: expected an object, found list")],
)
def test_unreadable_metrics(branch, content, reason):
    paths.EVALUATE_METRICS.write_text(content)
    assert reason in error("gate")


def test_a_base_that_is_none(branch):
    assert "nowhere: no such revision" in error("gate", "--base", "nowhere")


def test_outside_of_a_repository(workplace):
    assert "gate.yaml: not found" in error("gate")
    write(paths.GATE, RULES)
    assert "not a git repository" in error("gate", "--base", "HEAD")


@pytest.fixture
def experiments(branch):
    for seed, accuracy in enumerate((0.7, 0.75, 0.8), start=1):
        files = {"metrics/evaluate.json": metrics(accuracy), "params.yaml": f"train: {{seed: {seed}}}\n"}
        branch(f"run {seed}", files, experiment=f"seed-{seed}")
    return branch


@pytest.mark.parametrize("named", [[], ["seed-1", "seed-2", "seed-3"]])
def test_tolerances_come_from_runs_of_several_seeds(experiments, named):
    result = huse("tolerances", *named)
    assert result.exit_code == 0, result.exception
    rules = read_rules(paths.GATE)
    assert (rules.rules[0].tolerance, rules.rules[0].deviation, rules.rules[0].floor) == (0.2, 0.05, 0.5)
    assert (rules.measured_on.seeds, rules.measured_on.items) == (3, 100)
    text = paths.GATE.read_text(encoding="utf-8")
    assert text.startswith("# rules of the test")
    assert "# of both" in text
    assert huse("tolerances", *named).exit_code == 0
    assert paths.GATE.read_text(encoding="utf-8") == text


def test_runs_that_make_no_tolerance(experiments):
    two = ("tolerances", "seed-1", "seed-2")
    assert "at least 3 runs" in error(*two)
    assert "seed-9: no such revision" in error(*two, "seed-9")
    experiments.git("rm", "--quiet", "metrics/evaluate.json")
    experiments("none", {"params.yaml": "train: {seed: 4}\n"}, experiment="none")
    assert "expected the same evaluate.split in every run, found one in seed-1, one in seed-2, None in none" in error(
        *two, "none"
    )
    assert paths.GATE.read_text(encoding="utf-8") == RULES
