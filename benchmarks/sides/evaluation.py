"""Evaluation: nearest neighbours beside faiss, and metrics of whole rankings beside a full sort of every row.

Letters: N items, D dimension of the shared space, K neighbours.
"""

import os
from collections.abc import Iterator
from typing import Literal

import faiss
import numpy as np
import numpy.typing as npt

from benchmarks.harness import Work
from huse.engine.cores import limit_cores
from huse.evaluation.neighbours import nearest_neighbours
from huse.evaluation.ranking import rank_statistics
from huse.metrics import AHP_K
from huse.taxonomy import ClassTree

DIMENSION = 512
K = 10
KS = (2, 5, 10)
CLASSES = 100
TREE = ClassTree([str(number // 20), str(number // 4), str(number)] for number in range(CLASSES))  # 5 × 5 × 4
BLOCK = 256

Floats = npt.NDArray[np.float32]


def _embeddings(items: int) -> tuple[dict[str, Floats], npt.NDArray[np.int64]]:
    """Draw unit rows of both modalities around centres of classes, and the classes."""
    random = np.random.default_rng(0)
    classes = random.integers(0, CLASSES, items)
    centres = random.normal(size=(CLASSES, DIMENSION)).astype(np.float32)
    embeddings = {}
    for modality in ("image", "text"):
        rows = random.normal(size=(items, DIMENSION)).astype(np.float32) + centres[classes]
        embeddings[modality] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return embeddings, classes


def _directions(embeddings: dict[str, Floats]) -> Iterator[tuple[Floats, Floats, bool]]:
    """Yield queries, candidates, and whether a query itself is among them."""
    return ((embeddings[one], embeddings[other], one == other) for one in embeddings for other in embeddings)


def neighbours(items: int) -> Work:
    """Find the nearest in four directions; return rows and cosines, 4 × N × 2 K."""
    embeddings, _ = _embeddings(items)

    def work() -> npt.ArrayLike:
        found = (
            nearest_neighbours(queries, candidates, K, excluded=np.arange(items) if same else None)
            for queries, candidates, same in _directions(embeddings)
        )
        return np.array([np.hstack([each.rows, each.similarities]) for each in found])

    return work


def faiss_flat(items: int) -> Work:
    """Find the same with faiss; it cannot leave out the query, so it finds one more there."""
    embeddings, _ = _embeddings(items)

    def work() -> npt.ArrayLike:
        results = []
        for queries, candidates, same in _directions(embeddings):
            index = faiss.IndexFlatIP(DIMENSION)
            index.add(candidates)
            cosines, rows = index.search(queries, K + same)
            results.append(np.hstack([rows[:, int(same) :], cosines[:, int(same) :]]))  # nearest to itself
        return np.array(results)

    return work


def metrics(items: int) -> Work:
    """Compute all metrics of text queries for images; return one row a query."""
    limit_cores(int(os.environ["OMP_NUM_THREADS"]))
    embeddings, classes = _embeddings(items)
    correct, similarity = {k: TREE.correct_sets(k) for k in KS}, TREE.similarity

    def work() -> npt.ArrayLike:
        statistics = rank_statistics(
            embeddings["text"],
            embeddings["image"],
            classes,
            same_modality=False,
            correct=correct,
            similarity=similarity,
        )
        hp = [*statistics.item_hp.values(), *statistics.class_hp.values()]
        return np.stack([statistics.first, statistics.average_precision, statistics.ahp, *hp], axis=1)

    return work


def metrics_by_sorting(items: int, timed: int, kind: Literal["quicksort", "stable"]) -> Work:
    """Compute the same of the first `timed` queries: one argsort a query, then the formulas as they are written.

    Quicksort does not define the order of equal cosines; the stable sort does.
    """
    embeddings, classes = _embeddings(items)
    correct, similarity = {k: TREE.correct_sets(k) for k in KS}, TREE.similarity
    queries, candidates = embeddings["text"][:timed], embeddings["image"]

    def work() -> npt.ArrayLike:
        table = []
        for start in range(0, len(queries), BLOCK):
            for own, cosines in zip(classes[start:], queries[start : start + BLOCK] @ candidates.T, strict=False):
                ranked = classes[np.argsort(-cosines, kind=kind)]
                hits = np.flatnonzero(ranked == own) + 1
                precision = (np.arange(1, len(hits) + 1) / hits).mean()
                gains = similarity[own, ranked]
                best = np.sort(gains)[::-1]
                ahp = (gains[:AHP_K].cumsum() / best[:AHP_K].cumsum()).mean()
                different = ranked[np.sort(np.unique(ranked, return_index=True)[1])]
                hp = [correct[k][own, order[:k]].sum() / k for order in (ranked, different) for k in KS]
                table.append([hits[0], precision, ahp, *hp])
        return table

    return work
