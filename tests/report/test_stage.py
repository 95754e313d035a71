import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products
from huse.run.place import Run
from stages import report
from tests.conftest import ROOT


@pytest.fixture
def here(made, tmp_path):
    """A folder with everything that the stage reads, half of the products in the test split."""
    here = Run(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data/sample/images").mkdir(parents=True)
    count = len(made.products)
    products = pd.DataFrame(
        {
            "row": range(2 * count),
            "image": [f"{row}.png" for row in range(2 * count)],
            "name": [*made.products["name"], *made.products["name"]],
            "classes": [*made.products["classes"], *made.products["classes"]],
            "class_index": np.tile(made.split.classes, 2),
            "split": ["test"] * count + ["train"] * count,
            "group": range(2 * count),
        }
    )
    for row in range(0, count, 2):  # of the others the pictures are gone
        Image.new("RGB", (20, 20), (row, 90, 120)).save(here / paths.SAMPLE_IMAGES / f"{row}.png")
    classes, scheme = made.classes, {"scheme": "leaf", "class_labels": [[n] for n in range(len(made.classes))]}
    order = np.argsort(classes)  # as the stage `catalogue` numbers them
    rank = np.argsort(order)
    products["class_index"] = rank[products["class_index"]]
    classes = [classes[index] for index in order]
    rows = fingerprint_products(products)
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
        outputs.table(here / paths.REJECTED, made.rejected)
        outputs.json(here / paths.LABELS, {**scheme, "labels": classes, "classes": classes})
        outputs.array(here / paths.ADJACENCY, made.wanted)
        for path, name in ((paths.IMAGE_EMBEDDINGS, "image"), (paths.TEXT_EMBEDDINGS, "text")):
            both = np.concatenate([made.split.embeddings[name]] * 2)
            outputs.vectors(here / path, both, rows=rows, parameters={})
        predicted = {name: rank[made.items[name]] for name in ("class_index", "predicted_fusion")}
        sure = made.items["confidence_fusion"]
        items = pd.DataFrame({"row": made.split.rows, **predicted, "confidence_fusion": sure})
        outputs.table(here / paths.TEST_ITEMS, items)
        outputs.table(here / paths.TEST_QUERIES, made.queries)
        table = made.table.iloc[order].assign(class_index=range(len(classes)))
        outputs.table(here / paths.TEST_CLASSES, table)
        outputs.table(here / paths.CONFUSED_PAIRS, made.pairs)
        outputs.table(here / paths.FINETUNE_CURVES, made.epochs)
        outputs.json(here / paths.EVALUATE_METRICS, made.metrics)
        outputs.json(here / paths.TEXT_VECTOR_METRICS, {"names": 2 * count, "names_unknown": count})
    for name, curve in made.curves.items():
        file = here / paths.LIVE / f"plots/metrics/{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        curve.to_csv(file, sep="\t", index=False)
    return here


def test_the_page_is_written_and_the_same_again(here):
    line = report.main(here)
    assert line.startswith("report: 30 test items in 10 sections")
    page = (here / paths.REPORT).read_bytes()
    assert b"60 pictures of 60 products in 6 classes" in page
    assert b"the picture cannot be read any more" in page
    assert b"<dt>names by</dt><dd>words + ngrams</dd>" in page
    assert b"Nothing is known of 30 of 60 names" in page
    assert b"Do not choose by" not in page
    assert str(here.root).encode() not in page
    report.main(here)
    assert (here / paths.REPORT).read_bytes() == page
    assert sorted(path.name for path in (here / paths.REPORT).parent.iterdir() if path.name.startswith(".")) == []


def test_an_evaluation_of_other_products_is_refused_and_the_page_stays(here):
    report.main(here)
    page = (here / paths.REPORT).read_bytes()
    pd.read_parquet(here / paths.TEST_ITEMS).iloc[::-1].to_parquet(here / paths.TEST_ITEMS)
    with pytest.raises(InputError, match=r"items\.parquet: expected the 30 rows of the test split"):
        report.main(here)
    assert (here / paths.REPORT).read_bytes() == page


@pytest.mark.parametrize(
    "path",
    [paths.EVALUATE_METRICS, paths.TEST_QUERIES, paths.CONFUSED_PAIRS, paths.ADJACENCY, paths.TEXT_VECTOR_METRICS],
)
def test_what_is_missing_is_named(here, path):
    (here / path).unlink()
    with pytest.raises(InputError, match=rf"{path.name}: not found"):
        report.main(here)
    assert not (here / paths.REPORT).exists()


def test_metrics_of_another_form_are_refused(here):
    (here / paths.EVALUATE_METRICS).write_text(json.dumps({"items": 30}), encoding="utf-8")
    with pytest.raises(InputError, match="expected an object with items, classification, retrieval"):
        report.main(here)
