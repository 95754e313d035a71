"""What is measured of a trained network, and of each product.

Letters: N products, D dimension of the shared space, K labels, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.evaluation.chance import KS
from huse.evaluation.classification import Doubles, best_fusion_weight, label_hits
from huse.evaluation.hierarchy import HP_KS
from huse.evaluation.results import SplitResults, points
from huse.evaluation.retrieval import query_figures, retrieve
from huse.evaluation.summary import spread
from huse.evaluation.unseen import FIGURES as UNSEEN
from huse.evaluation.unseen import measure_unseen, unseen_figures
from huse.fusion import fuse
from huse.taxonomy import ClassTree

KINDS = {"embedding": 0.0, "probabilities": 1.0}  # what products are found by, and the share of the probabilities
RETRIEVAL = (*(f"recall_at_{k}" for k in KS), "map", *(f"hp_at_{k}" for k in HP_KS), "ahp")
PER_QUERY = ("recall_at_1", "map", "ahp")
FUSION = "fusion_accuracy"

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """A trained network on the test split.

    Attributes:
        figures: by name: ``image_accuracy``, ``text_accuracy``, ``fusion_accuracy``; and for what products are found
            by, each direction and their mean, ``embedding.image_to_text.map`` and ``embedding.mean.map``; where classes
            are held out, ``unseen.mean.sibling_at_1`` and, of random orders, ``unseen.mean.chance.sibling_at_1``, ….
        queries: N float32 for each of ``fusion_accuracy`` and ``embedding.map``, …: what each test product adds to
            the mean; over the four directions, those without a candidate of its class left out.
    """

    figures: dict[str, float]
    queries: dict[str, Values]


def measure(
    validation: SplitResults, test: SplitResults, class_labels: Sequence[Sequence[int]], tree: ClassTree
) -> Measured:
    """Measure a network on the test split; the weight of the fusion is of the validation split.

    Args:
        validation: what the network says of its products.
        test: of its products.
        class_labels: C lists of label numbers.
        tree: of the classes.
    """
    weight = best_fusion_weight(validation.scores["image"], validation.scores["text"], validation.classes, class_labels)
    fused = fuse(test.scores["image"], test.scores["text"], weight)
    named = (("image", test.scores["image"]), ("text", test.scores["text"]), ("fusion", fused))
    hits = {
        f"{name}_accuracy": label_hits(scores, test.classes, class_labels).astype(np.float32) for name, scores in named
    }
    figures = {name: float(values.mean()) for name, values in hits.items()}
    queries: dict[str, Values] = {FUSION: hits[FUSION]}
    for kind, share in KINDS.items():
        found = retrieve(points(test, share), test.classes, tree)
        each = {direction: query_figures(statistics) for direction, statistics in found.items()}
        for direction in found:
            figures |= {f"{kind}.{direction}.{name}": float(each[direction][name].mean()) for name in RETRIEVAL}
        for name in RETRIEVAL:
            figures[f"{kind}.mean.{name}"] = float(np.mean([figures[f"{kind}.{way}.{name}"] for way in found]))
        for name in PER_QUERY:
            rows = [spread(found[way], each[way][name], len(test.classes)) for way in found]
            queries[f"{kind}.{name}"] = _mean_of_some(np.stack(rows))
    return Measured(figures, queries)


def unseen_by_path(results: SplitResults, split: npt.NDArray[Any], tree: ClassTree) -> dict[str, float]:
    """Measure where products of unseen classes land; nothing where there are none.

    Args:
        results: what the network says of all products.
        split: N names.
        tree: of the classes.

    Returns:
        Figures for `Measured`.
    """
    found = measure_unseen(results.embeddings, results.classes, split, tree)
    figures: dict[str, float] = {}
    for way, values in ({} if found is None else unseen_figures(found)).items():
        if isinstance(values, dict):
            for name in (name for name in UNSEEN if name in values):
                figures[f"unseen.{way}.{name}"] = values[name]
                figures[f"unseen.{way}.chance.{name}"] = values["chance"][name]
    return figures


def _mean_of_some(values: Doubles) -> Values:
    """Return the means over the directions in which a product is a query, of 4 × N; NaN where there is none."""
    asked = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: Values = (np.where(asked, values, 0).sum(axis=0) / asked.sum(axis=0)).astype(np.float32)
    return means
