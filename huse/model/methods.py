"""The methods: what a method is made of, by name.

A method turns a batch of embeddings into named loss terms and their weights. All else (towers, optimiser,
batches, number of steps) is the same for every method.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from huse.errors import InputError
from huse.model.losses import Pairs, Sigma, classification_loss, gap_loss, graph_loss


@dataclass(frozen=True)
class Batch:
    """A batch after the towers and the head.

    Attributes:
        embeddings: M × D float32, images first, then texts.
        logits: M × K float32.
        targets: M × K float32, distributions over the labels.
        wanted: M × M float32, the distance A of each pair's classes.
    """

    embeddings: Tensor
    logits: Tensor
    targets: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Weights:
    """Weights and settings of the loss terms.

    Attributes:
        alpha: of the classification loss.
        beta: of the semantic graph loss.
        gamma: of the cross-modal gap loss.
        sigma: see `huse.model.losses.graph_loss`.
        zeta: margin of the graph loss.
        pairs: pairs in the graph loss.
    """

    alpha: float
    beta: float
    gamma: float
    sigma: Sigma
    zeta: float
    pairs: Pairs


Terms = dict[str, tuple[float, Tensor]]


def huse_terms(batch: Batch, weights: Weights) -> Terms:
    """HUSE: alpha · classification + beta · graph + gamma · gap (eq. 6), all three at every step."""
    images, texts = batch.embeddings.chunk(2)
    graph = graph_loss(batch.embeddings, batch.wanted, sigma=weights.sigma, zeta=weights.zeta, pairs=weights.pairs)
    return {
        "classification": (weights.alpha, classification_loss(batch.logits, batch.targets)),
        "graph": (weights.beta, graph),
        "gap": (weights.gamma, gap_loss(images, texts)),
    }


METHODS: dict[str, Callable[[Batch, Weights], Terms]] = {"huse": huse_terms}


def find_method(name: str) -> Callable[[Batch, Weights], Terms]:
    """Return the method of that name.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"params.yaml: train.method: expected one of {', '.join(METHODS)}; found {name!r}.")
    return METHODS[name]
