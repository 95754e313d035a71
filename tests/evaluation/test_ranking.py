from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from huse.evaluation.chance import average_precision_chance, chance_at_k
from huse.evaluation.hierarchy import item_hp_best, item_hp_chance
from huse.evaluation.ranking import (
    macro_recall_at_1,
    mean_average_precision,
    median_rank,
    rank_statistics,
)
from huse.evaluation.retrieval import recall_at_k
from huse.taxonomy import ClassTree

KS = (2, 5, 10)
PATHS = [
    ["beauty", "makeup", "lipstick"],
    ["beauty", "makeup", "eyeshadow"],
    ["beauty", "makeup", "mascara"],
    ["beauty", "fragrance"],
    ["beauty"],
    ["shoes", "boots", "ankle"],
    ["shoes", "boots", "ankle", "lined"],
    ["shoes", "pumps", "high"],
    ["shoes", "pumps", "mid"],
]


def measure(queries, candidates, classes, paths=PATHS, *, ks=KS, same_modality=False, **options):
    return rank_statistics(
        queries,
        candidates,
        classes,
        same_modality=same_modality,
        correct={k: ClassTree(paths).correct_sets(k) for k in ks},
        similarity=ClassTree(paths).similarity,
        **options,
    )


def metrics(statistics):
    """All arrays by name."""
    return {
        "first": statistics.ranks.first,
        "relevant": statistics.ranks.relevant,
        "kept": statistics.kept,
        "classes": statistics.classes,
        "average precision": statistics.average_precision,
        "class order": statistics.class_order,
        "ahp": statistics.ahp,
        **{f"item {k}": values for k, values in statistics.item_hp.items()},
        **{f"class {k}": values for k, values in statistics.class_hp.items()},
    }


def assert_equal_metrics(first, second):
    assert first.ranks.candidates == second.ranks.candidates
    assert first.ranks.dropped == second.ranks.dropped
    for name, values in metrics(first).items():
        np.testing.assert_allclose(values, metrics(second)[name], rtol=1e-12, err_msg=name)


def naive_metrics(own, ranked, paths, ks, ahp_k):
    """The metrics of one query from the classes of its candidates, best first."""
    similarity = ClassTree(paths).similarity
    hits = [place for place, c in enumerate(ranked, 1) if c == own]
    result = {
        "first": hits[0],
        "relevant": len(hits),
        "average precision": sum(number / place for number, place in enumerate(hits, 1)) / len(hits),
    }
    pairs = [(a, b) for a in hits for b in range(1, len(ranked) + 1) if b not in hits]
    result["class order"] = sum(a < b for a, b in pairs) / len(pairs) if pairs else float("nan")
    for k in ks:
        correct = ClassTree(paths).correct_sets(k)[own]
        result[f"item {k}"] = sum(correct[c] for c in ranked[:k]) / k
        result[f"class {k}"] = sum(correct[c] for c in list(dict.fromkeys(ranked))[:k]) / k
    ideal = sorted((similarity[own, c] for c in ranked), reverse=True)
    areas = [sum(similarity[own, ranked[:r]]) / sum(ideal[:r]) for r in range(1, min(ahp_k, len(ranked)) + 1)]
    result["ahp"] = sum(areas) / len(areas)
    return result


def naive_ranking(query, own, candidates, classes, *, others, paths, ks):
    """Classes of the candidates, best first: of equal cosines the least similar class, the query's own last."""
    similarity, edges = ClassTree(paths).similarity, ClassTree(paths).hops
    sets = [ClassTree(paths).correct_sets(k)[own] for k in ks]
    order = sorted(
        others,
        key=lambda n: (
            -float(query @ candidates[n]),
            classes[n] == own,
            similarity[own, classes[n]],
            sum(members[classes[n]] for members in sets),
            -edges[own, classes[n]],
        ),
    )
    return [int(classes[n]) for n in order]


TREES = st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=6, unique_by=tuple)


@settings(deadline=None, max_examples=300)
@given(
    paths=TREES,
    classes=st.lists(st.integers(0, 5), min_size=1, max_size=14),
    seed=st.integers(0, 10_000),
    same_modality=st.booleans(),
    exclude_pair=st.booleans(),
    ahp_k=st.integers(1, 20),
    block=st.sampled_from([1, 3, 256]),
)
def test_every_metric_equals_its_definition(*, paths, classes, seed, same_modality, exclude_pair, ahp_k, block):
    items = np.array(classes) % len(paths)
    # Whole numbers: products are exact, and most are equal to others, zero and minus zero among them.
    queries, candidates = np.random.default_rng(seed).integers(-1, 2, size=(2, len(items), 2)).astype(np.float32)
    candidates[::2] *= np.float32(-1)
    if same_modality:
        candidates = queries
    statistics = measure(
        queries,
        candidates,
        items,
        paths,
        same_modality=same_modality,
        exclude_pair=exclude_pair,
        ahp_k=ahp_k,
        block=block,
    )
    kept, expected = [], []
    for query, own in enumerate(items):
        others = [n for n in range(len(items)) if not (n == query and (same_modality or exclude_pair))]
        ranked = naive_ranking(queries[query], own, candidates, items, others=others, paths=paths, ks=KS)
        if own in ranked:
            kept.append(query)
            expected.append(naive_metrics(own, ranked, paths, KS, ahp_k))
    assert statistics.kept.tolist() == kept
    assert statistics.classes.tolist() == items[kept].tolist()
    assert statistics.ranks.dropped == len(items) - len(kept)
    assert statistics.ranks.candidates == len(items) - (same_modality or exclude_pair)
    for name, values in metrics(statistics).items():
        if name not in ("kept", "classes"):
            assert values == pytest.approx([row[name] for row in expected], nan_ok=True), name


@pytest.mark.parametrize("same_modality", [True, False])
def test_ranks_and_average_precision_equal_other_programs(unit_rows, same_modality):
    classes = np.random.default_rng(3).integers(0, len(PATHS), size=120)
    queries = unit_rows(120, 6, seed=1)
    candidates = queries if same_modality else unit_rows(120, 6, seed=2)
    statistics = measure(queries, candidates, classes, same_modality=same_modality)
    assert statistics.ranks.dropped == 0
    for query in range(120):
        others = np.arange(120) != (query if same_modality else -1)
        relevant, cosines = classes[others] == classes[query], candidates[others] @ queries[query]
        assert statistics.ranks.relevant[query] == relevant.sum()
        assert statistics.ranks.first[query] == 1 + (cosines > cosines[relevant].max()).sum()
        assert statistics.average_precision[query] == pytest.approx(average_precision_score(relevant, cosines))
        assert statistics.class_order[query] == pytest.approx(roc_auc_score(relevant, cosines))


def test_the_worked_example():
    # One query and the six items it retrieves, on a quarter of a circle.
    paths = [path.split("<") for path in ("b<m<lip", "b<m<eye", "b<m<masc", "b<f<perf", "s<b<ankle", "s<b<knee")]
    paths += [["s", "p", "high"], ["s", "p", "mid"]]
    classes = np.array([0, 0, 0, 1, 3, 4, 2])
    angles = np.deg2rad([0, 5, 10, 15, 20, 25, 30])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    statistics = measure(points, points, classes, paths, ks=(1, 2, 3, 4, 5), same_modality=True)
    assert statistics.kept.tolist() == [0, 1, 2]  # the other classes have one item each
    assert statistics.ranks.dropped == 4
    assert [statistics.item_hp[k][0] for k in (1, 2, 3, 4, 5)] == [1, 1, 1, 1, 1]
    assert [statistics.class_hp[k][0] for k in (2, 3, 4, 5)] == pytest.approx([1, 2 / 3, 3 / 4, 1])
    assert statistics.ahp[0] == pytest.approx(0.9530, abs=5e-5)
    assert statistics.average_precision[0] == 1


def test_a_perfect_space_is_perfect():
    # One coordinate for each node: items that share more levels have a higher cosine.
    paths = [[a, b] for a in "ab" for b in "abc"]
    classes = np.repeat(np.arange(6), 7)
    levels = np.concatenate([np.eye(2)[classes // 3], np.eye(6)[classes]], axis=1)
    points = (levels / np.sqrt(2)).astype(np.float32)
    statistics = measure(points, points, classes, paths, same_modality=True)
    assert (statistics.ahp == 1).all()
    assert (statistics.average_precision == 1).all()
    assert (statistics.class_hp[2] == 1).all()
    assert (
        statistics.item_hp[10] == item_hp_best(ClassTree(paths).correct_sets(10), classes, 10, own_excluded=True)
    ).all()
    assert (
        recall_at_k(statistics.ranks, 1).mean()
        == macro_recall_at_1(statistics)
        == mean_average_precision(statistics)
        == 1
    )
    assert median_rank(statistics) == 1


@pytest.mark.parametrize("dimension", [2, 37, 300, 512])
@pytest.mark.parametrize("same_modality", [True, False])
def test_a_collapsed_space_gets_the_worst_metrics(unit_rows, dimension, same_modality):
    # Not a handy vector like (1, 0): a matrix product of this one with itself differs between columns in the last
    # digit on some CPUs.
    points = np.tile(unit_rows(1, dimension, seed=4), (101, 1))
    signs = np.random.default_rng(0).choice([-1, 1], size=(101, dimension // 2))
    points[:, : dimension // 2] = 0.0 * signs  # minus zero is another float and the same point
    classes = np.arange(101) % len(PATHS)
    for block in (1, 7, 256):
        statistics = measure(points, points, classes, same_modality=same_modality, ahp_k=101, block=block)
        for query, own in enumerate(classes):
            others = [n for n in range(101) if not (same_modality and n == query)]
            ranked = naive_ranking(points[0] * 0, own, points, classes, others=others, paths=PATHS, ks=KS)
            expected = naive_metrics(own, ranked, PATHS, KS, ahp_k=101)
            assert expected["first"] == 1 + sum(classes != own)
            for name, value in expected.items():
                assert metrics(statistics)[name][query] == pytest.approx(value), name


def test_no_order_of_equal_cosines_is_worse():
    classes = np.array([0, 1, 0, 3, 5, 7, 5])
    points = np.ones((7, 1), dtype=np.float32)
    statistics = measure(points, points, classes)
    for query, own in enumerate(classes):
        orders = {order: naive_metrics(own, list(order), PATHS, (), 7) for order in set(permutations(classes.tolist()))}
        assert statistics.ranks.first[query] == max(row["first"] for row in orders.values())
        for name in ("average precision", "ahp"):
            assert metrics(statistics)[name][query] == pytest.approx(min(row[name] for row in orders.values()))


def test_zero_and_minus_zero_are_equal_cosines():
    # Products too small for a float: some ways of adding them up give minus zero for the second candidate.
    queries = np.full((2, 1), 1e-30, dtype=np.float32)
    candidates = np.array([[1e-30], [-1e-30]], dtype=np.float32)
    assert measure(queries, candidates, np.array([0, 7])).ranks.first.tolist() == [2, 2]


def test_singletons_are_dropped_and_counted(unit_rows):
    classes = np.array([0, 1, 0, 8, 3])
    rows = unit_rows(5, 4)
    statistics = measure(rows, rows, classes, same_modality=True)
    assert statistics.kept.tolist() == [0, 2]
    assert statistics.classes.tolist() == [0, 0]
    assert statistics.ranks.dropped == 3
    assert measure(rows, rows, classes).ranks.dropped == 0


def test_only_singletons_leave_empty_metrics(unit_rows):
    rows = unit_rows(3, 4)
    for count in (1, 3):
        statistics = measure(rows[:count], rows[:count], np.arange(count), same_modality=True)
        assert statistics.ranks.dropped == count
        assert {values.shape for values in metrics(statistics).values()} == {(0,)}
        for aggregate in (mean_average_precision, macro_recall_at_1, median_rank):
            assert np.isnan(aggregate(statistics))


def test_the_paired_item_is_a_candidate_unless_excluded(unit_rows):
    rows = unit_rows(60, 8)
    classes = np.arange(60) % 3
    with_pair = measure(rows, rows, classes)
    assert (with_pair.ranks.first == 1).all()
    without = measure(rows, rows, classes, exclude_pair=True)
    assert_equal_metrics(without, measure(rows, rows, classes, same_modality=True))
    assert without.ranks.candidates == 59
    assert mean_average_precision(without) < mean_average_precision(with_pair)
    assert_equal_metrics(without, measure(rows, rows, classes, same_modality=True, exclude_pair=True))


def test_the_block_size_changes_nothing(unit_rows):
    classes = np.random.default_rng(1).integers(0, len(PATHS), size=90)
    queries, candidates = unit_rows(90, 16, seed=1), unit_rows(90, 16, seed=2)
    candidates[40:80] = candidates[:40]  # equal cosines between classes
    whole = measure(queries, candidates, classes, block=90)
    for block, threads in ((1, 1), (1, 3), (7, 2), (89, 1), (1000, 4)):
        assert_equal_metrics(measure(queries, candidates, classes, block=block, threads=threads), whole)


def test_the_order_of_the_items_changes_nothing(unit_rows):
    random = np.random.default_rng(1)
    classes = random.integers(0, len(PATHS), size=80)
    queries, candidates = unit_rows(80, 5, seed=1), np.repeat(unit_rows(8, 5, seed=2), 10, axis=0)
    order = random.permutation(80)
    statistics = metrics(measure(queries, candidates, classes))
    shuffled = metrics(measure(queries[order], candidates[order], classes[order]))
    for name in statistics.keys() - {"kept"}:
        np.testing.assert_allclose(statistics[name][order], shuffled[name], rtol=1e-12, err_msg=name)


def test_random_embeddings_are_near_chance(unit_rows):
    classes = np.random.default_rng(0).choice(len(PATHS), size=1500, p=np.arange(1, 10) / 45)
    images, texts = unit_rows(1500, 32, seed=5), unit_rows(1500, 32, seed=6)
    for candidates, same in ((images, True), (texts, False)):
        statistics = measure(images, candidates, classes, same_modality=same)
        assert recall_at_k(statistics.ranks, 5).mean() == pytest.approx(chance_at_k(statistics.ranks, 5), abs=0.05)
        for k in KS:
            chance = item_hp_chance(ClassTree(PATHS).correct_sets(k), classes, k, own_excluded=same)[statistics.kept]
            assert statistics.item_hp[k].mean() == pytest.approx(chance.mean(), abs=0.03)
        chance = average_precision_chance(statistics.ranks.relevant, statistics.ranks.candidates).mean()
        assert mean_average_precision(statistics) == pytest.approx(chance, abs=0.005)
        assert statistics.class_order.mean() == pytest.approx(0.5, abs=0.01)


def test_aggregates_by_hand():
    # On a circle: items at 0, 11, 20, 90, 102 and 110 degrees, classes a, a, a, a, b, b.
    angles = np.deg2rad([0, 11, 20, 90, 102, 110])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    statistics = measure(points, points, np.array([0, 0, 0, 0, 1, 1]), same_modality=True)
    assert statistics.ranks.first.tolist() == [1, 1, 1, 3, 1, 1]
    assert recall_at_k(statistics.ranks, 1).mean() == pytest.approx(5 / 6)
    assert macro_recall_at_1(statistics) == (3 / 4 + 1) / 2
    assert median_rank(statistics) == 1
    assert statistics.average_precision[3] == pytest.approx((1 / 3 + 2 / 4 + 3 / 5) / 3)
    assert mean_average_precision(statistics) == pytest.approx(statistics.average_precision.mean())
