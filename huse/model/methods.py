"""The methods by name, and what each is made of.

A method says how classes are scored (its head), which fixed vectors or other knowledge of the classes it needs, and
which loss terms it has. All else (towers, optimiser, batches, number of steps) is the same for every method.

Letters: N products in a batch, M = 2N, D dimension of the shared space, K labels, C classes, L levels of the tree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from huse.errors import InputError
from huse.model.losses.classification import classification_loss
from huse.model.losses.contrastive import ContrastSettings, hierarchical_contrastive_loss
from huse.model.losses.dscmr import DscmrSettings, invariance_loss, label_space_loss, likelihood_loss
from huse.model.losses.graph import GraphSettings, Sigma, correlation_loss, graph_loss
from huse.model.losses.label_vectors import DeviseSettings, HieSettings, projection_loss, ranking_loss
from huse.model.losses.pairs import CmeSettings, gap_loss, matching_loss
from huse.model.losses.triplets import AdaMineSettings, TripletSettings, adamine_loss, triplet_loss
from huse.settings import Settings

# How labels are scored: by a trained layer that both modalities share, or one for each; or, where a method trains no
# layer, by cosines with the label vectors, or with the mean training embedding of each label.
Head = Literal["shared", "separate", "label_vectors", "class_means"]


@dataclass(frozen=True)
class Classes:
    """What is known of the classes.

    Attributes:
        targets: C × K float32, each class's distribution over the labels.
        distances: C × C float32, symmetric, the distance A that two classes should have.
        vectors: C × D float32, unit norm; None where there are none.
        nodes: L × C int64, the number of each class's node on every level, coarse to fine.
    """

    targets: Tensor
    distances: Tensor
    vectors: Tensor | None
    nodes: Tensor

    def to(self, device: torch.device) -> "Classes":
        """Return the same on `device`."""
        vectors = None if self.vectors is None else self.vectors.to(device)
        return Classes(self.targets.to(device), self.distances.to(device), vectors, self.nodes.to(device))


@dataclass(frozen=True)
class Batch:
    """A batch after the towers and the head.

    Attributes:
        images: N × D float32, unit norm.
        texts: N × D float32, unit norm, the same products.
        logits: image and text, each N × K, of the products or of their mixtures.
        targets: N × K float32, distributions over the labels, mixed like the logits.
        products: N int64 class numbers.
        classes: what is known of the classes.
        present: 2 × N bool, which products have an image and which a text; None: all have both.
        classified: 2 × N bool, the same of what the logits are of; None: all.
    """

    images: Tensor
    texts: Tensor
    logits: tuple[Tensor, Tensor]
    targets: Tensor
    products: Tensor
    classes: Classes
    present: Tensor | None = None
    classified: Tensor | None = None

    @cached_property
    def embeddings(self) -> Tensor:
        """M × D, images first, then texts."""
        return torch.cat([self.images, self.texts])

    @property
    def embedded(self) -> Tensor | None:
        """M bool, which embeddings are of something that is there; None: all."""
        return None if self.present is None else self.present.flatten()

    @property
    def paired(self) -> Tensor | None:
        """N bool, which products have both an image and a text; None: all."""
        return None if self.present is None else self.present.all(dim=0)

    @property
    def class_vectors(self) -> Tensor:
        """C × D float32, unit norm."""
        if self.classes.vectors is None:
            raise ValueError("the method needs class vectors")
        return self.classes.vectors


class Losses(Settings):
    """The method, and the weights and settings of all loss terms; a method uses only its own terms."""

    method: str = Field(
        default="huse",
        min_length=1,
        description=(
            "separate, triplet, cme, cme_shared, adamine, devise, hie, dscmr, huse_p, huse, huse_eq10, huse_plus"
        ),
    )
    alpha: float = Field(default=1, ge=0, description="weight of the classification loss, equation 8")
    beta: float = Field(
        default=10,
        ge=0,
        description="weight of the semantic graph loss, equation 11; a mean of squares, so 1 has little effect",
    )
    gamma: float = Field(default=1, ge=0, description="weight of the cross-modal gap loss, equation 12")
    graph: GraphSettings = GraphSettings()
    contrast: ContrastSettings = ContrastSettings()
    class_vectors: Literal["labels", "tree"] = Field(
        default="labels",
        description="devise, hie, huse_p: the labels' vectors, or tree: vectors whose cosines follow the tree",
    )
    triplet: TripletSettings = TripletSettings()
    cme: CmeSettings = CmeSettings()
    adamine: AdaMineSettings = AdaMineSettings()
    devise: DeviseSettings = DeviseSettings()
    hie: HieSettings = HieSettings()
    dscmr: DscmrSettings = DscmrSettings()


Terms = dict[str, tuple[float, Tensor]]  # name of a loss term: its weight and its value


def _classification(batch: Batch) -> Tensor:
    """Mean over the images and texts that are there: over both modalities alike where all are."""
    present = None if batch.classified is None else batch.classified.flatten()
    return classification_loss(torch.cat(batch.logits), batch.targets.repeat(2, 1), present)


def _projection(batch: Batch) -> Tensor:
    """Both modalities' distances from their class vectors, summed as eq. 13 does."""
    return 2 * projection_loss(batch.embeddings, batch.products.repeat(2), batch.class_vectors, batch.embedded)


def huse(batch: Batch, losses: Losses, sigma: Sigma | None = None) -> Terms:
    """HUSE: alpha · classification + beta · graph + gamma · gap (eq. 6), all three at every step."""
    about, distances = losses.graph, batch.classes.distances
    if about.form == "correlation":
        graph = correlation_loss(batch.embeddings, batch.products, distances, batch.embedded)
    else:
        graph = graph_loss(
            batch.embeddings,
            batch.products,
            distances,
            sigma=sigma or about.sigma,
            zeta=about.margin,
            pairs=about.pairs,
            normaliser=about.normaliser,
            present=batch.embedded,
        )
    return {
        "classification": (losses.alpha, _classification(batch)),
        "graph": (losses.beta, graph),
        "gap": (losses.gamma, gap_loss(batch.images, batch.texts, batch.paired)),
    }


def huse_p(batch: Batch, losses: Losses) -> Terms:
    """HUSE-P: the projection to class vectors (eq. 13) replaces the graph loss."""
    return {
        "classification": (losses.alpha, _classification(batch)),
        "projection": (losses.beta, _projection(batch)),
        "gap": (losses.gamma, gap_loss(batch.images, batch.texts, batch.paired)),
    }


def huse_plus(batch: Batch, losses: Losses) -> Terms:
    """HUSE plus, if its weight is not 0, a contrastive term on every level of the class tree."""
    about = losses.contrast
    if about.weight == 0:
        return huse(batch, losses)
    nodes = batch.classes.nodes[:, batch.products].repeat(1, 2)
    contrast = hierarchical_contrastive_loss(batch.embeddings, nodes, about.temperature, about.decay, batch.embedded)
    return {**huse(batch, losses), "contrast": (about.weight, contrast)}


def separate(batch: Batch, losses: Losses) -> Terms:
    """Two towers, each with its own classifier, that never see each other."""
    return {"classification": (losses.alpha, _classification(batch))}


def triplet(batch: Batch, losses: Losses) -> Terms:
    """FaceNet's triplets over the embeddings of both modalities."""
    about = losses.triplet
    products = batch.products.repeat(2)
    return {"triplet": (1, triplet_loss(batch.embeddings, products, about.margin, about.variant, batch.embedded))}


def cme(batch: Batch, losses: Losses) -> Terms:
    """CME: matching and mismatching pairs, with a small classification loss."""
    about = losses.cme
    return {
        "matching": (about.matching, matching_loss(batch.images, batch.texts, about.margin, batch.present)),
        # The published weight is of each modality; the loss here is their mean.
        "classification": (2 * about.classification, _classification(batch)),
    }


def adamine(batch: Batch, losses: Losses) -> Terms:
    """AdaMine: triplets of products and of classes."""
    about = losses.adamine
    both = batch.images, batch.texts, batch.products
    return {"adamine": (1, adamine_loss(*both, about.margin, about.semantic, present=batch.paired))}


def devise(batch: Batch, losses: Losses) -> Terms:
    """DeViSE in both modalities: each embedding nearer to its class's vector than to the others'."""
    if losses.devise.loss == "cosine":
        return {"projection": (1, _projection(batch))}
    products = batch.products.repeat(2)
    ranking = 2 * ranking_loss(batch.embeddings, products, batch.class_vectors, losses.devise.margin, batch.embedded)
    return {"ranking": (1, ranking)}


def hie(batch: Batch, losses: Losses) -> Terms:
    """HIE in both modalities: class vectors as targets, with a small classification loss."""
    return {
        "projection": (1, _projection(batch)),
        "classification": (2 * losses.hie.classification, _classification(batch)),
    }


def dscmr(batch: Batch, losses: Losses) -> Terms:
    """DSCMR: predictions near the one-hot targets, a binary graph, and the gap."""
    about = losses.dscmr
    present = (None, None) if batch.classified is None else batch.classified
    label_space = torch.stack(
        [label_space_loss(logits, batch.targets, those) for logits, those in zip(batch.logits, present, strict=True)]
    ).sum()
    return {
        "classification": (1, label_space),
        "likelihood": (about.likelihood, likelihood_loss(batch.images, batch.texts, batch.products, batch.present)),
        "invariance": (about.invariance, invariance_loss(batch.images, batch.texts, batch.paired)),
    }


@dataclass(frozen=True)
class Method:
    """What a method is made of.

    Attributes:
        terms: a batch and the settings of the losses to the loss terms.
        head: how classes are scored.
        class_vectors: whether it pulls embeddings to fixed vectors of the classes.
        graph: whether it has a semantic graph loss.
        linear_head_only: whether its loss compares logits with one-hot targets directly, which rules out the cosine
            head.
        pairs_only: whether it learns from products with both picture and name alone.
        recordable: whether a step can be recorded as a CUDA graph: every size in its terms depends on the batch size
            alone, not on classes or embeddings.
    """

    terms: Callable[[Batch, Losses], Terms]
    head: Head
    class_vectors: bool = False
    graph: bool = False
    linear_head_only: bool = False
    pairs_only: bool = False
    recordable: bool = True


METHODS: Mapping[str, Method] = {
    "separate": Method(separate, "separate"),
    "triplet": Method(triplet, "class_means", recordable=False),
    "cme": Method(cme, "separate"),
    "cme_shared": Method(cme, "shared"),
    "adamine": Method(adamine, "class_means", pairs_only=True, recordable=False),
    "devise": Method(devise, "label_vectors", class_vectors=True),
    "hie": Method(hie, "separate", class_vectors=True),
    "dscmr": Method(dscmr, "shared", linear_head_only=True),
    "huse_p": Method(huse_p, "shared", class_vectors=True),
    "huse": Method(huse, "shared", graph=True),
    "huse_eq10": Method(partial(huse, sigma="literal"), "shared", graph=True),
    "huse_plus": Method(huse_plus, "shared", graph=True),
}


def find_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"params.yaml: train.method: expected one of {', '.join(METHODS)}; found {name!r}.")
    return METHODS[name]
