"""Properties of the space: the three that HUSE promises (section 3), and how much of the space is used.

Class order: items of a class are nearer to each other than to others. Semantic order: distances of classes follow the
semantic graph, or the class tree. Gap: the picture and the name of an item are close.

Letters: N items, C classes, P of them with items, D dimension of the shared space.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from huse.evaluation.classification import Doubles, Floats, Integers
from huse.evaluation.keys import first_copies
from huse.evaluation.results import MODALITIES, present
from huse.evaluation.retrieval import Found
from huse.taxonomy import Bools, Hops

MOST_RANKED = 2000  # classes whose pairs are ranked
LEAST_VARIANCE = 1e-9  # of unit vectors in float32; less is rounding


def space_metrics(
    embeddings: Mapping[str, Floats],
    classes: Integers,
    found: Found,
    adjacency: Floats,
    hops: Hops,
    *,
    asked: Bools | None = None,
) -> dict[str, Any]:
    """Return all metrics of the space that are defined for these items.

    Args:
        embeddings: `image` and `text`, each N × D float32 of unit norm, or a row of NaN where an item has none; the
            gap is of the items that have both.
        classes: N class numbers.
        found: the rankings by embeddings in the four directions.
        adjacency: C × C float32, the semantic graph's distances of the classes.
        hops: C × C int16, edges between the classes in the tree.
        asked: N, which items are queries; None: all.
    """
    there = {name: present(rows) for name, rows in embeddings.items()}
    both = there["image"] & there["text"]
    pair = embeddings["image"][both], embeddings["text"][both]
    return {
        **({"gap": gap_metrics(*pair, None if asked is None else asked[both])} if both.any() else {}),
        "class_order": class_order(found),
        "semantic_order": semantic_order(embeddings, classes, {"adjacency": adjacency, "tree": hops}),
        "variance": {name: variance_in_use(embeddings[name][there[name]]) for name in MODALITIES if there[name].any()},
    }


def gap_metrics(image: Floats, text: Floats, asked: Bools | None = None) -> dict[str, Any]:
    """Return how close the two embeddings of an item are: distances, and ranks among all items.

    Args:
        image: N × D float32, unit norm.
        text: N × D float32, unit norm; row n is the same item.
        asked: N, of which items the ranks are counted; None: all.

    Returns:
        `mean_distance`: mean cosine distance of the two; `other_items`: the same between image and text of different
            items, left out for a single item; for each direction `median_rank` of the own pair among all N, and
            `rank_1`, the share of items whose own pair is the nearest; and `chance`.
    """
    count = len(image)
    own = np.einsum("nd,nd->n", image, text, dtype=np.float64)
    total = float(image.sum(axis=0, dtype=np.float64) @ text.sum(axis=0, dtype=np.float64))
    metrics: dict[str, Any] = {"mean_distance": float(1 - own.mean())}
    if count > 1:
        metrics["other_items"] = 1 - (total - float(own.sum())) / (count * (count - 1))
    for name, queries, candidates in (("image_to_text", image, text), ("text_to_image", text, image)):
        nearer, equal = pair_places(queries, candidates, asked)
        metrics[name] = {
            "median_rank": float(np.median(nearer + (equal + 1) / 2)),
            "rank_1": float(np.where(nearer == 0, 1 / equal, 0).mean()),
        }
    metrics["chance"] = {"median_rank": (count + 1) / 2, "rank_1": 1 / count}
    return metrics


def pair_places(
    queries: Floats, candidates: Floats, asked: Bools | None = None, block: int = 256
) -> tuple[Integers, Integers]:
    """Count for each query that is asked the candidates nearer than its own, and those as near, its own included.

    Items that share a name share an embedding, so no ranking can separate them. The own candidate is ranked in the
    middle of those equally near, so a collapsed space is at chance.

    Args:
        queries: N × D float32, unit norm.
        candidates: N × D float32, unit norm; row n belongs to query n.
        asked: N; None: all.
        block: queries at a time.
    """
    firsts = first_copies(candidates)
    copies = np.bincount(firsts, minlength=len(candidates))  # 0 except for the first of each embedding
    rows = np.arange(len(queries)) if asked is None else np.flatnonzero(asked)
    nearer, equal = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        cosines = queries[rows[part]] @ candidates.T
        own = np.take_along_axis(cosines, firsts[rows[part], None], axis=1)
        nearer[part], equal[part] = (cosines > own) @ copies, (cosines == own) @ copies
    return nearer, equal


def class_order(found: Found) -> dict[str, float]:
    """Return the share of correctly ordered triples: a query, an item of its class, an item of another class.

    Mean over queries of `RankStatistics.class_order`: equally near counts as wrong; a random space has one half. `mean`
    is over the directions that have it.
    """
    shares = {
        direction: float(np.nanmean(statistics.class_order))
        for direction, statistics in found.items()
        if np.isfinite(statistics.class_order).any()
    }
    return {**shares, "mean": float(np.mean(list(shares.values())))} if shares else {}


def semantic_order(
    embeddings: Mapping[str, Floats], classes: Integers, wanted: Mapping[str, npt.NDArray[Any]]
) -> dict[str, dict[str, float]]:
    """Return Spearman's correlation of class means' distances with wanted ones, over pairs of classes.

    Args:
        embeddings: `image` and `text`, each N × D float32 of unit norm.
        classes: N class numbers.
        wanted: C × C distances, by name.

    Returns:
        For `image`, `text` and `both` (the mean of all embeddings of a class) the correlation with each of the wanted
        distances, left out where one side is constant. Uses at most `MOST_RANKED` classes, evenly spaced.
    """
    places = {**embeddings, "both": np.nan_to_num(embeddings["image"]) + np.nan_to_num(embeddings["text"])}
    metrics: dict[str, dict[str, float]] = {name: {} for name in places}
    for name, vectors in places.items():
        there = present(vectors)
        if not there.any():
            continue
        shown = np.unique(classes[there])
        shown = shown[:: -(-len(shown) // MOST_RANKED)]
        pairs = np.triu_indices(len(shown), k=1)
        distances = _class_mean_distances(vectors[there], classes[there], shown)[pairs]
        for kind, matrix in wanted.items():
            others = matrix[np.ix_(shown, shown)][pairs]
            if len(others) > 1 and np.ptp(others) > 0 and np.ptp(distances) > 0:
                metrics[name][kind] = float(spearmanr(distances, others).statistic)
    return metrics


def _class_mean_distances(vectors: Floats, classes: Integers, present: Integers) -> Doubles:
    """Return the cosine distances between the mean vectors of P classes, P × P; 1 for a mean of zero."""
    means = np.stack([vectors[classes == number].mean(axis=0, dtype=np.float64) for number in present])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    distances: Doubles = 1 - unit @ unit.T
    return distances


def variance_in_use(vectors: Floats) -> dict[str, float]:
    """Return the variance of N × D unit vectors, and the share of dimensions that they use.

    Returns:
        `total`: the mean squared distance from their mean, 1 at most; `dimensions`: the participation ratio of the
        eigenvalues λ of their covariance, (Σ λ)² / Σ λ², as a share of D. It is 1 if all directions vary equally, 1/D
        if only one does, and 0 if all variation is rounding.
    """
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    total = float(np.einsum("nd,nd->", centred, centred) / len(vectors))
    if total < LEAST_VARIANCE:
        return {"total": total, "dimensions": 0.0}
    # The trace is the sum of the eigenvalues, the squared Frobenius norm the sum of their squares.
    covariance = centred.T @ centred / len(vectors)
    return {"total": total, "dimensions": float(total**2 / np.square(covariance).sum() / vectors.shape[1])}
