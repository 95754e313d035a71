"""Measures the splits that no model learned from: validation to choose by, test to report.

Letters: M items of the catalogue, N of one split, K labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from huse.evaluation.classification import Integers, majority_accuracy
from huse.evaluation.products import Products, measure_products, product_intervals, product_metrics
from huse.evaluation.results import SplitResults
from huse.evaluation.summary import Catalogue, Measured, choose, measure, metric_intervals, summarise
from huse.evaluation.unseen import measure_unseen, unseen_intervals, unseen_metrics
from huse.settings import Settings


class EvaluationSettings(Settings):
    """How the space is measured."""

    resamples: int = Field(
        default=1000,
        ge=0,
        le=100_000,
        description="bootstrap draws for the 95 % intervals; 0: no intervals",
    )
    tree: str = Field(
        default="data/catalogue/classes.json",
        min_length=1,
        description=(
            "class tree for hierarchical metrics; data/catalogue/classes.json: the class paths; or a CSV file "
            "child,parent whose leaves are the class paths or their last names, of any depth, such as a part of WordNet"
        ),
    )
    queries: int | None = Field(
        default=20_000,
        ge=1,
        description="items of a split that are queries, at most, each ranking all of the split; null: every item",
    )
    baselines: int = Field(
        default=20_000,
        ge=0,
        description="training pictures and names that the baselines learn from, at most; 0: no baselines",
    )


@dataclass(frozen=True)
class MeasuredSplit:
    """A split with its metrics.

    Attributes:
        rows: its N row numbers in the catalogue.
        groups: N group numbers; items of one group are drawn together.
        measured: item by item.
        products: the same, product by product.
        metrics: the content of its metrics file.
    """

    rows: Integers
    groups: Integers
    measured: Measured
    products: Products
    metrics: dict[str, Any]


def measure_splits(
    results: SplitResults,
    split: npt.NDArray[Any],
    groups: Integers,
    catalogue: Catalogue,
    *,
    seed: int,
    resamples: int,
) -> tuple[MeasuredSplit, MeasuredSplit]:
    """Choose on the validation split, then measure it and the test split with these choices.

    A split gets `product` if a product of it has several items. Only the test split gets `intervals`, and `unseen` if
    the catalogue has products of unseen classes.

    Args:
        results: of all M items.
        split: M names: train, validation, test or unseen.
        groups: M group numbers.
        catalogue: the classes.
        seed: of the bootstrap.
        resamples: its draws; 0 for no intervals.

    Returns:
        The validation split and the test split.
    """
    labels = results.scores["image"].shape[1]
    rows = {name: np.flatnonzero(split == name) for name in ("train", "validation", "test")}
    choices = choose(results.rows(rows["validation"]), catalogue)

    def measured(name: str) -> MeasuredSplit:
        """Measure a split with the choices; chance accuracy comes from the training split."""

        def chance(of: Measured) -> float:
            return majority_accuracy(results.classes[rows["train"]], of.results.classes, catalogue.class_labels, labels)

        items = measure(results.rows(rows[name]), catalogue, choices)
        products = measure_products(items, groups[rows[name]])
        metrics = summarise(items, chance(items))
        if products.several:
            metrics["product"] = product_metrics(products, chance(products.measured))
        return MeasuredSplit(rows[name], groups[rows[name]], items, products, metrics)

    validation, test = measured("validation"), measured("test")
    unseen = measure_unseen(results.embeddings, results.classes, split, catalogue.tree)
    if unseen is not None:
        test.metrics["unseen"] = unseen_metrics(unseen)
    if resamples:
        drawn = {"seed": seed, "resamples": resamples}
        intervals = metric_intervals(test.measured, test.groups, **drawn)
        if test.products.several and intervals:
            intervals["product"] = product_intervals(test.products, test.groups, **drawn)
        if unseen is not None:
            intervals["unseen"] = unseen_intervals(unseen, groups[unseen.rows], **drawn)
        if intervals:
            test.metrics["intervals"] = intervals
    return validation, test
