import shutil

import pytest

from huse.errors import InputError
from huse.params.all import check_params
from huse.params.reader import parse_section, read_yaml
from huse.params.train import TrainParams
from huse.presets import apply_preset, preset_names, read_preset
from tests.conftest import ROOT


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_gives_valid_parameters_and_keeps_comments(name, tmp_path):
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    before = path.read_text(encoding="utf-8")
    changes = apply_preset(name, path)
    after = path.read_text(encoding="utf-8")
    assert after.count("#") == before.count("#")
    check_params(path)
    different = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(different) == len(changes)
    assert apply_preset(name, path) == []


def test_the_paper_preset_has_the_papers_numbers():
    train = read_preset("paper")["train"]
    assert (train["optimizer"], train["learning_rate"], train["momentum"]) == ("rmsprop_tf", 1.6192e-05, 0.9)
    assert (train["batch_size"], train["steps"], train["dropout"]) == (1024, 250_000, 0.15)
    assert (train["image_layers"], train["text_layers"], train["width"]) == (5, 2, 512)


def test_unknown_presets_and_files_without_a_parameter(tmp_path):
    with pytest.raises(InputError, match=r"no preset 'none'; there are: paper"):
        read_preset("none")
    path = tmp_path / "params.yaml"
    path.write_text("train: {method: huse}\n")
    with pytest.raises(InputError, match=r"has no parameter train\.graph"):
        apply_preset("paper", path)
    assert path.read_text() == "train: {method: huse}\n"


def test_a_wrong_value_is_found(tmp_path):
    with pytest.raises(InputError, match=r"train\.steps"):
        parse_section(TrainParams, {"steps": 0}, where="preset: train")


def leaves(values, prefix=""):
    """Names of all parameters of a preset."""
    for name, value in values.items():
        yield from leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]


def test_the_sample_preset_is_the_way_back(tmp_path):
    others = {leaf for name in preset_names() if name != "sample" for leaf in leaves(read_preset(name))}
    assert set(leaves(read_preset("sample"))) == others
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    assert apply_preset("sample", path) == []
    for name in preset_names():
        apply_preset(name, path)
    apply_preset("sample", path)
    assert read_yaml(path) == read_yaml(ROOT / "params.yaml")
