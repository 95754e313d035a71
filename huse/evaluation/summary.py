"""All figures of one split, as the nested mapping that becomes a metrics file.

Letters: N items of the split, K labels, D dimension of the shared space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huse.evaluation.classification import Floats, Integers, accuracy, fuse
from huse.evaluation.retrieval import chance_table, first_relevant_ranks, recall_table

KS = (1, 5, 10)
MODALITIES = ("image", "text")


@dataclass(frozen=True)
class SplitResults:
    """What the model says of the items of one split, in one row order.

    Attributes:
        embeddings: `image` and `text`, each N × D float32 of unit norm.
        scores: `image` and `text`, each N × K float32.
        classes: N class numbers.
    """

    embeddings: dict[str, Floats]
    scores: dict[str, Floats]
    classes: Integers

    def rows(self, rows: Integers) -> "SplitResults":
        """Return the results of some rows."""
        return SplitResults(
            {name: values[rows] for name, values in self.embeddings.items()},
            {name: values[rows] for name, values in self.scores.items()},
            self.classes[rows],
        )


def summarise(
    results: SplitResults, class_labels: Sequence[Sequence[int]], fusion_weight: float, chance: float
) -> dict[str, Any]:
    """Return accuracies and the recalls of the four directions, chance beside each.

    Args:
        results: of the split.
        class_labels: label numbers of each class.
        fusion_weight: weight of the image scores, chosen on the validation split.
        chance: accuracy of always giving the majority of the training split.
    """
    fused = fuse(results.scores["image"], results.scores["text"], fusion_weight)
    classification: dict[str, Any] = {
        name: {"accuracy": accuracy(scores, results.classes, class_labels)}
        for name, scores in (*results.scores.items(), ("fusion", fused))
    }
    classification["fusion"]["image_weight"] = fusion_weight
    classification["chance"] = {"accuracy": chance}
    return {
        "items": len(results.classes),
        "classification": classification,
        "retrieval": {
            f"{query}_to_{candidate}": _direction(results, query, candidate)
            for query in MODALITIES
            for candidate in MODALITIES
        },
    }


def _direction(results: SplitResults, query: str, candidate: str) -> dict[str, Any]:
    ranks = first_relevant_ranks(
        results.embeddings[query],
        results.embeddings[candidate],
        results.classes,
        same_modality=query == candidate,
    )
    if len(ranks.first) == 0:
        return {"dropped_queries": ranks.dropped}
    return {
        **recall_table(ranks, KS),
        "chance": chance_table(ranks, KS),
        "dropped_queries": ranks.dropped,
    }


def mean_recall_at_1(summary: dict[str, Any]) -> float:
    """Return the mean of R@1 over the directions that have one."""
    values = [entry["recall_at_1"] for entry in summary["retrieval"].values() if "recall_at_1" in entry]
    return float(np.mean(values)) if values else 0.0
