import numpy as np
import pytest

from huse.descent import Descent, answer_depths, choose_points, descend
from huse.evaluation.hedging import (
    STEPS,
    TARGETS,
    depth_shares,
    hedged_metrics,
    level_thresholds,
    lowest_threshold,
    make_points,
    right_answers,
    right_nodes,
    target_name,
)
from huse.taxonomy import ClassTree

UNEVEN = ClassTree.of(["a", "a<b", "a<b<c", "a<d", "e", "f<g<h", "f<g<j"])


def drawn(count, tree=UNEVEN, seed=0):
    """Probabilities, and classes that are drawn by them, so that they are calibrated; with equal ones among them."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.2] * len(tree), count).round(1).astype(np.float32) + 0.01
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    classes = np.array([random.choice(len(tree), p=row / row.sum()) for row in probabilities.astype(np.float64)])
    return probabilities, classes


def slow_threshold(probabilities, right, precision):
    """Try every probability as the threshold, the lowest first."""
    for least in sorted(set(probabilities.tolist())):
        accepted = probabilities >= least
        if right[accepted].sum() / (accepted.sum() + 1) >= precision:
            return least
    return None


@pytest.mark.parametrize("precision", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("decimals", [1, 8])
def test_the_threshold_is_the_lowest_that_gives_the_precision(precision, decimals):
    random = np.random.default_rng(1)
    for count in (0, 1, 2, 30, 300):
        probabilities = random.random(count).round(decimals)
        right = random.random(count) < np.sqrt(probabilities)
        assert lowest_threshold(probabilities, right, precision) == slow_threshold(probabilities, right, precision)


def test_few_items_prove_little():
    for count, precision in ((18, None), (19, 0.5)):
        assert lowest_threshold(np.full(count, 0.5), np.ones(count, bool), 0.95) == precision
    ranked, right = np.linspace(1, 0.5, 30), np.ones(30, bool)
    right[25] = False  # up to it 25 of 25 are right, with it 25 of 26, in the end 29 of 30
    assert lowest_threshold(ranked, right, 25 / 26) == ranked[24]
    assert lowest_threshold(ranked, right, 29 / 31) == 0.5
    assert lowest_threshold(ranked, ~right, 0.5) is None


def test_a_level_is_chosen_among_what_the_levels_above_accept():
    sums = np.array([[0.9, 0.8]] * 8 + [[0.9, np.nan]] * 2 + [[0.4, 0.39]] * 5)
    right = np.array([[True, True]] * 8 + [[True, False]] * 2 + [[False, False]] * 5)
    descent = Descent(np.zeros(15, np.int64), sums)
    # Of the first level 10 of 10 are right, with the others 10 of 15. Of the second, 8 go as deep and are accepted.
    assert level_thresholds(descent, right, 0.9) == (0.9, None)
    assert level_thresholds(descent, right, 8 / 9) == (0.9, 0.8)
    assert level_thresholds(descent, right, 0.92) == (None, None)
    assert level_thresholds(descent, right, 0.5) == (0.4, 0.39)


def test_right_is_the_class_or_what_lies_above_it():
    number = {path: place for place, path in enumerate(["<".join(path) for path in UNEVEN.paths])}
    for way, actual, expected in (
        ("a<b<c", "a<b<c", [True, True, True]),
        ("a<b<c", "a<b", [True, True, False]),
        ("a<b<c", "a<d", [True, False]),
        ("a", "a<b<c", [True]),  # a class above the actual one
        ("a<d", "a", [True, False]),
        ("e", "a", [False]),
        ("f<g<h", "f<g<j", [True, True, False]),
    ):
        descent = Descent(np.array([number[way]]), np.zeros((1, 3)))
        found = right_nodes(descent, np.array([number[actual]]), UNEVEN)
        assert found[0, : len(expected)].tolist() == expected


def slow_answers(descent, classes, thresholds, tree):
    """The answered node of each item, and whether it is right; item by item."""
    answers = []
    for way, sums, actual in zip(descent.classes, descent.probabilities, classes, strict=True):
        depth = 0
        while depth < len(tree.paths[way]) and thresholds[depth] is not None and sums[depth] >= thresholds[depth]:
            depth += 1
        node = tree.paths[way][:depth]
        answers.append((node, node == tree.paths[way], bool(node) and tree.paths[actual][:depth] == node))
    return answers


@pytest.mark.parametrize("seed", range(3))
def test_points_say_what_their_thresholds_give(seed):
    probabilities, classes = drawn(400, seed=seed)
    points, descent = make_points(probabilities, classes, UNEVEN), descend(probabilities, UNEVEN)
    assert len(points) > 5
    for point in points:
        answers = slow_answers(descent, classes, point.thresholds, UNEVEN)
        nodes = [node for node, _, _ in answers]
        right = sum(is_right for _, _, is_right in answers)
        assert point.precision == right / (sum(map(bool, nodes)) + 1)
        above = [
            sum(len(node) == level and not whole for node, whole, _ in answers) / len(answers) for level in range(1, 3)
        ]
        whole = sum(bool(node) and is_whole for node, is_whole, _ in answers) / len(answers)
        assert point.shares == pytest.approx((nodes.count(()) / len(answers), *above, whole))


def test_points_are_those_that_say_most_for_their_precision():
    probabilities, classes = drawn(300)
    descent = descend(probabilities, UNEVEN)
    right, points = right_nodes(descent, classes, UNEVEN), make_points(probabilities, classes, UNEVEN)
    candidates = [level_thresholds(descent, right, step) for step in STEPS] + [(step,) * 3 for step in STEPS]

    def worth(thresholds):
        answers = slow_answers(descent, classes, thresholds, UNEVEN)
        answered = sum(bool(node) for node, _, _ in answers)
        return sum(len(node) for node, _, _ in answers), sum(is_right for _, _, is_right in answers) / (answered + 1)

    kept, every = [worth(point.thresholds) for point in points], [worth(thresholds) for thresholds in candidates]
    for target in (*TARGETS, 0.55, 0.75, 0.85):
        precise = [depth for depth, precision in every if precision >= target]
        chosen = choose_points({"text": points}, target)["text"]
        assert (worth(chosen.thresholds)[0] if chosen else None) == max(precise, default=None)
    assert kept == sorted(kept, key=lambda pair: (-pair[0], pair[1]))
    assert len({precision for _, precision in kept}) == len(kept)
    assert any(len(set(point.thresholds)) > 1 for point in points)
    assert any(len(set(point.thresholds)) == 1 for point in points)


@pytest.mark.parametrize("precision", [0.7, 0.8, 0.9])
def test_answers_have_the_precision_together(precision):
    """Each level alone may have it, and answers of several levels together not."""
    probabilities, classes = drawn(2000)
    chosen = choose_points({"image": make_points(probabilities, classes, UNEVEN)}, precision)["image"]
    descent = descend(probabilities, UNEVEN)
    metrics = hedged_metrics(descent, answer_depths(descent, chosen.thresholds), classes, UNEVEN)
    assert metrics["accuracy"] >= precision
    others, actual = drawn(2000, seed=9)
    descent = descend(others, UNEVEN)
    found = hedged_metrics(descent, answer_depths(descent, chosen.thresholds), actual, UNEVEN)
    assert found["accuracy"] == pytest.approx(metrics["accuracy"], abs=0.03)


def test_no_items_have_no_points():
    assert make_points(np.zeros((0, 7), np.float32), np.zeros(0, np.int64), UNEVEN) == []
    wrong = np.eye(7, dtype=np.float32)[np.zeros(50, np.int64)]
    assert make_points(wrong, np.full(50, 4), UNEVEN) == []


def test_hedged_metrics_by_hand():
    tree = ClassTree.of(["a<b", "a<c", "d"])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0.4, 0.2, 0.4]], np.float32)
    descent, classes = descend(probabilities, tree), np.array([0, 1, 2, 2])
    depths = answer_depths(descent, (0.65, 0.8))
    assert depths.tolist() == [2, 1, 1, 0]
    assert right_answers(depths, right_nodes(descent, classes, tree)).tolist() == [True, True, True, False]
    assert depth_shares(descent, depths, tree).tolist() == [0.25, 0.25, 0.5]
    expected = {"class": 0.5, "level_1": 0.25, "none": 0.25, "accuracy": 1.0, "mean_depth": 1.0}
    assert hedged_metrics(descent, depths, classes, tree) == expected
    shorter = hedged_metrics(descent, depths * 0, classes, tree)
    assert shorter == {"class": 0.0, "level_1": 0.0, "none": 1.0, "mean_depth": 0.0}
    assert hedged_metrics(descent, depths, np.array([1, 0, 0, 0]), tree)["accuracy"] == pytest.approx(1 / 3)


def test_targets_have_names_without_a_point():
    assert [target_name(target) for target in (0.9, 0.95, 0.99)] == ["precision_90", "precision_95", "precision_99"]
