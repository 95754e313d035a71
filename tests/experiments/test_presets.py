import shutil
from itertools import permutations

import pytest

from huse.errors import InputError
from huse.experiments.presets import apply_preset, preset_names, read_preset
from huse.nesting import flatten
from huse.run.params.all import check_params
from huse.run.params.reader import parse_section, read_yaml
from huse.run.params.train import TrainParams
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
    with pytest.raises(InputError, match=r"has no parameter backbone"):
        apply_preset("paper", path)
    assert path.read_text() == "train: {method: huse}\n"


def test_a_wrong_value_is_found(tmp_path):
    with pytest.raises(InputError, match=r"train\.steps"):
        parse_section(TrainParams, {"steps": 0}, where="preset: train")


# What a preset leaves alone: a catalogue's own, and a machine's.
OWN = (
    "seed",
    "machine.",
    "sample_catalogue.",
    "catalogue.",
    "preprocess_text.",
    "backbone.network",
    "backbone.weights",
    "backbone.geometry",
    "finetune_backbone.dtype",
    "image_vectors.dtype",
    "image_vectors.batch_size",
    "word_vectors.source",
    "word_vectors.download",
    "word_vectors.dimension",
    "word_vectors.vocabulary",
    "label_graph.",
    "train.dtype",
    "train.seed",
    "evaluate.",
)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_sets_all_but_what_is_a_catalogues_own(name):
    every = dict(flatten(read_yaml(ROOT / "params.yaml")))
    assert set(dict(flatten(read_preset(name)))) == {each for each in every if not each.startswith(OWN)}


@pytest.mark.parametrize(("first", "second"), list(permutations(preset_names(), 2)))
def test_a_preset_after_another_is_that_preset(first, second, tmp_path):
    alone, after = tmp_path / "alone.yaml", tmp_path / "after.yaml"
    for path in (alone, after):
        shutil.copy(ROOT / "params.yaml", path)
    apply_preset(first, after)
    for path in (alone, after):
        apply_preset(second, path)
    assert after.read_bytes() == alone.read_bytes()


def test_the_parameters_come_with_the_sample_preset(tmp_path):
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    assert apply_preset("sample", path) == []
