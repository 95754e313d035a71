"""Tables of every test item, query and class.

Letters: N items, C classes. `rows` are the N rows of the products, ascending, `classes` the C class paths.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from huse.evaluation.calibration import confidence
from huse.evaluation.classification import Integers, class_f1, class_means, confused_pairs
from huse.evaluation.intervals import QUERY_COLUMNS
from huse.evaluation.neighbours import nearest_neighbours
from huse.evaluation.results import DIRECTIONS, present, sampled
from huse.evaluation.retrieval import query_metrics
from huse.evaluation.summary import EMBEDDING, NONE, Measured, deciders, spread

SCORES = ("image", "text", "fusion")
NEIGHBOURS = 10
CONFUSED = 30  # pairs of classes
NOTHING: Mapping[str, Measured] = MappingProxyType({})


def items_table(
    measured: Measured, rows: Integers, groups: Integers, others: Mapping[str, Measured] = NOTHING
) -> pd.DataFrame:
    """Return one row an item: its class, the predicted class, the confidence, and whether its labels are right.

    `decided_by` says whose own class the fused one is; see `deciders`. `confidence_fusion` says how sure that is.

    Items of one product share their number in `groups`. An item without a picture, or without a name, has null there.
    Of the others, by prefix of `BASELINES`, columns with it before their names say whether they are right. What has no
    scores has no such columns.
    """
    labels = measured.catalogue.class_labels
    columns: dict[str, Any] = {"row": rows, "group": groups, "class_index": measured.results.classes}
    for name in SCORES:
        predicted = pd.Series(measured.predicted[name])
        none = predicted == NONE
        columns[f"predicted_{name}"] = predicted.astype("Int64").mask(none) if none.any() else predicted
    columns |= {
        f"confidence_{name}": confidence(measured.scores[name], measured.predicted[name], labels) for name in SCORES
    }
    columns["decided_by"] = deciders(measured)
    for prefix, one in {"": measured, **others}.items():
        if any(np.isfinite(one.hits[name]).any() for name in SCORES):
            columns |= {f"{prefix}correct_{name}": one.hits[name] for name in SCORES}
    return pd.DataFrame(columns)


def queries_table(measured: Measured, rows: Integers, others: Mapping[str, Measured] = NOTHING) -> pd.DataFrame:
    """Return one row a direction and query: its metrics by embeddings, null if dropped, and its neighbours.

    Of the others, by prefix of `BASELINES`, columns with it before their names have the metrics.
    Among equal cosines, the lower row comes first in the neighbours, but wrong candidates come first in the metrics.
    """
    parts, there = [], measured.results.there
    chosen = sampled(len(rows), measured.catalogue.queries)
    for direction in DIRECTIONS:
        query, found = direction.split("_to_")
        asked, offered = (np.flatnonzero(those) for those in (chosen & there[query], there[found]))
        neighbours = nearest_neighbours(
            measured.results.embeddings[query][asked],
            measured.results.embeddings[found][offered],
            NEIGHBOURS,
            excluded=np.searchsorted(offered, asked) if query == found else None,
        )
        columns: dict[str, Any] = {"row": rows[asked], "query": query, "found": found}
        for prefix, one in {"": measured, **others}.items():
            statistics = one.found[EMBEDDING][direction]
            metrics = query_metrics(statistics)
            first = pd.Series(spread(statistics, statistics.first, len(rows))[asked]).astype("Int64")
            columns[f"{prefix}first_rank"] = first
            columns |= {
                f"{prefix}{column}": spread(statistics, metrics[metric], len(rows))[asked]
                for column, metric in QUERY_COLUMNS.items()
            }
        columns |= {"neighbours": list(rows[offered][neighbours.rows]), "similarities": list(neighbours.similarities)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def classes_table(measured: Measured, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: items, accuracy, F1, and Recall@1 of its queries; null where there are none."""
    actual, count = measured.results.classes, len(classes)
    items = np.bincount(actual, minlength=count)
    columns: dict[str, Any] = {"class_index": np.arange(count), "classes": classes, "items": items}
    there = {name: present(measured.scores[name]) for name in SCORES}
    columns |= {
        f"accuracy_{name}": class_means(measured.hits[name][those], actual[those], count)
        for name, those in there.items()
    }
    columns |= {
        f"f1_{name}": class_f1(measured.predicted[name][those], actual[those], count) for name, those in there.items()
    }
    for direction, statistics in measured.found[EMBEDDING].items():
        first = (statistics.first == 1).astype(np.float64)
        columns[f"recall_at_1_{direction}"] = class_means(first, statistics.classes, count)
    return pd.DataFrame(columns)


def confusion_table(measured: Measured, classes: Sequence[str]) -> pd.DataFrame:
    """Return the actual and the predicted class of each item, by the fused scores."""
    pairs = {"actual": measured.results.classes, "predicted": measured.predicted["fusion"]}
    return pd.DataFrame({name: [classes[index] for index in numbers] for name, numbers in pairs.items()})


def confused_pairs_table(measured: Measured, classes: Sequence[str]) -> pd.DataFrame:
    """Return the pairs of classes that the fused scores confuse most: items, and their share of the actual class."""
    found = confused_pairs(measured.predicted["fusion"], measured.results.classes, CONFUSED)
    rows = [(classes[actual], classes[predicted], items, share) for actual, predicted, items, share in found]
    return pd.DataFrame(rows, columns=["actual", "predicted", "items", "share"])
