"""Measures the trained space on the test split (HUSE 4.3 and 4.5).

Reads the products, the labels, data/embeddings/image.npy and text.npy (N × D float32) and
scores_image.npy and scores_text.npy (N × K float32), and the tree of classes that `evaluate.tree` names, if any.

Writes metrics/evaluate.json: accuracy of image, text and fusion, Recall@K in four directions, chance beside
each, all on the test split, and where products of unseen classes land, if there are any; metrics/validation.json: the
same on the validation split, the one to choose parameters by; metrics/confusion.csv: actual and predicted class of each
test item, by the fused scores.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from huse import paths
from huse.artifacts import Outputs, read_labels, read_table, read_vectors
from huse.evaluation.classification import best_fusion_weight, fuse, majority_accuracy, predicted_classes
from huse.evaluation.summary import SplitResults, mean_recall_at_1, summarise
from huse.evaluation.tree_file import read_tree
from huse.evaluation.unseen import unseen_figures
from huse.labels.taxonomy import split_path
from huse.params.evaluate import EvaluateParams
from huse.params.reader import read_section
from stages.runner import run


def main() -> str:
    """Run the stage."""
    params = read_section(EvaluateParams, "evaluate")
    products = read_table(paths.PRODUCTS, ["row", "image", "name", "classes", "class_index", "split"])
    labels = read_labels(paths.LABELS, products=products)
    class_labels, classes = labels["class_labels"], labels["classes"]
    results = SplitResults(
        embeddings={
            "image": read_vectors(paths.IMAGE_EMBEDDINGS, products=products),
            "text": read_vectors(paths.TEXT_EMBEDDINGS, products=products),
        },
        scores={
            "image": read_vectors(paths.IMAGE_SCORES, products=products),
            "text": read_vectors(paths.TEXT_SCORES, products=products),
        },
        classes=products["class_index"].to_numpy(np.int64),
    )
    train, validation, test = (
        results.rows(np.flatnonzero(products["split"] == name)) for name in ("train", "validation", "test")
    )
    weight = best_fusion_weight(validation.scores["image"], validation.scores["text"], validation.classes, class_labels)
    metrics = {}
    for name, split in (("validation", validation), ("test", test)):
        chance = majority_accuracy(train.classes, split.classes, class_labels, len(labels["labels"]))
        metrics[name] = summarise(split, class_labels, weight, chance)
    levels = [split_path(path) for path in classes]
    if params.tree is not None:
        levels = read_tree(Path(params.tree), levels)
    unseen = unseen_figures(results.embeddings, results.classes, products["split"].to_numpy(), levels)
    if unseen:
        metrics["test"]["unseen"] = unseen
    predicted = predicted_classes(fuse(test.scores["image"], test.scores["text"], weight), class_labels)
    confusion = pd.DataFrame(
        {
            "actual": [classes[index] for index in test.classes],
            "predicted": [classes[index] for index in predicted],
        }
    )
    with Outputs() as outputs:
        outputs.json(paths.EVALUATE_METRICS, metrics["test"])
        outputs.json(paths.VALIDATION_METRICS, metrics["validation"])
        outputs.table(paths.CONFUSION, confusion)
    fusion = metrics["test"]["classification"]["fusion"]["accuracy"]
    recall = mean_recall_at_1(metrics["test"])
    return f"evaluate: {len(test.classes)} test items, fusion accuracy {fusion:.3f}, mean R@1 {recall:.3f}"


if __name__ == "__main__":
    run(main)
