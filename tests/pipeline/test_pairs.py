"""An image-text pair of each format through all stages: pictures, names, labels, and what it gives untouched."""

import json

import numpy as np
import pandas as pd
import pytest

import huse
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.pictures import load_pictures
from huse.encoders.text_reading import SentenceReading
from huse.evaluation.intervals import BASELINES, Run
from huse.run import paths
from tests.pipeline.in_process import ALL, write_params
from tests.pipeline.test_model import assert_is_what_the_stages_computed
from tests.repository import SMALL, TINY
from tests.vision.pairs import KINDS, make_pair, needs_transformers

pytestmark = pytest.mark.slow
SENTENCE = "my {leaf}, {path}"


def run(here, path, folder, networks, *changes):
    """Run all stages on a catalogue with these networks; return the metrics of the test split."""
    own = {"network": networks, "weights": [None if ":" in name else "random" for name in networks]}
    backbone = {"backbone": {**own, "size": 32, "geometry": None, "crop": None}}
    given = {"catalogue": {"csv": str(path), "images": str(folder)}, "label_graph": {"zero_shot": SENTENCE}}
    write_params(here.root, SMALL, TINY, backbone, given, {"finetune_backbone": {"epochs": 0}}, *changes)
    for name, stage in ALL.items():
        if name != "sample_catalogue":
            stage.main(here)
    return json.loads((here / paths.EVALUATE_METRICS).read_text())


def catalogue(small_catalogue):
    path, folder = small_catalogue
    table = pd.read_csv(path)
    table["split"] = [*["train"] * 5, *["validation"] * 2, *["test"] * 3] * 2
    table.to_csv(path, index=False)
    return path, folder


SPLIT = {"catalogue": {"columns": {"split": "split"}}}


def untouched(here, network, pictures, texts):
    """Return unit vectors of pictures and of texts by the pair; tests/vision hold its halves to the libraries."""
    images = load_pictures(here / paths.BACKBONE)["2"].encode(pictures)
    names = open_pair_texts([network], SentenceReading(), here.root, by="").encode(texts)
    return [those / np.linalg.norm(those, axis=1, keepdims=True) for those in (images, names)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_is_measured_as_it_is_beside_what_was_trained_on_it(kind, here, small_catalogue, tmp_path):
    path, folder = catalogue(small_catalogue)
    network = make_pair(kind, tmp_path / "pair")
    encoders = {"text_vectors": {"encoders": ["ngrams", "pair"], "ngrams": {"min_names": 1}}}
    metrics = run(here, path, folder, ["squeezenet1_1", network], SPLIT, encoders, {"label_graph": {"encoder": "pair"}})
    products = pd.read_parquet(here / paths.PRODUCTS)
    rows = np.flatnonzero(products["split"] == "test")
    classes = sorted(set(products["classes"]))
    sentences = [f"my {one.split('<')[-1]}, {one.replace('<', ' ')}" for one in classes]
    names = products["name"].iloc[rows].tolist()
    pictures = [folder / image for image in products["image"].iloc[rows]]
    images, texts = untouched(here, network, pictures, [*names, *sentences])
    of_names, of_classes = np.split(texts, [len(names)])
    actual = products["class_index"].to_numpy()[rows]
    found = metrics["baselines"]["zero_shot"]
    for name, cosines in (
        ("image", images @ of_classes.T),
        ("text", of_names @ of_classes.T),
        ("fusion", (images + of_names) @ of_classes.T),
    ):
        assert found[name]["accuracy"] == pytest.approx((cosines.argmax(axis=1) == actual).mean())
    best = (images @ of_names.T).argmax(axis=1)
    assert found["retrieval"]["image_to_text"]["recall_at_1"] == pytest.approx((actual[best] == actual).mean())
    page = (here / paths.REPORT).read_text(encoding="utf-8")
    assert "pictures, zero-shot: accuracy" in page and "Retrieval by the pair&#39;s own vectors" in page
    tables = Run(*(pd.read_parquet(here / file) for file in (paths.TEST_ITEMS, paths.TEST_QUERIES)))
    assert list(tables.baselines) == list(BASELINES)
    assert_is_what_the_stages_computed(here.root, tmp_path / "elsewhere")


@needs_transformers
def test_pictures_alone_by_a_pair(here, small_catalogue, tmp_path):
    """Names are read by n-grams: what needs both halves of the pair is not measured."""
    path, folder = catalogue(small_catalogue)
    network = make_pair("clip", tmp_path / "pair")
    metrics = run(here, path, folder, [network], SPLIT, {"text_vectors": {"encoders": ["ngrams"]}})
    zero_shot = metrics["baselines"]["zero_shot"]
    assert "text" not in zero_shot and "map" in zero_shot["retrieval"]["image_to_image"]
    assert "zero_shot.image.accuracy" in metrics["baselines"]["beside"]
    assert "zero_shot.mean.map" not in metrics["baselines"]["beside"]


@needs_transformers
def test_a_pair_that_was_fine_tuned_is_no_baseline(here, small_catalogue, tmp_path, caplog):
    path, folder = catalogue(small_catalogue)
    network = make_pair("clip", tmp_path / "pair")
    metrics = run(here, path, folder, [network], SPLIT, {"finetune_backbone": {"epochs": 1}})
    assert "zero_shot" not in metrics["baselines"]
    assert "finetune_backbone has changed the pair's half for pictures" in caplog.text
    assert huse.load(here / paths.MODEL).encode_texts(["red shoe"]).shape[0] == 1


@needs_transformers
def test_a_pair_whose_texts_cannot_be_read_still_reads_pictures(here, small_catalogue, tmp_path, caplog):
    path, folder = catalogue(small_catalogue)
    network = make_pair("clip", tmp_path / "pair")
    for file in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (tmp_path / "pair" / file).unlink(missing_ok=True)
    metrics = run(here, path, folder, [network], SPLIT)
    assert "zero_shot" not in metrics["baselines"]
    assert "zero-shot is not measured: " in caplog.text
