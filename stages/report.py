"""Writes the report of a run: one page with metrics, charts, galleries and what was run, which needs nothing else.

Reads the products and rejected rows, the labels and their graph, the embeddings, what the stage `evaluate` wrote to
data/evaluation and metrics, how many names nothing is known of, the curves of training and fine-tuning, params.yaml,
and the pictures of those products that the page shows.
Writes metrics/report.html, without a date: the same inputs give the same bytes.
"""

import numpy as np
import pandas as pd
from PIL import Image

from huse.errors import InputError
from huse.labels.graph import class_distances
from huse.report import sections
from huse.report.answers import Facts, answers
from huse.report.galleries import COLUMNS
from huse.report.notes import tree_settings
from huse.report.page import installed, lead, render
from huse.run import paths
from huse.run.artifacts import (
    Outputs,
    fingerprint_products,
    halves,
    read_array,
    read_curves,
    read_json,
    read_labels,
    read_table,
    read_text_table,
    read_vectors,
)
from huse.run.params.catalogue import CatalogueParams
from huse.run.params.reader import read_yaml
from huse.run.place import Run
from huse.storage import Place
from huse.vision.decoding import read_picture
from huse.vision.picture_error import PictureError
from huse.vision.thumbnails import thumbnails_of
from stages.runner import run

SPLIT = ["image", "name", "classes", "class_index", "split", "group"]
PACKAGES = ["torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "gensim", "pillow", "dvc", "altair"]


def main(here: Run) -> str:
    """Run the stage."""
    params, seed, catalogue = read_yaml(here / paths.PARAMS), here.seed(), here.section(CatalogueParams, "catalogue")
    products = read_table(here / paths.PRODUCTS, SPLIT)
    labels = read_labels(here / paths.LABELS, products=products)
    classes, count = labels["classes"], len(labels["labels"])
    wanted = class_distances(read_array(here / paths.ADJACENCY, shape=(count, count)), labels["class_labels"])
    split = _read_test_split(here, products)
    metrics = read_json(here / paths.EVALUATE_METRICS, ["items", "classification", "retrieval"])
    folder = here.place(catalogue.images)
    thumbnails = thumbnails_of(lambda row: _read_picture(folder, products["image"].iloc[row], catalogue.max_pixels))
    items = _read_items(here, split)
    pairs = read_text_table(here / paths.CONFUSED_PAIRS, ["items", "share"], ["actual", "predicted"])
    rejected = read_table(here / paths.REJECTED, ["line", "image", "name", "classes", "reason", "action"])
    names = read_json(here / paths.TEXT_VECTOR_METRICS, ["names", "names_unknown"])
    known = tree_settings(params)
    train = params["train"]
    facts = {
        "seed": seed,
        "method": train["method"],
        "pictures by": _listed(params["backbone"]["network"]),
        "names by": _listed(params["text_vectors"]["encoders"]),
        "fingerprint of the products": fingerprint_products(products),
    }
    # What a shop asks comes first, what an engineer asks last.
    parts = [
        sections.confusion_section(
            classes,
            items,
            pairs,
            read_table(here / paths.TEST_CLASSES, ["class_index", "classes", "items", "accuracy_fusion"]),
        ),
        sections.sureness_section(metrics),
        sections.gallery_section(products, read_table(here / paths.TEST_QUERIES, COLUMNS), thumbnails),
        sections.map_section(products, split, thumbnails, seed),
        sections.rejected_section(rejected),
        sections.metrics_section(metrics, known),
        sections.baselines_section(metrics, known),
        sections.graph_section(classes, wanted, split, metrics, trained_on_tree=train["graph"]["distances"] == "tree"),
        sections.training_section(
            read_curves(here / paths.LIVE / "plots/metrics"),
            read_text_table(here / paths.FINETUNE_CURVES, ["epoch", "loss", "validation_loss", "validation_accuracy"]),
        ),
        sections.run_section(params, facts, installed(PACKAGES)),
    ]
    several = max(map(len, labels["class_labels"])) > 1
    top = answers(Facts(metrics, classes, items, pairs, products, rejected, names, several_labels=several))
    page = render({"lead": lead(products, len(classes)), "answers": top}, parts)
    with Outputs() as outputs:
        outputs.path(here / paths.REPORT).write_text(page, encoding="utf-8")
    shown = sum(part is not None for part in parts)
    return f"report: {len(split.rows)} test items in {shown} sections, {len(page) / 1e6:.1f} MB"


def _listed(encoders: str | list[str]) -> str:
    return encoders if isinstance(encoders, str) else " + ".join(encoders)


def _read_test_split(here: Run, products: pd.DataFrame) -> sections.TestSplit:
    rows = np.flatnonzero(products["split"] == "test")
    embeddings = {
        "image": read_vectors(here / paths.IMAGE_EMBEDDINGS, products=products)[rows],
        "text": read_vectors(here / paths.TEXT_EMBEDDINGS, products=products)[rows],
    }
    there = {modality: those[rows] for modality, those in halves(products).items()}
    return sections.TestSplit(rows, products["class_index"].to_numpy(np.int64)[rows], embeddings, there)


def _read_items(here: Run, split: sections.TestSplit) -> pd.DataFrame:
    items = read_table(here / paths.TEST_ITEMS, ["row", "class_index", "predicted_fusion", "confidence_fusion"])
    if items["row"].tolist() != split.rows.tolist():
        raise InputError(
            f"{here / paths.TEST_ITEMS}: expected the {len(split.rows)} rows of the test split, found {len(items)} "
            "rows of other products. Run `dvc repro` to make it again."
        )
    return items


def _read_picture(folder: Place, image: str, max_pixels: int) -> Image.Image | None:
    """Read a picture; None if there is none, or it has become unreadable since then: a report can do without."""
    if not image:
        return None
    try:
        return read_picture(folder / image, max_pixels, shorter_side=sections.GALLERY_SIDE)
    except PictureError:
        return None


if __name__ == "__main__":
    run(main)
