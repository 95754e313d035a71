"""Metrics of the validation split while training goes on, and which of them decides the state that is kept.

Letters: N validation products, C classes, D dimension of the shared space.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from huse.metrics import AHP_K, area_under_hierarchical_precision, average_precision, precision_at_k
from huse.model.network import Modality, Network
from huse.training.data import TrainingData

# accuracy: mean of image and text accuracy, the paper's (HUSE 4.2); recall_at_1, average_precision and ahp: mean over
# the four directions of retrieval; all: mean of these four.
Criterion = Literal["accuracy", "recall_at_1", "average_precision", "ahp", "all"]

MODALITIES: tuple[Modality, ...] = ("image", "text")
RETRIEVAL = ("recall_at_1", "average_precision", "ahp")
MOST_RANKED = 2000  # validation products among which retrieval is tried while training goes on


def validate(network: Network, data: TrainingData) -> dict[str, float]:
    """Return accuracies, and means over the four directions of recall at 1, average precision and AHP.

    A product counts for the accuracy as the share of its label mass that lies on as many highest scores as it has
    labels: in the scheme `leaf`, 1 if the highest score is its class's. Not a number where a score is not finite.
    Retrieval is among at most `MOST_RANKED` products.
    """
    rows, metrics = data.validation, {}
    targets, embeddings = data.targets(rows), []
    for modality, vectors in zip(MODALITIES, (data.images[0], data.texts), strict=True):
        found, scores = network.embed(modality, vectors[rows])
        finite = bool(torch.isfinite(scores).all())
        metrics[f"{modality}_accuracy"] = _accuracy(scores, targets) if finite else math.nan
        embeddings.append(found)
    ranked = torch.arange(len(rows), device=rows.device)[:: -(-len(rows) // MOST_RANKED)]
    products = data.products[rows[ranked]]
    directions = [
        _retrieval(queries[ranked], candidates[ranked], products, data.similarity, itself=queries is candidates)
        for queries in embeddings
        for candidates in embeddings
    ]
    means = torch.tensor(directions, dtype=torch.float64).mean(dim=0).tolist()
    return metrics | dict(zip(RETRIEVAL, means, strict=True))


def score(metrics: dict[str, float], criterion: Criterion) -> float:
    """Return the value that decides which state is kept; higher is better.

    Args:
        metrics: from `validate`.
        criterion: see `Criterion`.
    """
    accuracy = (metrics["image_accuracy"] + metrics["text_accuracy"]) / 2
    values = {"accuracy": accuracy, **{name: metrics[name] for name in RETRIEVAL}}
    return sum(values.values()) / len(values) if criterion == "all" else values[criterion]


def _accuracy(scores: Tensor, targets: Tensor) -> float:
    counts = (targets > 0).sum(dim=1, keepdim=True)
    ranks = scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return float((targets * (ranks < counts)).sum(dim=1).mean())


def _retrieval(
    queries: Tensor, candidates: Tensor, products: Tensor, similarity: Tensor, *, itself: bool
) -> tuple[float, float, float]:
    """Return recall at 1, mean average precision, and AHP, over queries with a candidate of their class.

    Of equal cosines the order is that of a stable sort, which is good enough to watch training by; for what is
    reported see `huse.evaluation`.
    """
    cosines = queries @ candidates.T
    relevant = products[:, None] == products[None, :]
    if itself:
        cosines.fill_diagonal_(-2)
        relevant.fill_diagonal_(False)
    order = cosines.argsort(dim=1, descending=True, stable=True)
    ranked = relevant.gather(1, order)
    kept = ranked.any(dim=1)
    if not kept.any():
        return 0.0, 0.0, 0.0
    average = average_precision(ranked, torch.arange(1, len(candidates) + 1, device=ranked.device))
    # The best possible ranking of the candidates begins with the query itself, which is none in its own modality.
    shown = min(AHP_K, len(candidates) - itself)
    best = similarity[:, products].sort(dim=1, descending=True).values[:, int(itself) :][:, :shown].cumsum(dim=1)
    found = similarity[products[:, None], products[order[:, :shown]]]
    area = area_under_hierarchical_precision(found, best[products])
    return float(precision_at_k(ranked, 1)[kept].mean()), float(average[kept].mean()), float(area[kept].mean())
