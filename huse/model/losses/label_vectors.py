"""Losses that draw embeddings to fixed vectors of their classes.

Letters: n rows, D dimension of the shared space, C classes; ψ_c, unit norm, the vector of a class.
"""

from torch import Tensor
from torch.nn import functional


def projection_loss(embeddings: Tensor, classes: Tensor, class_vectors: Tensor) -> Tensor:
    """Mean distance of an embedding and its class's vector: 1 - ψ_y·e (HUSE-P, arXiv 1911.05978, eq. 13).

    It is also the first term of HIE (Barz & Denzler 2019, arXiv 1809.09924).

    Args:
        embeddings: n × D, unit norm.
        classes: n int64.
        class_vectors: C × D float32, unit norm.
    """
    return (1 - (embeddings * class_vectors[classes]).sum(dim=1)).mean()


def ranking_loss(embeddings: Tensor, classes: Tensor, class_vectors: Tensor, margin: float) -> Tensor:
    """Hinge rank loss of DeViSE (Frome et al., NIPS 2013): Σ over c ≠ y of max(0, margin - ψ_y·e + ψ_c·e), mean of n.

    Args:
        embeddings: n × D, unit norm.
        classes: n int64.
        class_vectors: C × D float32, unit norm.
        margin: 0.1 in the paper.
    """
    cosines = (embeddings @ class_vectors.T).float()
    own = cosines.gather(1, classes[:, None])
    # Of the own class itself the sum has exactly the margin.
    return functional.relu(margin - own + cosines).sum(dim=1).mean() - margin
