"""A catalogue that grows: the next run goes on from the model of the last one."""

import json
import shutil

import pandas as pd
import pytest

from huse.errors import InputError
from huse.run import paths
from stages import evaluate, model, text_vectors, train
from tests.pipeline.in_process import STAGES, write_params
from tests.pipeline.test_unseen import CHANGES, UNSEEN, write_catalogue
from tests.repository import SMALL

WORDS = {"text_vectors": {"encoders": ["ngrams"], "ngrams": {"dimension": 8}}}
FROZEN = {"finetune_backbone": {"epochs": 0}, "catalogue": {"unseen_classes": 0, "split": {"by": "hash"}}}
GROWN = {"text_vectors": {"start": "earlier"}, "train": {"start": "earlier", "steps": 5, "validate_every": 5}}


@pytest.fixture
def grown(here):
    """A run on three classes whose model is kept as `earlier`, and the catalogue with a fourth one."""
    changes = (SMALL, CHANGES, WORDS, FROZEN)
    write_catalogue(here, "glitter", 40)
    everything = (here / "catalogue.csv").read_text().splitlines(keepends=True)
    (here / "catalogue.csv").write_text("".join(line for line in everything if UNSEEN not in line))
    write_params(here.root, *changes)
    for stage in (*STAGES, model):
        stage.main(here)
    shutil.move(here / paths.MODEL, here / "earlier")
    split = pd.read_parquet(here / paths.PRODUCTS).set_index("image")["split"]
    (here / "catalogue.csv").write_text("".join(everything))
    write_params(here.root, *changes, GROWN)
    return here, changes, split


def run(here):
    for stage in STAGES:
        stage.main(here)


def test_the_next_run_goes_on_from_the_model_and_tells_of_new_classes(grown):
    here, changes, split = grown
    run(here)
    again = pd.read_parquet(here / paths.PRODUCTS).set_index("image")["split"]
    assert again[split.index].equals(split) and len(again) == len(split) + 20
    projection = "projection.npy"
    kept = (here / "earlier/text_encoder" / projection).read_bytes()
    assert (here / paths.TEXT_ENCODER / projection).read_bytes() == kept
    assert json.loads((here / paths.TOWERS_CONFIG).read_text())["new_classes"] == [UNSEEN]
    measured = json.loads((here / paths.EVALUATE_METRICS).read_text())
    items = pd.read_parquet(here / paths.TEST_ITEMS)
    products = pd.read_parquet(here / paths.PRODUCTS)
    new = (products["split"] == "test") & (products["classes"] == UNSEEN)
    assert measured["new_classes"]["items"] == new.sum() > 0 and len(items) > new.sum()
    # The first five steps from the model are better than five from random weights.
    started = measured["retrieval"]["mean"]["map"]
    write_params(here.root, *changes, {**GROWN, "train": {**GROWN["train"], "start": None}})
    train.main(here)
    evaluate.main(here)
    scratch = json.loads((here / paths.EVALUATE_METRICS).read_text())
    assert started > scratch["retrieval"]["mean"]["map"] and "new_classes" not in scratch


def test_what_does_not_fit_says_what_to_do(grown):
    here, changes, _ = grown
    write_params(here.root, *changes, {"train": GROWN["train"]})
    for stage in STAGES[: STAGES.index(train)]:
        stage.main(here)
    refused(here, train, "another text encoder than .* Set text_vectors.start: .*earlier too")
    write_params(here.root, *changes, {**GROWN, "train": {**GROWN["train"], "width": 24}})
    text_vectors.main(here)
    refused(here, train, "does not fit params.yaml, section train: other shapes of towers")
    write_params(here.root, *changes, {**GROWN, "text_vectors": {"start": "earlier", "encoders": ["ngrams", "words"]}})
    refused(here, text_vectors, "reads names by ngrams, and text_vectors.encoders has ngrams, words")
    write_params(here.root, *changes, {**GROWN, "train": {**GROWN["train"], "start": "nowhere"}})
    refused(here, train, "nowhere: no model. Copy data/model")
    config = here / "earlier/config.json"
    config.write_text(config.read_text().replace("bags<tote", "bags<tolte"))
    weights = here / "earlier/towers.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    write_params(here.root, *changes, GROWN)
    refused(here, train, "towers.safetensors: not the file that config.json describes")


def refused(here, stage, told):
    with pytest.raises(InputError, match=told):
        stage.main(here)
