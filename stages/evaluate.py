"""Measures the trained space on the test split (HUSE 4.3 and 4.5).

Reads the products, the labels, data/labels/adjacency.npy (K × K float32), data/embeddings/image.npy and text.npy
(N × D float32) and scores_image.npy and scores_text.npy (N × K float32), the tree of classes that `evaluate.tree`
names, and for the baselines data/vectors/image.npy and text.npy (N × F float32) and data/labels/zero_shot.npy.

Writes metrics/evaluate.json: classification, retrieval in four directions, the space, and where products of unseen
classes land, if there are any; chance beside and intervals below, all on the test split; metrics/validation.json: the
same metrics on the validation split, the one to choose parameters by; metrics/items.parquet: what each test item
contributes to the headline metrics, small enough for Git, by which the gate compares; metrics/confusion.csv: actual and
predicted class of each test item, by the fused scores; metrics/confused_pairs.csv: the pairs of classes that are mixed
up most; and in data/evaluation items.parquet, queries.parquet, classes.parquet and products.parquet: one row a test
item, a test item and direction, a class, a test product; and validation_items.parquet and validation_queries.parquet,
the same of the
validation split; and hedging.json: by `image`, `text` and `fusion`, for rising precisions the thresholds of validation
from which on a node of the class tree is answered. Metrics and tables of items and queries have the baselines beside
ours, if there are any.
"""

import logging
from dataclasses import asdict

import numpy as np
import pandas as pd

from huse.engine.machine import Machine
from huse.engine.work import Spread, open_for_several
from huse.evaluation import intervals, tables
from huse.evaluation.baselines import Baselines, measure_baselines
from huse.evaluation.beside import as_json, beside
from huse.evaluation.products import products_table
from huse.evaluation.results import SplitResults
from huse.evaluation.splits import EvaluationSettings, measure_splits
from huse.evaluation.summary import Catalogue, new_class_metrics
from huse.run import paths
from huse.run.artifacts import (
    Outputs,
    fingerprint_split,
    halves,
    read_array,
    read_json,
    read_labels,
    read_table,
    read_vectors,
)
from huse.run.baselines import baseline_inputs, read_pair, read_tried
from huse.run.place import Run
from huse.run.relations import relations
from stages.runner import run

VALIDATION = paths.VALIDATION_METRICS, paths.VALIDATION_ITEMS, paths.VALIDATION_QUERIES
TEST = paths.EVALUATE_METRICS, paths.TEST_ITEMS, paths.TEST_QUERIES


def main(here: Run) -> str:
    """Run the stage."""
    with open_for_several(here.section(Machine, "machine")) as spread:
        return _main(here, spread)


def _main(here: Run, spread: Spread) -> str:
    """Run the stage; `spread` ranks."""
    params, seed = here.section(EvaluationSettings, "evaluate"), here.seed()
    products = read_table(here / paths.PRODUCTS, ["row", "image", "name", "classes", "class_index", "split", "group"])
    labels = read_labels(here / paths.LABELS, products=products)
    classes, count = labels["classes"], len(labels["labels"])
    adjacency = read_array(here / paths.ADJACENCY, shape=(count, count))
    catalogue = relations(here, params, labels, adjacency, spread)
    results = SplitResults.of(
        embeddings={
            "image": read_vectors(here / paths.IMAGE_EMBEDDINGS, products=products),
            "text": read_vectors(here / paths.TEXT_EMBEDDINGS, products=products),
        },
        scores={
            "image": read_vectors(here / paths.IMAGE_SCORES, products=products),
            "text": read_vectors(here / paths.TEXT_SCORES, products=products),
        },
        classes=products["class_index"].to_numpy(np.int64),
        there=halves(products),
    )
    split, groups = products["split"].to_numpy(), products["group"].to_numpy()
    validation, test = measure_splits(results, split, groups, catalogue, seed=seed, resamples=params.resamples)
    baselines = _baselines(here, products, params, catalogue, count) if params.baselines else (None, None)
    new = read_json(here / paths.TOWERS_CONFIG, []).get("new_classes", [])
    with Outputs() as outputs:
        for name, one, baseline, metrics, items, queries in (
            ("validation", validation, baselines[0], *VALIDATION),
            ("test", test, baselines[1], *TEST),
        ):
            content = {"split": fingerprint_split(products, name), **one.metrics}
            if baseline is not None:
                resamples = params.resamples if name == "test" else 0
                compared = beside(baseline, one, seed=seed, resamples=resamples)
                content["baselines"] = as_json(baseline, compared, read_tried(here))
            if new:
                content["new_classes"] = new_class_metrics(one.measured, [classes.index(path) for path in new])
            others = {} if baseline is None else baseline.by_prefix
            outputs.json(here / metrics, content)
            tested = intervals.Run(
                tables.items_table(one.measured, one.rows, one.groups, others),
                tables.queries_table(one.measured, one.rows, others),
            )
            outputs.table(here / items, tested.items)
            outputs.table(here / queries, tested.queries)
        outputs.table(here / paths.ITEM_METRICS, intervals.item_metrics(tested))
        points = {kind: list(map(asdict, of_kind)) for kind, of_kind in test.measured.choices.points.items()}
        outputs.json(here / paths.HEDGING, points)
        outputs.table(here / paths.TEST_CLASSES, tables.classes_table(test.measured, classes))
        outputs.table(here / paths.TEST_PRODUCTS, products_table(test.products, test.rows, test.groups))
        outputs.table(here / paths.CONFUSION, tables.confusion_table(test.measured, classes))
        outputs.table(here / paths.CONFUSED_PAIRS, tables.confused_pairs_table(test.measured, classes))
    for remark in content.get("baselines", {}).get("remarks", ()):
        logging.warning("%s", remark)
    fusion = test.metrics["classification"]["fusion"]["accuracy"]
    recall = test.metrics["retrieval"]["mean"].get("recall_at_1", float("nan"))
    return f"evaluate: {len(test.rows)} test items, fusion accuracy {fusion:.3f}, mean R@1 {recall:.3f}"


def _baselines(
    here: Run, products: pd.DataFrame, params: EvaluationSettings, catalogue: Catalogue, labels: int
) -> tuple[Baselines, Baselines]:
    """Measure the baselines of both splits on what the towers get."""
    images = read_vectors(here / paths.IMAGE_VECTORS, products=products, views=True)[0]
    texts = read_vectors(here / paths.TEXT_VECTORS, products=products)
    pair = read_pair(here, images, texts)
    inputs = baseline_inputs(products, images, texts, most=params.baselines, pair=pair)
    return measure_baselines(inputs, catalogue, labels)


if __name__ == "__main__":
    run(main)
