import re

import pytest

from huse.errors import InputError
from huse.experiments.tuning.space import packaged_spaces, read_space
from huse.run.params.reader import read_yaml
from tests.conftest import ROOT


@pytest.fixture
def params():
    return read_yaml(ROOT / "params.yaml")


def write(tmp_path, parameters, rest="metrics: [retrieval.mean.map]\n"):
    path = tmp_path / "own.yaml"
    path.write_text(f"{rest}parameters:\n{parameters}", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", packaged_spaces())
def test_packaged_ranges_fit_the_parameters(name, params):
    assert read_space(name, params).parameters


def test_a_file_of_ranges(tmp_path, params):
    space = read_space(
        write(tmp_path, "  train.beta: {low: 1, high: 50}\n  train.head: {choices: [cosine, linear]}\n"), params
    )
    assert (space.trials, space.seed, space.better) == (20, 0, "higher")
    assert space.parameters["train.beta"].whole
    assert space.parameters["train.head"].choices == ["cosine", "linear"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("  seed: {low: 1, high: 5}\n  train.bta: {low: 1, high: 5}\n", "train.bta: params.yaml has no such parameter"),
        ("  train: {low: 1, high: 5}\n", "train: params.yaml has no such parameter"),
        ("  train.seed: {low: 1, high: 5}\n", "a lucky seed"),
        ("  seed: {low: 1, high: 5}\n  train.bta: {low: 1, high: 5}\n", "a lucky seed"),
        ("  evaluate.resamples: {low: 1, high: 5}\n", "how metrics are measured"),
        ("  catalogue.split.test: {low: 0.1, high: 0.2}\n", "other products"),
        ("  train.dropout: {low: 0.0, high: 1.5}\n", "train.dropout=1.5: train.dropout: "),
        ("  train.head: {choices: [linear, husky]}\n", "found 'husky'"),
        ("  train.beta: {low: 5, high: 1}\n", "expected low below high, found 5 and 1"),
        ("  train.beta: {low: 1}\n", "train.beta.numbers.high: field required"),
        ("  train.beta: {low: 0, high: 1, log: true}\n", "low above 0"),
        ("  train.beta: {low: 1, high: 9, step: 0.5}\n", "a whole step"),
        ("  train.beta: {low: 1, choices: [1, 2]}\n", "choices.low"),
        ("  train.beta: {choices: [1, 1]}\n", "each choice once"),
        ("  train.beta: {lowest: 1, high: 2}\n", "lowest"),
        ("  train.beta: [1, 2]\n", "parameters.train.beta"),
        ("  {}\n", "at least 1"),
    ],
)
def test_ranges_that_do_not_fit_are_refused(tmp_path, params, parameters, said):
    with pytest.raises(InputError) as error:
        read_space(write(tmp_path, parameters), params)
    assert re.search(rf"own\.yaml.*{re.escape(said)}", str(error.value))


def test_no_such_ranges(tmp_path, params):
    with pytest.raises(InputError, match="there are: training, or a file"):
        read_space("trainin", params)
    with pytest.raises(InputError, match=r"none\.yaml: not found"):
        read_space(str(tmp_path / "none.yaml"), params)
