"""Figures on the validation split while training goes on, and which of them decides the state that is kept.

Letters: N validation products, K labels, D dimension of the shared space.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from huse.model.network import Modality, Network
from huse.training.data import TrainingData

# accuracy: mean of image and text accuracy, the paper's (HUSE 4.2); recall_at_1 and average_precision: mean over the
# four directions of retrieval; all: mean of these three.
Criterion = Literal["accuracy", "recall_at_1", "average_precision", "all"]

MODALITIES: tuple[Modality, ...] = ("image", "text")
MOST_RANKED = 2000  # validation products among which retrieval is tried while training goes on


def validate(network: Network, data: TrainingData) -> dict[str, float]:
    """Return accuracies, and means over the four directions of recall at 1 and average precision.

    A product counts for the accuracy as the share of its label mass that lies on as many highest scores as it has
    labels: in the scheme `leaf`, 1 if the highest score is its class's. Not a number where a score is not finite.
    Retrieval is among at most `MOST_RANKED` products.
    """
    rows, figures = data.validation, {}
    targets, embeddings = data.targets(rows), []
    for modality, vectors in zip(MODALITIES, (data.images[0], data.texts), strict=True):
        found, scores = network.embed(modality, vectors[rows])
        finite = bool(torch.isfinite(scores).all())
        figures[f"{modality}_accuracy"] = _accuracy(scores, targets) if finite else math.nan
        embeddings.append(found)
    ranked = torch.arange(len(rows), device=rows.device)[:: -(-len(rows) // MOST_RANKED)]
    products = data.products[rows[ranked]]
    directions = [
        _retrieval(queries[ranked], candidates[ranked], products, itself=queries is candidates)
        for queries in embeddings
        for candidates in embeddings
    ]
    recalls, precisions = zip(*directions, strict=True)
    return {**figures, "recall_at_1": sum(recalls) / 4, "average_precision": sum(precisions) / 4}


def score(figures: dict[str, float], criterion: Criterion) -> float:
    """Return what is to be as great as can be.

    Args:
        figures: from `validate`.
        criterion: see `Criterion`.
    """
    accuracy = (figures["image_accuracy"] + figures["text_accuracy"]) / 2
    values = {"accuracy": accuracy, **{name: figures[name] for name in ("recall_at_1", "average_precision")}}
    return sum(values.values()) / len(values) if criterion == "all" else values[criterion]


def _accuracy(scores: Tensor, targets: Tensor) -> float:
    counts = (targets > 0).sum(dim=1, keepdim=True)
    ranks = scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return float((targets * (ranks < counts)).sum(dim=1).mean())


def _retrieval(queries: Tensor, candidates: Tensor, products: Tensor, *, itself: bool) -> tuple[float, float]:
    """Return recall at 1 and mean average precision, by class, over queries with a candidate of their class.

    Of equal cosines the order is that of a stable sort, which is good enough to watch training by; for what is
    reported see `huse.evaluation`.
    """
    cosines = queries @ candidates.T
    relevant = products[:, None] == products[None, :]
    if itself:
        cosines.fill_diagonal_(-2)
        relevant.fill_diagonal_(False)
    ranked = relevant.gather(1, cosines.argsort(dim=1, descending=True, stable=True))
    counts = ranked.sum(dim=1)
    kept = counts > 0
    if not kept.any():
        return 0.0, 0.0
    precision = ranked.cumsum(dim=1) / torch.arange(1, len(candidates) + 1, device=ranked.device)
    average = (precision * ranked).sum(dim=1) / counts.clamp(min=1)
    return float(ranked[kept, 0].float().mean()), float(average[kept].mean())
