"""The whole pipeline, on a tiny sample, in a temporary repository, the way a user runs it: once, for all tests."""

import json

import numpy as np
import pandas as pd
import pytest

from huse.encoders.ngrams import NgramsEncoder
from huse.errors import InputError
from huse.run import paths
from huse.run.place import Run
from stages import evaluate, train


@pytest.fixture(scope="module")
def repository(tiny_pipeline, tmp_path_factory):
    """A copy of the tiny pipeline, in which commands of DVC run that change nothing."""
    return tiny_pipeline.copy_to(tmp_path_factory.mktemp("pipeline") / "copy")


def test_a_second_repro_runs_nothing(repository):
    assert repository.repro() == []
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert repository.git("status", "--porcelain") == ""


def test_the_artefacts_are_as_described(tiny_pipeline):
    products = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)
    columns = ["row", "image", "name", "classes", "class_index", "split", "group"]
    assert list(products.columns)[:7] == columns
    count, classes = len(products), products["classes"].nunique()
    assert products["row"].tolist() == list(range(count))
    assert (products.groupby("group")["split"].nunique() == 1).all()
    assert (products.groupby(products["name"].str.casefold())["split"].nunique() == 1).all()
    names = pd.read_parquet(tiny_pipeline.root / paths.NAMES)
    assert names["row"].tolist() == products["row"].tolist()
    ngrams = NgramsEncoder.load(tiny_pipeline.root / paths.TEXT_ENCODER / "ngrams")
    expected = {
        paths.IMAGE_VECTORS: (1, count, 512),
        paths.TEXT_VECTORS: (count, 16 + ngrams.dimension),
        paths.LABEL_VECTORS: (classes, 64),
        paths.ADJACENCY: (classes, classes),
        paths.IMAGE_EMBEDDINGS: (count, 32),
        paths.TEXT_EMBEDDINGS: (count, 32),
        paths.IMAGE_SCORES: (count, classes),
        paths.TEXT_SCORES: (count, classes),
    }
    for path, shape in expected.items():
        array = np.load(tiny_pipeline.root / path, allow_pickle=False)
        assert (array.shape, array.dtype) == (shape, np.float32), path
    for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS):
        assert np.linalg.norm(np.load(tiny_pipeline.root / path), axis=1) == pytest.approx(1, abs=1e-5)
    metrics = json.loads((tiny_pipeline.root / paths.EVALUATE_METRICS).read_text())
    assert metrics["items"] == (products["split"] == "test").sum()
    for direction in ("image_to_image", "image_to_text", "text_to_image", "text_to_text"):
        values = metrics["retrieval"][direction]
        assert values["recall_at_1"] <= values["recall_at_5"] <= values["recall_at_10"]


def test_dvc_cannot_draw_the_report_and_the_table_of_items_and_draws_all_other_plots(repository):
    assert (repository.root / "metrics/report.html").is_file()
    shown = repository.run("dvc", "plots", "show", "--json").stdout
    plots = json.loads(shown[shown.index("{") :])
    assert {error["name"] for error in plots["errors"]} == {"metrics/report.html", "metrics/items.parquet"}
    drawn = {name for name, versions in plots["data"].items() if versions}
    assert {"metrics/confusion.csv", "metrics/confused_pairs.csv"} <= drawn


def test_vectors_of_other_products_are_refused(tiny_pipeline, tmp_path):
    """Rows are never mixed up: a catalogue in another order stops training until the vectors are made again."""
    copy = tiny_pipeline.copy_to(tmp_path / "copy")
    here = Run(copy.root)
    products = pd.read_parquet(here / paths.PRODUCTS).iloc[::-1].reset_index(drop=True)
    products["row"] = range(len(products))
    (here / paths.PRODUCTS).unlink()  # it may be a link into the cache
    products.to_parquet(here / paths.PRODUCTS, index=False)
    for stage in (train, evaluate):
        with pytest.raises(InputError, match="made for other products or another row order"):
            stage.main(here)
