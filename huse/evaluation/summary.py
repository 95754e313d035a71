"""All metrics of one split, as the nested mapping of a metrics file.

Letters: N items of the split, K labels, C classes, D dimension of the shared space.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.descent import Point, choose_points, descend, hedge, kinds_of
from huse.engine.work import Spread, here
from huse.evaluation.calibration import choose_log_linear, confidence, expected_calibration_error
from huse.evaluation.classification import (
    ClassLabels,
    Doubles,
    Floats,
    Integers,
    best_fusion_weight,
    label_hits,
    level_accuracy,
    macro_f1,
    predicted_classes,
    top_hits,
)
from huse.evaluation.hedging import TARGETS, hedged_metrics, make_points, target_name
from huse.evaluation.intervals import interval_ends
from huse.evaluation.ranking import RankStatistics
from huse.evaluation.results import SplitResults, points, present, sampled
from huse.evaluation.retrieval import Found, choose_share, query_metrics, references_of, retrieval_metrics, retrieve
from huse.evaluation.selective import selective_metrics
from huse.evaluation.space import space_metrics
from huse.fusion import LogLinear, class_probabilities, temper
from huse.nesting import nest
from huse.progress import progress
from huse.taxonomy import ClassTree
from huse.wording import counted

TOP = 5  # classes of top_5
MOST_CHOSEN = 50_000  # items of validation that choices are made by, evenly spaced
LONG = 10**9  # queries × items, from which on it is said how long they take
FEW = 256  # queries, to find that out
EMBEDDING, PROBABILITIES, BOTH = "retrieval", "retrieval_by_probabilities", "retrieval_by_both"
BY_LEVEL = ("image", "text", "fusion")
NONE = -1  # in place of a class
DECIDERS = ("both", "image", "text", "neither")


@dataclass(frozen=True)
class Catalogue:
    """The classes and their relations.

    Attributes:
        class_labels: C lists of label numbers.
        tree: that hierarchical metrics are measured on.
        adjacency: C × C float32, the semantic graph's distances of the classes.
        queries: items of a split that are queries, at most; None: all.
        spread: has blocks of queries ranked.
        of_paths: tree of the class paths, where `tree` is another.
    """

    class_labels: ClassLabels
    tree: ClassTree
    adjacency: Floats
    queries: int | None = None
    spread: Spread = here
    of_paths: ClassTree | None = None

    @property
    def answers(self) -> ClassTree:
        """The tree of the class paths, which a model knows and whose levels answers and classes have."""
        return self.tree if self.of_paths is None else self.of_paths

    def retrieve(self, places: Mapping[str, Floats], classes: Integers, **how: Any) -> Found:
        """Rank the items of a split by its classes, as many queries and where it is said above.

        Args:
            places: see `huse.evaluation.retrieval.retrieve`.
            classes: N class numbers.
            how: what else `retrieve` takes, over what is said above.
        """
        return retrieve(places, classes, self.tree, **{"queries": self.queries, "spread": self.spread, **how})


@dataclass(frozen=True)
class Choices:
    """The choices made on the validation split.

    Attributes:
        image_weight: weight of the image scores in the average of image and text scores.
        log_linear: the other fusion.
        by: which of the two is `fusion`: `average` if it is more accurate by a standard error, else `log_linear`.
        probability_share: weight of the class probabilities in retrieval by both.
        points: by `image`, `text` and `fusion`, the latter of items with both, where to stop in the class tree.
    """

    image_weight: float
    log_linear: LogLinear
    by: str
    probability_share: float
    points: Mapping[str, list[Point]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A split, measured item by item.

    Attributes:
        results: the model's results for it.
        catalogue: its classes.
        choices: made on the validation split.
        scores: `image`, `text`, `average`, `log_linear` and `fusion`, which is one of these two, each N × K float32; an
            item of one modality has its calibrated scores where both are fused, and a row of NaN in the other.
        predicted: the same, N class numbers, `NONE` where there are no scores.
        hits: the same, N float64, of `label_hits`; NaN where there are no scores.
        found: by `EMBEDDING`, `PROBABILITIES` and `BOTH` the rankings in four directions.
        without_pair: the same between modalities, without the query's own pair.
    """

    results: SplitResults
    catalogue: Catalogue
    choices: Choices
    scores: dict[str, Floats]
    predicted: dict[str, Integers]
    hits: dict[str, Doubles]
    found: dict[str, Found]
    without_pair: dict[str, Found]


def new_class_metrics(measured: Measured, new: Sequence[int]) -> dict[str, float]:
    """Return how often items of some classes get their class, and how often others get one of these.

    Args:
        measured: a split.
        new: class numbers that the model learned for the first time.
    """
    actual, predicted = np.isin(measured.results.classes, new), np.isin(measured.predicted["fusion"], new)
    hits = measured.hits["fusion"]
    metrics: dict[str, float] = {"classes": len(new), "items": int(actual.sum())}
    if actual.any():
        metrics["accuracy"] = float(np.nanmean(hits[actual]))
    if not actual.all():
        metrics["taken_from_others"] = float((predicted & ~actual).sum() / (~actual).sum())
    return metrics


def choose(validation: SplitResults, catalogue: Catalogue) -> Choices:
    """Make all choices that the test metrics depend on, on the validation split; of a large one, on some of it."""
    validation = validation.rows(np.flatnonzero(sampled(len(validation.classes), MOST_CHOSEN)))
    pair, truth = (
        (validation.scores["image"], validation.scores["text"]),
        (validation.classes, catalogue.class_labels),
    )
    image_weight, log_linear = best_fusion_weight(*pair, *truth), choose_log_linear(*pair, *truth)
    fused = {"log_linear": log_linear.scores(*pair), "average": log_linear.average(*pair, image_weight)}
    gain = label_hits(fused["average"], *truth) - label_hits(fused["log_linear"], *truth)
    # By less than a standard error, the weight of the average is the better one by chance: accuracy has chosen it.
    by = "average" if gain.mean() > gain.std() / np.sqrt(len(gain)) else "log_linear"
    probabilities = calibrated({**validation.scores, "fusion": fused[by]}, log_linear, catalogue.class_labels)
    image, text = (present(scores) for scores in pair)
    points = {
        name: make_points(probabilities[name][those], validation.classes[those], catalogue.answers)
        for name, those in (("image", image), ("text", text), ("fusion", image & text))
    }
    return Choices(image_weight, log_linear, by, choose_share(validation, catalogue.tree), points)


def calibrated(scores: Mapping[str, Floats], log_linear: LogLinear, labels: ClassLabels) -> dict[str, Floats]:
    """Return the class probabilities by `image`, `text` and `fusion`, each N × C float32; rows of NaN stay.

    They are those that a model gives for pictures alone, names alone and both.
    """
    temperatures = {"image": log_linear.image_temperature, "text": log_linear.text_temperature}
    tempered = {name: temper(scores[name], temperature) for name, temperature in temperatures.items()}
    return {
        name: class_probabilities(values, labels) for name, values in (*tempered.items(), ("fusion", scores["fusion"]))
    }


def measure(results: SplitResults, catalogue: Catalogue, choices: Choices) -> Measured:
    """Measure a split of at least one item."""
    shares = {EMBEDDING: 0.0, PROBABILITIES: 1.0, BOTH: choices.probability_share}
    # With a share of 0 or 1, `both` is one of the two, and needs no new ranking.
    jobs = [(share, excluded) for share in dict.fromkeys(shares.values()) for excluded in (False, True)]

    def ranking(job: tuple[float, bool], queries: int | None) -> Found:
        share, excluded = job
        return catalogue.retrieve(points(results, share), results.classes, exclude_pair=excluded, queries=queries)

    if catalogue.spread is here:  # of a cluster, few queries do not tell how long many take
        _tell_how_long(lambda queries: [ranking(job, queries) for job in jobs], len(results.classes), catalogue.queries)
    ranked = {
        job: ranking(job, catalogue.queries) for job in progress(jobs, description="measure retrieval", unit="part")
    }
    return Measured(
        results,
        catalogue,
        choices,
        *classified(results, catalogue, choices),
        {section: ranked[share, False] for section, share in shares.items()},
        {section: ranked[share, True] for section, share in shares.items()},
    )


def _tell_how_long(rank: Callable[[int], object], items: int, queries: int | None) -> None:
    """Say beforehand how long rankings will take, by those of a few queries, if there are very many."""
    asked = items if queries is None else min(items, queries)
    if asked * items < LONG:
        return
    seconds = []
    for few in (FEW, 2 * FEW):
        start = time.perf_counter()
        rank(few)
        seconds.append(time.perf_counter() - start)
    left = seconds[0] + max(seconds[1] - seconds[0], 0) / FEW * (asked - FEW)
    logging.info(
        "retrieval: %s queries rank %s items each, about %s; fewer evaluate.queries are faster",
        *(f"{asked:,}", f"{items:,}", counted(math.ceil(left / 60), "minute")),
    )


def measure_baseline(
    results: SplitResults, catalogue: Catalogue, choices: Choices, further: Mapping[str, Floats] | None = None
) -> Measured:
    """Measure a split by what a baseline gives: its scores, their log-linear fusion, and one ranking by its vectors.

    Args:
        results: the baseline's.
        catalogue: the classes.
        choices: of which the fusion counts.
        further: N × K scores by name, to be measured too.
    """
    pair = results.scores["image"], results.scores["text"]
    scores = {**(further or {}), **results.scores, "fusion": choices.log_linear.scores(*pair)}
    found = {EMBEDDING: catalogue.retrieve(results.embeddings, results.classes)}
    judgement = judged(scores, results.classes, catalogue.class_labels)
    return Measured(results, catalogue, choices, scores, *judgement, found, {})


def classified(
    results: SplitResults, catalogue: Catalogue, choices: Choices
) -> tuple[dict[str, Floats], dict[str, Integers], dict[str, Doubles]]:
    """Return `scores`, `predicted` and `hits` of `Measured`."""
    pair = results.scores["image"], results.scores["text"]
    scores = {
        **results.scores,
        "average": choices.log_linear.average(*pair, choices.image_weight),
        "log_linear": choices.log_linear.scores(*pair),
    }
    scores["fusion"] = scores[choices.by]
    return (scores, *judged(scores, results.classes, catalogue.class_labels))


def judged(
    scores: Mapping[str, Floats], classes: Integers, labels: ClassLabels
) -> tuple[dict[str, Integers], dict[str, Doubles]]:
    """Return `predicted` and `hits` of `Measured`."""
    return (
        {name: np.where(present(values), predicted_classes(values, labels), NONE) for name, values in scores.items()},
        {
            name: np.where(present(values), label_hits(values, classes, labels), np.nan)
            for name, values in scores.items()
        },
    )


def summarise(measured: Measured, chance: float) -> dict[str, Any]:
    """Return every metric that is defined for a split, with chance.

    Args:
        measured: the split.
        chance: accuracy of always predicting the majority of the training split.
    """
    results, catalogue = measured.results, measured.catalogue
    # References depend on the classes alone: they are computed once for all sections and directions.
    expected = references_of(results.there, results.classes, catalogue.tree, catalogue.queries)
    retrieval: dict[str, dict[str, Any]] = {
        section: retrieval_metrics(measured.found[section], measured.without_pair[section], expected)
        for section in measured.found
    }
    retrieval[BOTH] = {"probability_share": measured.choices.probability_share, **retrieval[BOTH]}
    asked = sampled(len(results.classes), catalogue.queries)
    found, relations = measured.found[EMBEDDING], (catalogue.adjacency, catalogue.tree.hops)
    space = space_metrics(results.embeddings, results.classes, found, *relations, asked=asked)
    return {
        "items": len(results.classes),
        **({} if asked.all() else {"queries": int(asked.sum())}),
        "classification": {**classification_metrics(measured), "chance": {"accuracy": chance}},
        **retrieval,
        "space": space,
        **sureness_metrics(measured),
    }


def sureness_metrics(measured: Measured) -> dict[str, Any]:
    """Return `selective` and `hedging`: what the surest predictions, and answers above the class, are worth.

    Of `image`, `text` and `fusion`; an item with one half is answered by the thresholds of that half.
    """
    choices, classes, tree = measured.choices, measured.results.classes, measured.catalogue.answers
    labels = measured.catalogue.class_labels
    image, text = (present(measured.results.scores[name]) for name in ("image", "text"))
    kinds = {"image": np.full(len(classes), "image"), "text": np.full(len(classes), "text")}
    kinds["fusion"] = kinds_of(image, text)
    chosen = {target_name(target): choose_points(choices.points, target) for target in TARGETS}
    selective, hedging = {}, {}
    for name, probabilities in calibrated(measured.scores, choices.log_linear, labels).items():
        there = present(probabilities)
        if not there.any():
            continue
        own, actual = probabilities[there], classes[there]
        selective[name] = selective_metrics(own.max(axis=1).astype(np.float64), own.argmax(axis=1) == actual)
        descent = descend(own, tree)
        hedging[name] = {
            target: hedged_metrics(descent, hedge(descent, kinds[name][there], points), actual, tree)
            for target, points in chosen.items()
        }
    return {"selective": selective, "hedging": hedging}


def classification_metrics(measured: Measured) -> dict[str, Any]:
    """Return accuracy, top 5, macro F1 and calibration of image, text and both fusions, and accuracy by level."""
    classes, tree = measured.results.classes, measured.catalogue.answers
    metrics: dict[str, Any] = {}
    by_level = {}
    for name, scores in measured.scores.items():
        there = present(scores)
        if there.any():
            metrics[name] = score_metrics(measured, name)
            by_level[name] = level_accuracy(measured.predicted[name][there], classes[there], tree)
    metrics["average"]["image_weight"] = measured.choices.image_weight
    metrics["log_linear"] |= vars(measured.choices.log_linear)
    metrics["fusion"] = {"by": measured.choices.by, **metrics["fusion"], "decided_by": decisions(measured)}
    metrics["by_level"] = {name: by_level[name] for name in BY_LEVEL if name in by_level}
    return metrics


def deciders(measured: Measured) -> npt.NDArray[np.str_]:
    """Return for each of N items which modality's own class the fused one is: image, text, both or neither.

    An item of one modality is decided by it.
    """
    own = {name: measured.predicted[name] == measured.predicted["fusion"] for name in ("image", "text")}
    cases = [own["image"] & own["text"], own["image"], own["text"]]
    return np.select(cases, ["both", "image", "text"], "neither")


def decisions(measured: Measured) -> dict[str, dict[str, float]]:
    """Return the share of the items that each of `deciders` decided, and how accurate the fused scores are there."""
    found, hits = deciders(measured), measured.hits["fusion"]
    of = {name: found == name for name in DECIDERS}
    return {
        name: {"share": float(those.mean()), **({"accuracy": float(hits[those].mean())} if those.any() else {})}
        for name, those in of.items()
    }


def metrics_by_scores(measured: Measured) -> dict[str, dict[str, Any]]:
    """Return `score_metrics` of all scores that some items have, by name."""
    return {name: score_metrics(measured, name) for name, scores in measured.scores.items() if present(scores).any()}


def score_metrics(measured: Measured, name: str) -> dict[str, Any]:
    """Return accuracy, top 5, macro F1 and calibration of the scores of that name, some of which are there."""
    labels, there = measured.catalogue.class_labels, present(measured.scores[name])
    scores, predicted = measured.scores[name][there], measured.predicted[name][there]
    actual = measured.results.classes[there]
    right = (predicted == actual).astype(np.float64)
    return {
        **({} if there.all() else {"items": int(there.sum())}),
        "accuracy": float(measured.hits[name][there].mean()),
        "top_5": float(top_hits(scores, actual, labels, TOP).mean()),
        "macro_f1": macro_f1(predicted, actual, len(measured.catalogue.tree)),
        "calibration_error": expected_calibration_error(confidence(scores, predicted, labels), right),
    }


def metric_intervals(measured: Measured, groups: Integers, *, seed: int, resamples: int) -> dict[str, Any]:
    """Return 95 % intervals of accuracies, and of every direction's means over queries.

    For retrieval by probabilities and by both, only the mean over directions gets intervals.

    Args:
        measured: the split.
        groups: N group numbers; a single group gives no interval.
        seed: of the draws.
        resamples: draws.

    Returns:
        ``low`` and ``high`` at the path of each metric.
    """
    values = {
        f"classification.{name}.{metric}": of
        for name, scores in measured.scores.items()
        for metric, of in (
            ("accuracy", measured.hits[name]),
            ("top_5", _top_hits(measured, scores)),
        )
    }
    for section, found in measured.found.items():
        for direction, statistics in found.items():
            for metric, of in query_metrics(statistics).items():
                values[f"{section}.{direction}.{metric}"] = spread(statistics, of, len(groups))
    return nest(
        {
            path: ends
            for path, ends in interval_ends(values, groups, seed=seed, resamples=resamples).items()
            if not path.startswith((f"{PROBABILITIES}.", f"{BOTH}.")) or ".mean." in path
        }
    )


def _top_hits(measured: Measured, scores: Floats) -> Doubles:
    """Return `top_hits` of N items, NaN for those without scores."""
    hits = top_hits(scores, measured.results.classes, measured.catalogue.class_labels, TOP)
    return np.where(present(scores), hits, np.nan)


def spread(statistics: RankStatistics, values: Doubles | Integers, count: int) -> Doubles:
    """Spread the values of Q queries over N items, NaN at those that were dropped."""
    rows = np.full(count, np.nan)
    rows[statistics.kept] = values
    return rows
