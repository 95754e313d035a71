"""Unseen classes through all stages, on a catalogue of a few dozen products: nothing is learned from them."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from huse.run import paths
from stages import evaluate
from tests.pipeline.in_process import STAGES, write_params
from tests.repository import SMALL

CLASSES = {"bags<tote": "canvas", "bags<clutch": "satin", "shoes<boots": "leather", "shoes<pumps": "suede"}
UNSEEN = "shoes<pumps"
COLOURS = ("red", "green", "blue", "black", "white")
NEW_WORDS = ("glitter", "velvet", "suede")  # of unseen products alone, with long vectors
CHANGES = {
    "catalogue": {
        "csv": "catalogue.csv",
        "images": "images",
        "unseen_classes": [UNSEEN],
        "split": {"by": "balance"},  # the chances below are of its counts
    },
    "machine": {"device": "cpu", "workers": 0},
    "backbone": {"size": 32},
    "finetune_backbone": {"batch_size": 8},
    "train": {"batch_size": 16, "steps": 20, "validate_every": 10},
}


def write_catalogue(here, unseen_word, shade):
    """Twenty products of each class, each of a picture; those of the unseen class with this word and shade."""
    (here / "images").mkdir(exist_ok=True)
    random, lines = np.random.default_rng(0), ["image,name,classes"]
    for number, (path, stuff) in enumerate(CLASSES.items()):
        for product in range(20):
            values = random.integers(0, 200, (8, 8, 3)).astype(np.uint8) + np.uint8(10 * number)
            word, colour = stuff, COLOURS[product % 5]
            if path == UNSEEN:
                values, word = np.full_like(values, shade) + np.uint8(product), f"{stuff} {unseen_word}"
            Image.fromarray(values).save(here / f"images/{number}_{product}.png")
            lines.append(f"{number}_{product}.png,{colour} {word} {'i' * (product + 1)},{path}")
    (here / "catalogue.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def files_of(here, folder):
    """The files below a folder, by the names of the layout."""
    return [path.relative_to(here.root) for path in sorted((here / folder).rglob("*.*")) if path.is_file()]


def run(here):
    """Run all stages, and return what must not depend on the unseen products."""
    for stage in STAGES:
        stage.main(here)
    learned = [
        *(path for encoder in (paths.BACKBONE, paths.TEXT_ENCODER) for path in files_of(here, encoder)),
        paths.LABEL_VECTORS,
        paths.ADJACENCY,
        paths.TOWERS,
        paths.TRAIN_METRICS,
    ]
    seen = pd.read_parquet(here / paths.PRODUCTS)["split"] != "unseen"
    of_seen = (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS, paths.IMAGE_SCORES, paths.TEXT_SCORES)
    metrics = json.loads((here / paths.EVALUATE_METRICS).read_text())
    unseen = metrics.pop("unseen", {})
    metrics.get("intervals", {}).pop("unseen", None)
    contents = {str(path): (here / path).read_bytes() for path in (*learned, paths.VALIDATION_METRICS, paths.CONFUSION)}
    return contents | {str(path): np.load(here / path)[seen].tobytes() for path in of_seen}, metrics, unseen


@pytest.mark.parametrize(
    "words",
    [
        pytest.param({"source": "catalogue", "dimension": 8}, marks=pytest.mark.slow),
        {"source": "words.txt", "oov": "hash"},
    ],
)
def test_nothing_is_learned_from_products_of_unseen_classes(here, words):
    changes = (SMALL, CHANGES, {"word_vectors": words})
    write_params(here.root, *changes)
    random = np.random.default_rng(0)
    held = {word: random.normal(size=8) * (9 if word in NEW_WORDS else 1) for word in (*COLOURS, "bags", *NEW_WORDS)}
    (here / "words.txt").write_text("".join(f"{word} {' '.join(map(str, of.round(4)))}\n" for word, of in held.items()))

    write_catalogue(here, "glitter", 40)
    learned, metrics, unseen = run(here)
    products = pd.read_parquet(here / paths.PRODUCTS)
    assert ((products["split"] == "unseen") == (products["classes"] == UNSEEN)).all()
    counts = json.loads((here / paths.CATALOGUE_METRICS).read_text())
    assert (counts["pictures"]["unseen"], counts["unseen_classes"], counts["classes_without_test"]) == (20, 1, 0)
    assert metrics["items"] == (products["split"] == "test").sum()
    assert (unseen["items"], unseen["classes"]) == (20, 1)
    assert unseen["mean"]["chance"]["sibling_at_1"] == pytest.approx(1 / 3)
    # 20 products and their class's 3 × 3 test products, the query left out in one modality
    assert unseen["image_to_text"]["chance"]["recall_at_1"] == pytest.approx(20 / 29)
    assert unseen["image_to_image"]["chance"]["recall_at_1"] == pytest.approx(19 / 28)

    # in this tree the unseen class has no sibling among the others
    (here / "tree.csv").write_text("child,parent\ntote,a\nclutch,a\nboots,a\npumps,b\n", encoding="utf-8")
    write_params(here.root, *changes, {"evaluate": {"tree": "tree.csv"}})
    evaluate.main(here)
    by_file = json.loads((here / paths.EVALUATE_METRICS).read_text())["unseen"]
    assert by_file["image_to_image"]["dropped_without_sibling"] == 20
    assert by_file["mean"]["map"] == unseen["mean"]["map"]
    write_params(here.root, *changes)

    write_catalogue(here, "velvet velvet", 180)
    again, other_metrics, other_unseen = run(here)
    assert [name for name in learned if learned[name] != again[name]] == []
    assert other_metrics == metrics
    assert other_unseen != unseen
