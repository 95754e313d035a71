"""Losses that pull embeddings to fixed vectors of their classes.

Letters: n rows, D dimension of the shared space, C classes; ψ_c, unit norm, the vector of a class.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.model.losses.present import mean_present
from huse.settings import Settings


class DeviseSettings(Settings):
    """Settings of DeViSE."""

    loss: Literal["hinge", "cosine"] = Field(
        default="hinge", description="hinge: the rank loss; cosine: distance from the class's vector"
    )
    margin: float = Field(
        default=0.1, gt=0, le=2, description="cosine by which a class's vector must be nearer than the others'"
    )


class HieSettings(Settings):
    """Settings of HIE."""

    classification: float = Field(default=0.1, ge=0, description="weight of each modality's classification loss")


def projection_loss(
    embeddings: Tensor, classes: Tensor, class_vectors: Tensor, present: Tensor | None = None
) -> Tensor:
    """Mean distance between an embedding and its class's vector: 1 - ψ_y·e (HUSE-P, arXiv 1911.05978, eq. 13).

    It is also the first term of HIE (Barz & Denzler 2019, arXiv 1809.09924).

    Args:
        embeddings: n × D, unit norm.
        classes: n int64.
        class_vectors: C × D float32, unit norm.
        present: n bool, the rows that count; None: all.
    """
    return mean_present(1 - (embeddings * class_vectors[classes]).sum(dim=1), present)


def ranking_loss(
    embeddings: Tensor, classes: Tensor, class_vectors: Tensor, margin: float, present: Tensor | None = None
) -> Tensor:
    """Hinge rank loss of DeViSE (Frome et al., NIPS 2013): Σ over c ≠ y of max(0, margin - ψ_y·e + ψ_c·e), mean of n.

    Args:
        embeddings: n × D, unit norm.
        classes: n int64.
        class_vectors: C × D float32, unit norm.
        margin: 0.1 in the paper.
        present: n bool, the rows that count; None: all.
    """
    cosines = (embeddings @ class_vectors.T).float()
    own = cosines.gather(1, classes[:, None])
    # The sum includes the own class, whose term is exactly the margin.
    return mean_present(functional.relu(margin - own + cosines).sum(dim=1), present) - margin
