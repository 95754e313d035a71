"""Answers that stop at a node of the class tree where the class is not sure, and the thresholds for a precision.

An answer is a node on the way down the tree (`huse.descent`). It is right if it is the actual class or lies above it.
Deng et al. 2012 ("Hedging your bets: optimizing accuracy-specificity trade-offs in large scale visual recognition")
maximise how much the answers say, for an accuracy that is guaranteed.

Letters: N items, C classes, L levels of the deepest class path. `classes` are N actual class numbers; `right` are
N × L, True where the node of that level on the way is right.
"""

import numpy as np

from huse.descent import Descent, Point, answer_depths, descend
from huse.evaluation.classification import Doubles, Floats, Integers
from huse.taxonomy import Bools, ClassTree

TARGETS = (0.9, 0.95, 0.99)  # precisions that are measured
# Precisions of levels, and probabilities, that thresholds are made for. Answers that stop at different levels are
# together less precise than each level is, so a precision of the answers takes a higher one of the levels.
STEPS = (*(step / 100 for step in range(50, 99)), *(step / 1000 for step in range(990, 1000)))


def right_nodes(descent: Descent, classes: Integers, tree: ClassTree) -> Bools:
    """Return `right`. Below the end of a way nothing is answered, so it does not matter there."""
    right: Bools = (tree.levels[:, descent.classes] == tree.levels[:, classes]).T
    return right


def lowest_threshold(probabilities: Doubles, right: Bools, precision: float) -> float | None:
    """Return the lowest threshold from which on the answers have a precision; None: no threshold gives it.

    The precision is right / (accepted + 1), as if the next answer were wrong: one right answer proves nothing, and 0.99
    takes 99 right ones without a wrong one. This is the correction for few items of conformal risk control
    (Angelopoulos et al. 2022, arXiv 2208.02814). A confidence bound would be surer, and would leave most items of a
    validation split of some hundred without an answer.

    Args:
        probabilities: N, of one node each; accepted are those at or above the threshold.
        right: N.
        precision: in (0, 1).
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    reached = np.cumsum(right[order]) / (np.arange(len(ranked)) + 2) >= precision
    reached &= np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]  # equal probabilities are accepted together
    places = np.flatnonzero(reached)
    return float(ranked[places[-1]]) if len(places) else None


def level_thresholds(descent: Descent, right: Bools, precision: float) -> tuple[float | None, ...]:
    """Return the lowest threshold of each level that gives its accepted items a precision, from the first level down.

    A level is accepted only if all levels above are, so each threshold is chosen among the items that those above
    accept and whose way goes as deep. Without any, the level is never accepted, and none below it.
    """
    thresholds: list[float | None] = []
    accepted = np.ones(len(right), bool)
    for probabilities, of_level in zip(descent.probabilities.T, right.T, strict=True):
        accepted &= ~np.isnan(probabilities)
        least = lowest_threshold(probabilities[accepted], of_level[accepted], precision)
        thresholds.append(least)
        accepted &= probabilities >= (np.inf if least is None else least)
    return tuple(thresholds)


def make_points(probabilities: Floats, classes: Integers, tree: ClassTree) -> list[Point]:
    """Return the thresholds that say most for their precision, from the deepest answers to the most precise ones.

    The candidates are the thresholds of `level_thresholds` for all `STEPS`, and each of these as the one threshold of
    all levels: which of the two says more depends on whether the first levels or the classes are hard to tell apart.
    Those remain for which no deeper answers, by the mean over all items, are as precise.

    Args:
        probabilities: N × C of the validation split.
        classes: see above.
        tree: of the C classes.
    """
    descent = descend(probabilities, tree)
    right = right_nodes(descent, classes, tree)
    candidates = [level_thresholds(descent, right, step) for step in STEPS]
    candidates += [(step,) * len(tree.levels) for step in STEPS]
    depths = {thresholds: answer_depths(descent, thresholds) for thresholds in candidates}
    points: list[Point] = []
    for thresholds, found in sorted(depths.items(), key=lambda pair: -int(pair[1].sum())):
        precision = int(right_answers(found, right).sum()) / (int((found > 0).sum()) + 1)
        if precision > (points[-1].precision if points else 0):
            points.append(Point(precision, thresholds, tuple(depth_shares(descent, found, tree).tolist())))
    return points


def right_answers(depths: Integers, right: Bools) -> Bools:
    """Return for which of N items there is an answer, of `depths` levels, and it is right."""
    found: Bools = (depths > 0) & np.take_along_axis(right, np.maximum(depths, 1)[:, None] - 1, axis=1)[:, 0]
    return found


def depth_shares(descent: Descent, depths: Integers, tree: ClassTree) -> Doubles:
    """Return the shares of items without an answer, with a node of level 1, ..., L - 1, and with a class; L + 1."""
    levels = len(tree.levels)
    ends = np.where(depths == tree.depths[descent.classes], levels, depths)
    shares: Doubles = np.bincount(ends, minlength=levels + 1) / max(len(ends), 1)
    return shares


def hedged_metrics(descent: Descent, depths: Integers, classes: Integers, tree: ClassTree) -> dict[str, float]:
    """Return what answers of some depths are worth.

    Args:
        descent: of N items.
        depths: N, levels that are answered; 0: no answer.
        classes: see above.
        tree: of the C classes.

    Returns:
        The shares of the items with a `class`, with a node of `level_1`, ... above it, and with `none`; the `accuracy`
        of the answers, left out where there are none; and `mean_depth` over all items, in levels.
    """
    none, *above, whole = depth_shares(descent, depths, tree).tolist()
    levels = {f"level_{level}": share for level, share in enumerate(above, start=1)}
    answers = depths > 0
    right = right_answers(depths, right_nodes(descent, classes, tree))
    accuracy = {"accuracy": float(right[answers].mean())} if answers.any() else {}
    return {"class": whole, **levels, "none": none, **accuracy, "mean_depth": float(depths.mean())}


def target_name(precision: float) -> str:
    """Return the key of a target: ``precision_95`` of 0.95."""
    return f"precision_{round(precision * 100)}"
