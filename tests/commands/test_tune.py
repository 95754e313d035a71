from types import SimpleNamespace

from huse.experiments.tuning import experiments
from huse.experiments.tuning.study import RunFailed
from huse.nesting import flatten
from huse.run import paths
from huse.run.params.reader import read_yaml
from tests.commands.conftest import error, huse, write


def test_the_ranges_that_come_with_it_are_listed(workplace):
    (line,) = huse("tune").stdout.splitlines()
    assert line.startswith("training  How HUSE learns: the weights of its losses")


def test_what_is_wrong_is_named(workplace):
    assert "no ranges 'width'; there are: training" in error("tune", "width")
    assert "mine.yaml: not found" in error("tune", "mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [a.b]\nparameters: {train.depth: {low: 1, high: 2}}\n")
    assert "mine.yaml: parameters.train.depth: params.yaml has no such parameter" in error("tune", "mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [\n")
    assert "mine.yaml: not valid YAML" in error("tune", "mine.yaml")
    assert "--name ../x: expected letters" in error("tune", "training", "--name", "../x")
    assert "evaluate: not up to date" in error("tune", "training")
    (workplace / "params.yaml").unlink()
    assert "params.yaml: not found" in error("tune", "training")


def test_if_all_trials_fail_it_ends_with_the_first_reason_and_1(workplace, monkeypatch):
    class Failing:
        present = SimpleNamespace(params={"train.dropout": 0.1})
        metric = 0.5

        def __init__(self, *_):
            pass

        def run(self, name, _):
            raise RunFailed(f"{name} went wrong")

    monkeypatch.setattr(experiments, "Experiments", Failing)
    write(paths.LOCK, "")
    write("mine.yaml", "metrics: [a.b]\nparameters: {train.dropout: {low: 0.0, high: 0.5}}\n")
    result = huse("tune", "mine.yaml", "--trials", "2")
    assert result.exit_code == 1
    assert "error: all 2 trials failed; the first of them: mine-0001 went wrong" in result.output
    assert "no trial is better" not in result.output


def test_names_and_numbers_of_the_best_are_whole_in_a_narrow_terminal(workplace, monkeypatch):
    class Rising:
        present = SimpleNamespace(params=dict(flatten(read_yaml(paths.PARAMS))))
        metric = 0.5

        def __init__(self, *_):
            pass

        def run(self, *_):
            return 0.6

    monkeypatch.setattr(experiments, "Experiments", Rising)
    write(paths.LOCK, "")
    shown = huse("tune", "training", "--trials", "2", "--name", "a-long-name").stdout
    table = shown[shown.index("The best") : shown.index("is it more")]
    for number in (1, 2):
        (line,) = (line for line in shown.splitlines() if line.split()[:1] == [str(number)])
        values = [each.split()[-1] for each in line.split("  ")[-1].split(", ")]
        (row,) = (line.split() for line in table.splitlines() if f" a-long-name-{number:04} " in line)
        assert row == [f"a-long-name-{number:04}", "0.6000", "+0.1000", *values]
