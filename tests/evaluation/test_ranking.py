from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_info, threadpool_limits

from huse.engine import threads
from huse.engine.work import here
from huse.errors import InputError
from huse.evaluation import ranking
from huse.evaluation.hierarchy import item_hp_best
from huse.evaluation.ranking import macro_recall_at_1, rank_statistics
from huse.taxonomy import ClassTree
from tests import worked_example
from tests.engine.elsewhere import elsewhere
from tests.evaluation.made import circle

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
        "first": statistics.first,
        "kept": statistics.kept,
        "classes": statistics.classes,
        "average precision": statistics.average_precision,
        "class order": statistics.class_order,
        "ahp": statistics.ahp,
        **{f"item {k}": values for k, values in statistics.item_hp.items()},
        **{f"class {k}": values for k, values in statistics.class_hp.items()},
    }


def naive_metrics(own, ranked, paths, ks, ahp_k):
    """The metrics of one query from the classes of its candidates, best first."""
    similarity = ClassTree(paths).similarity
    hits = [place for place, c in enumerate(ranked, 1) if c == own]
    result = {
        "first": hits[0],
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


OPTIONS = {
    "same_modality": st.booleans(),
    "exclude_pair": st.booleans(),
    "missing": st.sampled_from([None, 1, 2]),
    "ahp_k": st.integers(1, 20),
    "block": st.sampled_from([1, 3, 256]),
    "spread": st.sampled_from([here, elsewhere]),
}


@settings(deadline=None, max_examples=300)
@given(
    worked_example.TREES,
    st.lists(st.integers(0, 8), min_size=1, max_size=14),
    st.integers(0, 10_000),
    st.fixed_dictionaries(OPTIONS),
)
def test_every_metric_equals_its_definition(paths, classes, seed, options):
    items = np.array(classes) % len(paths)
    # Whole numbers: products are exact, and most are equal to others, zero and minus zero among them.
    queries, candidates = np.random.default_rng(seed).integers(-1, 2, size=(2, len(items), 2)).astype(np.float32)
    candidates[::2] *= np.float32(-1)
    if options["same_modality"]:
        candidates = queries
    own_excluded = options["same_modality"] or options["exclude_pair"]
    missing, asked, offered = options.pop("missing"), np.ones(len(items), bool), np.ones(len(items), bool)
    if missing is not None:
        asked, offered = np.random.default_rng(missing).integers(0, 3, size=(2, len(items))) > 0
        asked = asked & offered if own_excluded else asked
        offered = asked if options["same_modality"] else offered
        options |= {"asked": asked, "offered": offered}
    statistics = measure(queries, candidates, items, paths, **options)
    kept, expected = [], []
    for query, own in enumerate(items):
        if not asked[query]:
            continue
        others = [n for n in range(len(items)) if offered[n] and not (n == query and own_excluded)]
        ranked = naive_ranking(queries[query], own, candidates, items, others=others, paths=paths, ks=KS)
        if own in ranked:
            kept.append(query)
            expected.append(naive_metrics(own, ranked, paths, KS, options["ahp_k"]))
    assert statistics.kept.tolist() == kept
    assert statistics.classes.tolist() == items[kept].tolist()
    assert statistics.dropped == asked.sum() - len(kept)
    assert statistics.candidates == offered.sum() - own_excluded
    for name, values in metrics(statistics).items():
        if name not in ("kept", "classes"):
            assert values == pytest.approx([row[name] for row in expected], nan_ok=True), name


@pytest.mark.parametrize("same_modality", [True, False])
def test_blocks_that_are_done_elsewhere_or_in_threads_give_the_same_bytes(unit_rows, monkeypatch, same_modality):
    classes = np.random.default_rng(3).integers(0, len(PATHS), size=901)
    queries, candidates = unit_rows(901, 70, seed=1), unit_rows(901, 70, seed=2)
    how = {"same_modality": same_modality, "block": 100}
    of = queries, queries if same_modality else candidates, classes
    expected = metrics(measure(*of, **how, spread=elsewhere))
    multiply, used = ranking._Gallery.fill_cosines, set()

    def multiplying(*given):
        used.update(each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"])
        multiply(*given)

    monkeypatch.setattr(ranking._Gallery, "fill_cosines", multiplying)
    for cores, limit in ((1, 1), (1, 3), (4, 3)):
        for module in (ranking, threads):
            monkeypatch.setattr(module, "cores", lambda cores=cores: cores)
        with threadpool_limits(limits=limit):  # of NumPy, as on a machine with so many cores
            found = metrics(measure(*of, **how))
        assert {name: values.tobytes() for name, values in found.items()} == {
            name: values.tobytes() for name, values in expected.items()
        }
    assert used == {1}  # more threads would add up in another order


def test_a_machine_that_rounds_otherwise_is_refused(unit_rows):
    def far(work, batches):
        return replace(work, arithmetic="numpy 1.0 with openblas Other")(batches)

    with pytest.raises(
        InputError, match=r"Expected numpy 1\.0 with openblas Other, .*found numpy 2.* out of the cluster"
    ):
        measure(unit_rows(20, 3), unit_rows(20, 3), np.arange(20) % 2, spread=far)


@pytest.mark.parametrize("same_modality", [True, False])
def test_ranks_and_average_precision_equal_other_programs(unit_rows, same_modality):
    classes = np.random.default_rng(3).integers(0, len(PATHS), size=120)
    queries = unit_rows(120, 6, seed=1)
    candidates = queries if same_modality else unit_rows(120, 6, seed=2)
    statistics = measure(queries, candidates, classes, same_modality=same_modality)
    assert statistics.dropped == 0
    for query in range(120):
        others = np.arange(120) != (query if same_modality else -1)
        relevant, cosines = classes[others] == classes[query], candidates[others] @ queries[query]
        assert statistics.first[query] == 1 + (cosines > cosines[relevant].max()).sum()
        assert statistics.average_precision[query] == pytest.approx(average_precision_score(relevant, cosines))
        assert statistics.class_order[query] == pytest.approx(roc_auc_score(relevant, cosines))


def test_the_worked_example():
    # One query and the six items it retrieves, on a quarter of a circle.
    classes = np.array([0, 0, 0, 1, 3, 4, 2])
    points = circle(0, 5, 10, 15, 20, 25, 30)
    statistics = measure(points, points, classes, worked_example.PATHS, ks=(1, 2, 3, 4, 5), same_modality=True)
    assert statistics.kept.tolist() == [0, 1, 2]  # the other classes have one item each
    assert statistics.dropped == 4
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
    best = item_hp_best(ClassTree(paths).correct_sets(10), classes, 10, own_excluded=True)
    assert (statistics.item_hp[10] == best).all()
    assert (statistics.first == 1).all()
    assert macro_recall_at_1(statistics) == 1


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
        assert statistics.first[query] == max(row["first"] for row in orders.values())
        for name in ("average precision", "ahp"):
            assert metrics(statistics)[name][query] == pytest.approx(min(row[name] for row in orders.values()))


def test_aggregates_by_hand():
    points = circle(0, 11, 20, 90, 102, 110)
    statistics = measure(points, points, np.array([0, 0, 0, 0, 1, 1]), same_modality=True)
    assert statistics.first.tolist() == [1, 1, 1, 3, 1, 1]
    assert macro_recall_at_1(statistics) == (3 / 4 + 1) / 2
    assert statistics.average_precision[3] == pytest.approx((1 / 3 + 2 / 4 + 3 / 5) / 3)
