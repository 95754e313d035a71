import numpy as np
import pytest

from huse.evaluation.retrieval import (
    Ranks,
    chance_at_k,
    chance_table,
    first_relevant_ranks,
    recall_at_k,
    recall_table,
)
from huse.evaluation.summary import SplitResults, mean_recall_at_1, summarise


def naive_first_ranks(queries, candidates, classes, same_modality):
    ranks = []
    for q in range(len(queries)):
        others = [c for c in range(len(candidates)) if not (same_modality and c == q)]
        # worst first among equals: candidates of another class before those of the same
        others.sort(key=lambda c: (-float(queries[q] @ candidates[c]), classes[c] == classes[q]))
        hits = [place for place, c in enumerate(others, 1) if classes[c] == classes[q]]
        if hits:
            ranks.append(hits[0])
    return ranks


@pytest.mark.parametrize("same_modality", [True, False])
@pytest.mark.parametrize("block", [1, 7, 100])
def test_ranks_equal_a_full_sort(unit_rows, same_modality, block):
    classes = np.random.default_rng(3).integers(0, 5, size=40)
    classes[5] = 99  # the only one of its class
    queries = unit_rows(40, 6, seed=1)
    candidates = queries if same_modality else unit_rows(40, 6, seed=2)
    ranks = first_relevant_ranks(queries, candidates, classes, same_modality=same_modality, block=block)
    assert ranks.first.tolist() == naive_first_ranks(queries, candidates, classes, same_modality)
    assert ranks.dropped == (1 if same_modality else 0)
    assert ranks.candidates == (39 if same_modality else 40)


def test_recall_by_hand():
    # On a circle: items at 0, 10, 90 and 100 degrees, classes a, b, a, b.
    angles = np.deg2rad([0, 10, 90, 100])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ranks = first_relevant_ranks(points, points, np.array([0, 1, 0, 1]), same_modality=True)
    assert ranks.first.tolist() == [2, 3, 3, 2]
    assert recall_table(ranks, (1, 2, 3)) == {"recall_at_1": 0, "recall_at_2": 0.5, "recall_at_3": 1}


def test_a_collapsed_space_gets_the_worst_ranks():
    point = np.tile(np.array([[1, 0]], dtype=np.float32), (6, 1))
    ranks = first_relevant_ranks(point, point, np.array([0, 0, 1, 1, 2, 2]), same_modality=True)
    assert ranks.first.tolist() == [5] * 6


def test_the_paired_item_is_a_candidate_between_modalities(unit_rows):
    rows = unit_rows(5, 8)
    ranks = first_relevant_ranks(rows, rows, np.arange(5), same_modality=False)
    assert recall_at_k(ranks, 1) == 1


def test_chance_by_hand():
    # 4 candidates, 1 relevant: 1/4, 1/2; all of them found when k is beyond the number of candidates
    ranks = Ranks(np.array([1]), np.array([1]), candidates=4, dropped=0)
    assert chance_at_k(ranks, 1) == pytest.approx(0.25)
    assert chance_at_k(ranks, 2) == pytest.approx(0.5)
    assert chance_at_k(ranks, 10) == pytest.approx(1)
    two = Ranks(np.array([1, 1]), np.array([2, 1]), candidates=4, dropped=0)
    assert chance_at_k(two, 2) == pytest.approx((1 - (2 * 1) / (4 * 3) + 0.5) / 2)


def test_random_embeddings_reach_chance(unit_rows):
    classes = np.random.default_rng(0).choice(12, size=3000, p=np.arange(1, 13) / 78)
    images, texts = unit_rows(3000, 32, seed=5), unit_rows(3000, 32, seed=6)
    for queries, candidates, same in ((images, images, True), (images, texts, False)):
        ranks = first_relevant_ranks(queries, candidates, classes, same_modality=same)
        for name, chance in chance_table(ranks, (1, 5, 10)).items():
            # three standard errors of 3,000 queries, doubled: candidates are shared between queries
            assert recall_table(ranks, (1, 5, 10))[name] == pytest.approx(chance, abs=0.05)


def test_summary_holds_every_figure(unit_rows):
    results = SplitResults(
        {"image": unit_rows(6, 4), "text": unit_rows(6, 4)},
        {"image": np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]], "text": np.full((6, 3), 1 / 3, np.float32)},
        np.array([0, 1, 2, 0, 1, 2]),
    )
    summary = summarise(results, [[0], [1], [2]], fusion_weight=0.5, chance=1 / 3)
    assert summary["items"] == 6
    assert summary["classification"]["image"]["accuracy"] == 1
    assert summary["classification"]["text"]["accuracy"] == pytest.approx(1 / 3)
    assert summary["classification"]["fusion"] == {"accuracy": 1, "image_weight": 0.5}
    assert list(summary["retrieval"]) == ["image_to_image", "image_to_text", "text_to_image", "text_to_text"]
    assert summary["retrieval"]["image_to_text"]["recall_at_1"] == 1  # the same vectors in both modalities
    assert summary["retrieval"]["image_to_text"]["chance"]["recall_at_1"] == pytest.approx(1 / 3)
    assert 0 < mean_recall_at_1(summary) <= 1
    subset = results.rows(np.array([0, 4]))
    assert subset.classes.tolist() == [0, 1]
    alone = summarise(subset, [[0], [1], [2]], 0.5, 1 / 3)["retrieval"]["image_to_image"]
    assert alone == {"dropped_queries": 2}
