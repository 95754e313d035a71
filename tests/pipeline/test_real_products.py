"""Real products, real weights, real word vectors, in small; skipped where they do not lie beside the project."""

import csv
import json

import pytest

from huse.run import paths
from stages import model
from tests.pipeline.in_process import STAGES, write_params
from tests.pipeline.test_model import assert_is_what_the_stages_computed
from tests.repository import SMALL

pytestmark = pytest.mark.slow

CLASSES = 8
ROWS_A_CLASS = 60


def run(here, csv_path, images, word_vectors, shared):
    """Run the stages, and return the metrics of the catalogue and of the test split."""
    weights = shared / "pretrained/squeezenet1_1-onnxzoo-4302cd73.pth"
    changes = {
        "catalogue": {"csv": str(csv_path), "images": str(images)},
        "backbone": {"network": "squeezenet1_1", "weights": str(weights), "size": 224},
        "finetune_backbone": {"epochs": 0},
        "image_vectors": {"dtype": "auto"},
        "word_vectors": {"source": str(shared / "pretrained" / word_vectors)},
        "label_graph": {"encoder": "tree"},
    }
    write_params(here.root, SMALL, changes)
    for stage in (*STAGES, model):
        stage.main(here)
    return [json.loads((here / path).read_text()) for path in (paths.CATALOGUE_METRICS, paths.EVALUATE_METRICS)]


def test_myntra_in_small(shared, here, tmp_path):
    """The eight largest classes, 60 pictures each: parameters alone take the pipeline to real products."""
    folder = shared / "real/myntra-fashion"
    with (folder / "training.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_class = {}
    for row in rows:
        by_class.setdefault(row["classes"], []).append(row)
    largest = sorted(by_class, key=lambda path: (-len(by_class[path]), path))[:CLASSES]
    own = tmp_path / "some.csv"
    with own.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["image", "name", "classes"])
        writer.writeheader()
        writer.writerows(row for path in largest for row in by_class[path][:ROWS_A_CLASS])
    catalogue, metrics = run(here, own, folder / "images", "glove.6B.300d.subset.txt", shared)
    assert catalogue["classes"] == CLASSES
    assert catalogue["pictures"]["rejected"] == 0
    classification = metrics["classification"]
    assert classification["image"]["accuracy"] > 0.7
    assert classification["text"]["accuracy"] > 0.7
    assert classification["fusion"]["accuracy"] > 0.8
    assert_is_what_the_stages_computed(here.root, tmp_path / "model")
    assert metrics["retrieval"]["image_to_text"]["recall_at_1"] > 0.45  # of 72 queries; chance is 1/8


def test_netaporter_sample(shared, here):
    """48 pictures in three classes, several of one product: the original format runs as it is."""
    folder = shared / "real/netaporter-sample"
    catalogue, metrics = run(here, folder / "training.csv", folder / "images", "glove.840B.300d.subset.txt", shared)
    assert (catalogue["classes"], catalogue["products"]) == (3, 43)
    assert metrics["classification"]["fusion"]["accuracy"] > metrics["classification"]["chance"]["accuracy"]
