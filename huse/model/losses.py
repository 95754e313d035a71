"""The three losses of HUSE (arXiv 1911.05978, section 3.2).

Letters: N items in a batch, M = 2N embeddings U = [I; T], K labels, C classes; d(u, v) = 1 - u·v, the
cosine distance of unit vectors, in [0, 2]; A, the distance that two classes should have; z, the margin zeta.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Sigma = Literal["or", "literal", "hinge", "full"]
Pairs = Literal["all", "intra", "cross"]
REGIONS = ("both_near", "embedded_far", "embedded_near", "both_far")


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross entropy, mean over all rows (eq. 7 and 8).

    Both modalities pass through one shared layer, so the rows are the 2N embeddings. The paper's eq. 7 sums
    its denominator over a wrong index; the sum runs over the K labels.

    Args:
        logits: M × K float32.
        targets: M × K float32, each row a distribution over the labels: one-hot in the scheme `leaf`,
            uniform over a product's labels in `levels`.
    """
    return functional.cross_entropy(logits, targets)


def gap_loss(images: Tensor, texts: Tensor) -> Tensor:
    """Cross-modal gap: mean distance of a product's picture and name (eq. 12).

    Args:
        images: N × D float32, unit norm.
        texts: N × D float32, unit norm, the same products in the same order.
    """
    return (1 - (images * texts).sum(dim=1)).mean()


def cosine_distances(embeddings: Tensor) -> Tensor:
    """Return the M × M cosine distances of M × D unit vectors."""
    return 1 - embeddings @ embeddings.T


def graph_loss(embeddings: Tensor, wanted: Tensor, *, sigma: Sigma, zeta: float, pairs: Pairs = "all") -> Tensor:
    """Semantic graph loss: mean over pairs of sigma · (d - A)² (eq. 9 to 11).

    ===================  ==========  ==========  ===============  ==========
    region               literal     or          hinge            full
    ===================  ==========  ==========  ===============  ==========
    A < z, d < z         (d - A)²    (d - A)²    (d - A)²         (d - A)²
    A < z, d ≥ z         0           (d - A)²    (d - A)²         (d - A)²
    A ≥ z, d < z         0           (d - A)²    (z - d)²         (d - A)²
    A ≥ z, d ≥ z         0           0           0                (d - A)²
    ===================  ==========  ==========  ===============  ==========

    Equation 10 joins its two conditions with `and` (``literal``); the paper's text describes `or`: near
    classes are held at their distance, all others kept at least a margin away. A pair of an embedding with
    itself is neither summed nor counted. Inactive pairs count in the mean.

    Args:
        embeddings: M × D float32, unit norm; the first M / 2 rows images, the others texts.
        wanted: M × M float32, the distance A that each pair should have.
        sigma: which pairs act, see the table.
        zeta: the margin z, a cosine distance.
        pairs: all pairs, pairs within a modality (``intra``), or of an image and a text (``cross``).
    """
    distances = cosine_distances(embeddings)
    squares = (distances - wanted).square()
    near, close = wanted < zeta, distances < zeta
    if sigma == "literal":
        squares = squares * (near & close)
    elif sigma == "or":
        squares = squares * (near | close)
    elif sigma == "hinge":
        squares = torch.where(near, squares, (zeta - distances).clamp(min=0).square())
    counted = counted_pairs(len(embeddings), pairs, embeddings.device)
    return (squares * counted).sum() / counted.sum()


def counted_pairs(rows: int, pairs: Pairs, device: torch.device) -> Tensor:
    """Return the M × M mask of the pairs that enter the graph loss."""
    modality = torch.arange(rows, device=device) >= rows // 2
    same = modality[:, None] == modality[None, :]
    counted = torch.ones_like(same) if pairs == "all" else same if pairs == "intra" else ~same
    return counted & ~torch.eye(rows, dtype=torch.bool, device=device)


@torch.no_grad()
def region_shares(embeddings: Tensor, wanted: Tensor, zeta: float) -> dict[str, dict[str, float]]:
    """Return the share of pairs in each region of sigma's table, for each pair of modalities.

    A graph loss without active pairs shows here: with ``literal``, where `both_near` is 0.

    Args:
        embeddings: M × D float32, unit norm; the first M / 2 rows images, the others texts.
        wanted: M × M float32.
        zeta: the margin.
    """
    near, close = wanted < zeta, cosine_distances(embeddings) < zeta
    regions = (near & close, near & ~close, ~near & close, ~near & ~close)
    half = len(embeddings) // 2
    image, text = slice(0, half), slice(half, None)
    off_diagonal = ~torch.eye(half, dtype=torch.bool, device=embeddings.device)
    blocks = {"image_image": (image, image), "text_text": (text, text), "image_text": (image, text)}
    shares = {}
    for name, (rows, columns) in blocks.items():
        counted = torch.ones_like(off_diagonal) if name == "image_text" else off_diagonal
        shares[name] = {
            region: float((mask[rows, columns] & counted).sum() / counted.sum().clamp(min=1))
            for region, mask in zip(REGIONS, regions, strict=True)
        }
    return shares
