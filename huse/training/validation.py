"""Metrics of the validation split during training, and the score that decides which state is kept.

Letters: N validation products, C classes, D dimension of the shared space.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from huse.metrics import AHP_K, area_under_hierarchical_precision, average_precision, precision_at_k
from huse.model.contract import MODALITIES, Modality
from huse.model.network import Network
from huse.training.data import TrainingData

# accuracy: mean of image and text accuracy, the paper's (HUSE 4.2); recall_at_1, average_precision and ahp: mean over
# the four directions of retrieval; all: mean of these four.
Criterion = Literal["accuracy", "recall_at_1", "average_precision", "ahp", "all"]

RETRIEVAL = ("recall_at_1", "average_precision", "ahp")
MOST_RANKED = 2000  # validation products used for retrieval during training


def validate(network: Network, data: TrainingData) -> dict[str, float]:
    """Return accuracies, and means over the four directions of recall at 1, average precision and AHP.

    For a product with m labels, accuracy is the share of its target that lies on the m highest scores; in the scheme
    `leaf`, 1 if its class has the highest score. NaN where a score is not finite. Retrieval uses at most `MOST_RANKED`
    products of each modality. Products count where they have a picture, or a name; a modality that none has, has no
    accuracy and takes no part in the means.
    """
    metrics: dict[str, float] = {}
    ranked: dict[Modality, tuple[Tensor, Tensor]] = {}
    for modality, vectors in zip(MODALITIES, (data.images[0], data.texts), strict=True):
        rows = data.having(modality, data.validation)
        if not len(rows):
            continue
        found, scores = network.embed(modality, vectors[rows])
        finite = bool(torch.isfinite(scores).all())
        metrics[f"{modality}_accuracy"] = _accuracy(scores, data.targets(rows)) if finite else math.nan
        some = torch.arange(len(rows), device=rows.device)[:: -(-len(rows) // MOST_RANKED)]
        ranked[modality] = found[some], data.products[rows[some]]
    directions = [
        _retrieval(*ranked[query], *ranked[candidate], data.similarity, itself=query == candidate)
        for query in ranked
        for candidate in ranked
    ]
    means = torch.tensor(directions, dtype=torch.float64).mean(dim=0).tolist()
    return metrics | dict(zip(RETRIEVAL, means, strict=True))


def score(metrics: dict[str, float], criterion: Criterion) -> float:
    """Return the value, of what `validate` found, that decides which state is kept; higher is better."""
    accuracies = [metrics[name] for name in ("image_accuracy", "text_accuracy") if name in metrics]
    values = {"accuracy": sum(accuracies) / len(accuracies), **{name: metrics[name] for name in RETRIEVAL}}
    return sum(values.values()) / len(values) if criterion == "all" else values[criterion]


def _accuracy(scores: Tensor, targets: Tensor) -> float:
    counts = (targets > 0).sum(dim=1, keepdim=True)
    ranks = scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return float((targets * (ranks < counts)).sum(dim=1).mean())


def _retrieval(
    queries: Tensor, asked: Tensor, candidates: Tensor, offered: Tensor, similarity: Tensor, *, itself: bool
) -> tuple[float, float, float]:
    """Return recall at 1, mean average precision, and AHP, over queries with a candidate of their class.

    The classes of the queries are `asked`, those of the candidates `offered`.

    A stable sort orders equal cosines, which is good enough during training; `huse.evaluation` computes what is
    reported.
    """
    cosines = queries @ candidates.T
    relevant = asked[:, None] == offered[None, :]
    if itself:
        cosines.fill_diagonal_(-2)
        relevant.fill_diagonal_(False)
    order = cosines.argsort(dim=1, descending=True, stable=True)
    ranked = relevant.gather(1, order)
    kept = ranked.any(dim=1)
    if not kept.any():
        return 0.0, 0.0, 0.0
    average = average_precision(ranked, torch.arange(1, len(candidates) + 1, device=ranked.device))
    # In its own modality a query is no candidate, so the best possible ranking leaves it out.
    shown = min(AHP_K, len(candidates) - itself)
    best = similarity[:, offered].sort(dim=1, descending=True).values[:, int(itself) :][:, :shown].cumsum(dim=1)
    found = similarity[asked[:, None], offered[order[:, :shown]]]
    area = area_under_hierarchical_precision(found, best[asked])
    return float(precision_at_k(ranked, 1)[kept].mean()), float(average[kept].mean()), float(area[kept].mean())
