"""Writes the report of a run: one page with figures, charts, galleries and what was run, which needs nothing else.

Reads the products and rejected rows, the labels and their graph, the embeddings, what the stage `evaluate` wrote to
data/evaluation and metrics, the curves of training and fine-tuning, params.yaml, and the pictures of those products
that the page shows.
Writes metrics/report.html, without a date: the same inputs give the same bytes.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from huse.errors import InputError
from huse.labels.graph import class_distances
from huse.report import sections
from huse.report.figures import key_figures
from huse.report.galleries import COLUMNS
from huse.report.page import installed, lead, render
from huse.report.thumbnails import Thumbnails
from huse.run import paths
from huse.run.artifacts import (
    Outputs,
    fingerprint_products,
    read_array,
    read_curves,
    read_json,
    read_labels,
    read_table,
    read_text_table,
    read_vectors,
)
from huse.run.params.catalogue import CatalogueParams
from huse.run.params.reader import read_section, read_seed, read_yaml
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError
from stages.runner import run

SPLIT = ["image", "name", "classes", "class_index", "split", "group"]
PACKAGES = ["torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "gensim", "pillow", "dvc", "altair"]


def main() -> str:
    """Run the stage."""
    train, catalogue = read_yaml(paths.PARAMS)["train"], read_section(CatalogueParams, "catalogue")
    seed = read_seed()
    products = read_table(paths.PRODUCTS, SPLIT)
    labels = read_labels(paths.LABELS, products=products)
    classes, count = labels["classes"], len(labels["labels"])
    wanted = class_distances(read_array(paths.ADJACENCY, shape=(count, count)), labels["class_labels"])
    split = _read_test_split(products)
    metrics = read_json(paths.EVALUATE_METRICS, ["items", "classification", "retrieval"])
    folder = Path(catalogue.images)
    thumbnails = Thumbnails(lambda row: _read_picture(folder / products["image"].iloc[row], catalogue.max_pixels))
    facts = {
        "seed": seed,
        "method": train["method"],
        "fingerprint of the products": fingerprint_products(products),
    }
    parts = [
        sections.figures_section(metrics),
        sections.training_section(
            read_curves(paths.LIVE / "plots/metrics"),
            read_text_table(paths.FINETUNE_CURVES, ["epoch", "loss", "validation_loss", "validation_accuracy"]),
        ),
        sections.confusion_section(
            classes,
            _read_items(split),
            read_text_table(paths.CONFUSED_PAIRS, ["actual", "predicted", "items", "share"]),
            read_table(paths.TEST_CLASSES, ["class_index", "classes", "items", "accuracy_fusion"]),
        ),
        sections.graph_section(classes, wanted, split, metrics, trained_on_tree=train["graph"]["distances"] == "tree"),
        sections.map_section(products, split, thumbnails, seed),
        sections.gallery_section(products, read_table(paths.TEST_QUERIES, COLUMNS), thumbnails),
        sections.rejected_section(read_table(paths.REJECTED, ["line", "image", "name", "classes", "reason", "action"])),
        sections.run_section(read_yaml(paths.PARAMS), facts, installed(PACKAGES)),
    ]
    page = render({"lead": lead(products, len(classes)), "key_figures": key_figures(metrics)}, parts)
    with Outputs() as outputs:
        outputs.path(paths.REPORT).write_text(page, encoding="utf-8")
    shown = sum(part is not None for part in parts)
    return f"report: {len(split.rows)} test items in {shown} sections, {len(page) / 1e6:.1f} MB"


def _read_test_split(products: pd.DataFrame) -> sections.TestSplit:
    rows = np.flatnonzero(products["split"] == "test")
    embeddings = {
        "image": read_vectors(paths.IMAGE_EMBEDDINGS, products=products)[rows],
        "text": read_vectors(paths.TEXT_EMBEDDINGS, products=products)[rows],
    }
    return sections.TestSplit(rows, products["class_index"].to_numpy(np.int64)[rows], embeddings)


def _read_items(split: sections.TestSplit) -> pd.DataFrame:
    items = read_table(paths.TEST_ITEMS, ["row", "class_index", "predicted_fusion"])
    if items["row"].tolist() != split.rows.tolist():
        raise InputError(
            f"{paths.TEST_ITEMS}: expected the {len(split.rows)} rows of the test split, found {len(items)} rows of "
            "other products. Run `dvc repro` to make it again."
        )
    return items


def _read_picture(path: Path, max_pixels: int) -> Image.Image | None:
    """Read a picture, None where it has become unreadable since the catalogue was checked: a report can do without."""
    try:
        return read_picture(path, max_pixels, shorter_side=sections.GALLERY_SIDE)
    except PictureError:
        return None


if __name__ == "__main__":
    run(main)
