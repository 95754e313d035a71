import shutil
from pathlib import Path

import pytest

from huse.errors import InputError
from huse.experiments.presets import preset_names, read_preset
from huse.nesting import flatten
from huse.run.params.all import check_params
from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from tests.conftest import ROOT


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path))


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_gives_valid_parameters_and_keeps_comments(name, path):
    before = path.read_text(encoding="utf-8")
    changes = set_values(path, read_preset(name))
    after = path.read_text(encoding="utf-8")
    assert after.count("#") == before.count("#")
    check_params(path)
    different = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(different) == len(changes)
    assert name != "sample" or not changes  # the parameters as they come
    for other in preset_names():  # which leaves nothing behind
        set_values(path, read_preset(other))
        set_values(path, read_preset(name))
        assert path.read_text(encoding="utf-8") == after


def test_the_paper_preset_has_the_papers_numbers():
    train = read_preset("paper")["train"]
    assert (train["optimizer"], train["learning_rate"], train["momentum"]) == ("rmsprop_tf", 1.6192e-05, 0.9)
    assert (train["batch_size"], train["steps"], train["dropout"]) == (1024, 250_000, 0.15)
    assert (train["image_layers"], train["text_layers"], train["width"]) == (5, 2, 512)
    letters = {name: read_preset(name)["preprocess_text"]["letters"] for name in preset_names()}
    assert {name for name, kept in letters.items() if kept == "ascii"} == {"notebook", "paper"}


def test_unknown_presets_and_files_without_a_parameter(path):
    with pytest.raises(InputError, match=r"no preset 'none'; there are: notebook, paper"):
        read_preset("none")
    path.write_text("train: {method: huse}\n")
    with pytest.raises(InputError, match=r"has no parameter backbone"):
        set_values(path, read_preset("paper"))
    assert path.read_text() == "train: {method: huse}\n"


# What a preset leaves alone: a catalogue's own, and a machine's.
OWN = (
    "seed",
    "machine.",
    "sample_catalogue.",
    "catalogue.",
    "text_vectors.start",
    "train.start",
    "preprocess_text.digits",
    "preprocess_text.fold_accents",
    "preprocess_text.max_emptied",
    "backbone.network",
    "backbone.weights",
    "backbone.geometry",
    "backbone.crop",
    "backbone.interpolation",
    "backbone.given.",
    "image_vectors.flip",
    "finetune_backbone.dtype",
    "image_vectors.dtype",
    "image_vectors.batch_size",
    "word_vectors.source",
    "word_vectors.download",
    "word_vectors.dimension",
    "word_vectors.vocabulary",
    "text_vectors.sentences.",
    "text_vectors.given.",
    "text_vectors.pair.",
    "label_graph.",
    "train.dtype",
    "train.seed",
    "train.shards",
    "evaluate.",
)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_sets_all_but_what_is_a_catalogues_own(name):
    every = dict(flatten(read_yaml(ROOT / "params.yaml")))
    assert set(dict(flatten(read_preset(name)))) == {each for each in every if not each.startswith(OWN)}
