"""Metrics per product: all pictures and names of a product together, as `Model.encode` and `Model.classify` take them.

A product is the items of one group and one class. A group is what shares a name, a picture or a product id, so it may
run through classes, and a product has one class to be right about.

Letters: N items, P products.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from huse.evaluation.classification import Integers
from huse.evaluation.results import DIRECTIONS, MODALITIES, SplitResults
from huse.evaluation.retrieval import direction_metrics, references_of, retrieval_metrics
from huse.evaluation.summary import EMBEDDING, Measured, classification_metrics, classified, metric_intervals
from huse.evaluation.tables import items_table
from huse.fusion import mean_direction, mean_scores
from huse.nesting import flatten, nest

COMBINED = "both_to_both"  # the direction of products by picture and name together
METRICS = {"items", "share", "accuracy", "top_5", "macro_f1", "calibration_error", "map", "ahp", "dropped_queries"}
METRICS |= {f"recall_at_{k}" for k in (1, 5, 10)}


@dataclass(frozen=True)
class Products:
    """The products of a split, in the order of their first items.

    Attributes:
        first: P, the first item of each.
        items: P, how many items each has.
        measured: product by product. Of rankings it has those by embeddings in four directions and in `COMBINED`. If
            every product has one item, it is the split as measured item by item.
    """

    first: Integers
    items: Integers
    measured: Measured

    @property
    def several(self) -> bool:
        """Whether a product has several items."""
        return bool(self.items.max() > 1)


def measure_products(items: Measured, groups: Integers) -> Products:
    """Measure a split product by product, with the choices that were made for its items.

    Scores are averaged within a modality, and then fused: a product with four pictures and one name has one score of
    its pictures and one of its name, and the weights of the fusion keep their meaning.

    Args:
        items: the split, measured item by item.
        groups: N group numbers.
    """
    classes = items.results.classes
    together = pd.DataFrame({"group": groups, "class": classes}).groupby(["group", "class"], sort=False)
    products = np.asarray(together.ngroup(), dtype=np.int64)
    _, first, counts = np.unique(products, return_index=True, return_counts=True)
    if len(first) == len(classes):
        return Products(first, counts, items)
    results = combine(items.results, products, first)
    parts = [results.embeddings[name] for name in MODALITIES]
    both = mean_direction(np.concatenate(parts), np.tile(np.arange(len(first)), len(parts)))
    places = {**results.embeddings, "both": both}
    found = items.catalogue.retrieve(places, results.classes, directions=(*DIRECTIONS, COMBINED))
    decided = classified(results, items.catalogue, items.choices)
    return Products(first, counts, Measured(results, items.catalogue, items.choices, *decided, {EMBEDDING: found}, {}))


def combine(results: SplitResults, products: Integers, first: Integers) -> SplitResults:
    """Turn the results of N items into those of P products: mean directions of the embeddings, means of the scores.

    Args:
        results: of the items.
        products: N product numbers, 0 to P - 1.
        first: P, an item of each product, which has its class.
    """
    return SplitResults(
        {name: mean_direction(rows, products) for name, rows in results.embeddings.items()},
        {name: mean_scores(rows, products) for name, rows in results.scores.items()},
        results.classes[first],
    )


def product_metrics(products: Products, chance: float) -> dict[str, Any]:
    """Return the metrics of a split per product.

    Args:
        products: of the split.
        chance: accuracy of always predicting the majority of the training split.

    Returns:
        `products`, and `of_several_items`, their numbers; `classification` and `retrieval` as for items, with
        `METRICS` alone, and retrieval also for `COMBINED`, which is no part of the mean.
    """
    measured = products.measured
    there = measured.results.there
    there = {**there, "both": there["image"] | there["text"]}
    catalogue = measured.catalogue
    known = references_of(there, measured.results.classes, catalogue.tree, catalogue.queries)
    found = measured.found[EMBEDDING]
    retrieval = retrieval_metrics({name: found[name] for name in DIRECTIONS}, {}, known)
    retrieval[COMBINED] = direction_metrics(found[COMBINED], COMBINED, known, own_excluded=True)
    return {
        "products": len(products.items),
        "of_several_items": int((products.items > 1).sum()),
        "classification": _kept({**classification_metrics(measured), "chance": {"accuracy": chance}}),
        "retrieval": _kept(retrieval),
    }


def product_intervals(products: Products, groups: Integers, *, seed: int, resamples: int) -> dict[str, Any]:
    """Return the 95 % intervals of `product_metrics`; `groups` are those of the N items."""
    return _kept(metric_intervals(products.measured, groups[products.first], seed=seed, resamples=resamples))


def products_table(products: Products, rows: Integers, groups: Integers) -> pd.DataFrame:
    """Return one row a product: its first row, its class, the predicted class, the confidence, and whether it is right.

    Args:
        products: of the split.
        rows: N row numbers of its items.
        groups: their N group numbers.
    """
    table = items_table(products.measured, rows[products.first], groups[products.first])
    table.insert(2, "items", products.items)
    return table


def _kept(metrics: dict[str, Any]) -> dict[str, Any]:
    return nest({path: value for path, value in flatten(metrics) if METRICS & set(path.split("."))})
