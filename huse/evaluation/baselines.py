"""What simple means give on the same vectors and the same split: the baselines that a space must beat.

Logistic regression on picture vectors, on n-grams of names, and on n-grams beside all text vectors; the log-linear
fusion of picture and name; retrieval by the class probabilities that these give; and nearest neighbours in the raw
vectors. They learn from the training split, and every choice is made on the validation split.

Letters: N items of a split, R of all three splits, F features, K labels, C classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from huse.engine.cores import cores
from huse.evaluation.calibration import choose_log_linear
from huse.evaluation.classification import Floats, Integers, accuracy, label_matrix
from huse.evaluation.intervals import mean_intervals
from huse.evaluation.linear import Block, fit_path, probabilities, rows_of
from huse.evaluation.results import MODALITIES, SplitResults, points, present
from huse.evaluation.retrieval import (
    Found,
    direction_metrics,
    map_over_directions,
    query_metrics,
    retrieval_metrics,
    retrieve,
)
from huse.evaluation.splits import MeasuredSplit
from huse.evaluation.summary import EMBEDDING, Catalogue, Choices, Measured, judged, score_metrics, spread
from huse.nesting import flatten
from huse.taxonomy import Bools

IMAGE, NGRAMS, TEXT = "image_linear", "ngrams_linear", "text_linear"
STRENGTHS = (3.0, 10.0, 30.0, 100.0)  # C of the logistic regressions
STEPS = 10  # of each, and twice as many for the first
COMPARED = {"recall_at_1": "R@1", "map": "mAP"}
FUSED = ("image", "text", "fusion")
LEAST = 1e-4  # deviation of a feature as a share of the mean one; below it the feature is constant
ROUNDING = 1e-9  # of differences

_TEXTS = {NGRAMS: "n-grams of the names", TEXT: "n-grams of the names and the text vectors"}
BOTH_VECTORS = "logistic regressions on the image vectors and on {text}"
# Of a catalogue that has only these: what they are, what a regression reads, and what helps.
ALONE = {
    "image": ("pictures", "the image vectors", "what helps pictures; a stronger backbone, or finetune_backbone.epochs"),
    "text": ("names", "{text}", "what helps names"),
}


@dataclass(frozen=True)
class Comparison:
    """Metrics that are held to one baseline.

    Attributes:
        what: they measure.
        metrics: their names by path; below `neighbours` those of our retrieval within a modality.
        baseline: what it is; `{text}` is what it reads of names.
        remedy: what to try where ours is behind.
    """

    what: str
    metrics: Mapping[str, str]
    baseline: str
    remedy: str


COMPARISONS = (
    Comparison(
        "pictures",
        {"classification.image.accuracy": "accuracy"},
        "logistic regression on the image vectors",
        "more train.steps; train.image_layers 2, as in the preset products",
    ),
    Comparison(
        "names",
        {"classification.text.accuracy": "accuracy"},
        "logistic regression on {text}",
        "ngrams and sentences in text_vectors.encoders; more train.steps",
    ),
    Comparison(
        "both fused",
        {"classification.fusion.accuracy": "accuracy"},
        f"{BOTH_VECTORS}, fused",
        "what helps pictures or names alone; a stronger backbone, or finetune_backbone.epochs",
    ),
    Comparison(
        "retrieval, mean",
        {f"retrieval.mean.{metric}": name for metric, name in COMPARED.items()},
        f"class probabilities of {BOTH_VECTORS}",
        "train.method huse_plus, as in the preset products; retrieval by class probabilities",
    ),
    *(
        Comparison(
            f"{name} → {name}",
            {f"neighbours.{name}_to_{name}.{metric}": short for metric, short in COMPARED.items()},
            f"nearest neighbours in the raw {name} vectors",
            "more train.steps; train.method huse_plus, as in the preset products",
        )
        for name in MODALITIES
    ),
)


@dataclass(frozen=True)
class Inputs:
    """What the baselines see: R items of training, validation and test.

    Attributes:
        vectors: `image` and `text`, R × F float32, as the towers get them.
        ngrams: of the names, R × F in blocks, each with rows of unit norm.
        there: `image` and `text`, R, which items have one.
        classes: R class numbers.
        parts: by split the places of its items.
    """

    vectors: Mapping[str, Floats]
    ngrams: Sequence[Block]
    there: Mapping[str, Bools]
    classes: Integers
    parts: Mapping[str, Integers]


@dataclass(frozen=True)
class Linear:
    """A logistic regression.

    Attributes:
        scores: by split, validation and test, N × K float32 that add up to 1; NaN for items without what it reads.
        strength: C of its objective.
    """

    scores: dict[str, Floats]
    strength: float


@dataclass(frozen=True)
class Baselines:
    """The baselines of a split.

    Attributes:
        measured: item by item: the scores of pictures, of names, and of both fused; the rankings by them.
        near: rankings by raw vectors, within a modality.
        text: the better regression on names, by validation.
        metrics: for the metrics file.
    """

    measured: Measured
    near: Found
    text: str
    metrics: dict[str, Any]


def rows_in_use(split: npt.NDArray[Any], classes: Integers, most: int) -> dict[str, Integers]:
    """Return the rows of each split that baselines see: of training at most `most`, of the others all.

    Each class keeps its share of the training rows: those in use are evenly spaced among them, ordered by class.

    Args:
        split: names of the splits of all rows.
        classes: their class numbers.
        most: training rows.
    """
    rows = {name: np.flatnonzero(split == name) for name in ("train", "validation", "test")}
    train = rows["train"][np.argsort(classes[rows["train"]], kind="stable")]
    if len(train) > most:
        rows["train"] = np.sort(train[np.arange(most) * len(train) // most])
    return rows


def measure_baselines(inputs: Inputs, catalogue: Catalogue, labels: int) -> tuple[Baselines, Baselines]:
    """Fit on the training split, choose on the validation split, and measure it and the test split.

    Args:
        inputs: the items of all three.
        catalogue: the classes.
        labels: K.
    """
    fitted = fit_all(inputs, catalogue, labels)
    classes = {split: inputs.classes[places] for split, places in inputs.parts.items()}
    right = {
        name: _accuracy(fitted[name], classes["validation"], catalogue) for name in (NGRAMS, TEXT) if name in fitted
    }
    chosen = {"image": IMAGE, "text": max(right, key=lambda name: right[name], default=TEXT)}
    raw = {name: _choose_raw(inputs, name, catalogue) for name in MODALITIES if inputs.there[name].any()}

    def scores_of(split: str) -> dict[str, Floats]:
        """Return the scores of pictures and of names; all NaN where no training item has one."""
        none = Linear({split: np.full((len(classes[split]), labels), np.nan, np.float32)}, 0)
        return {modality: fitted.get(name, none).scores[split] for modality, name in chosen.items()}

    pair = scores_of("validation")
    log_linear = choose_log_linear(pair["image"], pair["text"], classes["validation"], catalogue.class_labels)
    choices = Choices(log_linear.image_weight, log_linear, "log_linear", 1.0)

    def of(split: str) -> Baselines:
        """Measure a split."""
        pair = scores_of(split)
        scores = {**{name: one.scores[split] for name, one in fitted.items()}, **pair}
        scores["fusion"] = log_linear.scores(pair["image"], pair["text"])
        places = points(SplitResults({}, pair, classes[split]), 1.0)
        found = {EMBEDDING: retrieve(places, classes[split], catalogue.tree)}
        judgement = judged(scores, classes[split], catalogue.class_labels)
        results = SplitResults(places, pair, classes[split])
        measured = Measured(results, catalogue, choices, scores, *judgement, found, {})
        near: Found = {}
        for modality, kind in raw.items():
            near |= _neighbours(inputs, modality, kind, split, catalogue)
        there = [name for name in (*fitted, "fusion") if present(scores[name]).any()]
        of_scores = {name: score_metrics(measured, name) for name in there}
        metrics = {
            "training_items": len(inputs.parts["train"]),
            **{name: {**of_scores[name], "strength": one.strength} for name, one in fitted.items() if name in there},
            "fused": {**of_scores.get("fusion", {}), "text": chosen["text"], **vars(log_linear)},
            "retrieval": retrieval_metrics(found[EMBEDDING], {}, _no_references),
            "neighbours": {
                direction: {
                    **direction_metrics(one, direction, _no_references, own_excluded=True),
                    "vectors": raw[direction.partition("_")[0]],
                }
                for direction, one in near.items()
            },
        }
        return Baselines(measured, near, chosen["text"], metrics)

    return of("validation"), of("test")


def _comparisons(paths: Iterable[str]) -> tuple[Comparison, ...]:
    """Return `COMPARISONS`, in the words for names alone, or pictures alone, where the metrics are of these."""
    known = set(paths)
    there = [name for name in MODALITIES if f"classification.{name}.accuracy" in known]
    if len(there) != 1:
        return COMPARISONS
    kind, vectors, remedy = ALONE[there[0]]
    return tuple(
        replace(one, what=f"fused, of {kind} alone", baseline=f"logistic regression on {vectors}", remedy=remedy)
        if one.what == "both fused"
        else replace(one, baseline=one.baseline.replace(BOTH_VECTORS, f"logistic regression on {vectors}"))
        for one in COMPARISONS
    )


def fit_all(inputs: Inputs, catalogue: Catalogue, labels: int) -> dict[str, Linear]:
    """Fit every logistic regression that has training items.

    It tells classes apart; the score of a label is the sum over its classes of their probabilities, each shared out
    among the labels of the class. In the scheme `leaf` a class has one label, and both are the same.

    Args:
        inputs: of all items.
        catalogue: the classes.
        labels: K.
    """
    shares = label_matrix(catalogue.class_labels, labels).astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    train = inputs.parts["train"]
    jobs = {
        name: (modality, blocks)
        for name, modality, blocks in (
            (IMAGE, "image", ("image",)),
            (NGRAMS, "text", ("ngrams",)),
            (TEXT, "text", ("ngrams", "text")),
        )
        if inputs.there[modality][train].any()
    }

    def fit(name: str) -> Linear:
        modality, kinds = jobs[name]
        there = {split: of[inputs.there[modality][of]] for split, of in inputs.parts.items()}
        blocks = [
            block
            for kind in kinds
            for block in (inputs.ngrams if kind == "ngrams" else [[_scaled(inputs.vectors[kind], there["train"])]])
        ]
        of_split = {split: [rows_of(block, rows) for block in blocks] for split, rows in there.items()}
        best, most = Linear({}, STRENGTHS[0]), -1.0
        path = fit_path(of_split["train"], inputs.classes[there["train"]], len(shares), STRENGTHS, steps=STEPS)
        for strength, weights in zip(STRENGTHS, path, strict=True):
            scores = {}
            for split in ("validation", "test"):
                rows = inputs.there[modality][inputs.parts[split]]
                scores[split] = np.full((len(rows), labels), np.nan, np.float32)
                scores[split][rows] = probabilities(of_split[split], weights) @ shares
            one = Linear(scores, strength)
            right = _accuracy(one, inputs.classes[inputs.parts["validation"]], catalogue)
            if right > most:
                best, most = one, right
        return best

    # One thread a regression, whatever the number of cores: sums depend on how they are split.
    with threadpool_limits(limits=1), ThreadPoolExecutor(min(cores(), len(jobs) or 1)) as pool:
        return dict(zip(jobs, pool.map(fit, jobs), strict=True))


def _accuracy(one: Linear, classes: Integers, catalogue: Catalogue) -> float:
    """Return the accuracy on validation; 0 if no item of it has what the regression reads."""
    scores = one.scores["validation"]
    there = present(scores)
    return accuracy(scores[there], classes[there], catalogue.class_labels) if there.any() else 0.0


def _scaled(vectors: Floats, train: Integers) -> Floats:
    """Standardise each feature by the training items, then divide by the root of the number of features.

    So a vector has a squared length of about 1, as rows of n-grams do, and no block drowns another.
    """
    mean, deviation = vectors[train].mean(axis=0), vectors[train].std(axis=0)
    varies = deviation > LEAST * deviation.mean()
    scale = np.where(varies, deviation, np.inf) * np.sqrt(max(varies.sum(), 1))
    scaled: Floats = (vectors - mean) / scale.astype(np.float32)
    return scaled


def _choose_raw(inputs: Inputs, modality: str, catalogue: Catalogue) -> str:
    """Return `plain` or `standardised`: in which vectors the neighbours are better, by mAP on validation."""
    return max(
        ("plain", "standardised"),
        key=lambda kind: map_over_directions(_neighbours(inputs, modality, kind, "validation", catalogue)),
    )


def _neighbours(inputs: Inputs, modality: str, kind: str, split: str, catalogue: Catalogue) -> Found:
    """Rank the items of a split by the cosines of their raw vectors, within a modality."""
    there, vectors, part = inputs.there[modality], inputs.vectors[modality], inputs.parts[split]
    train = inputs.parts["train"][there[inputs.parts["train"]]]
    if kind == "standardised" and len(train):
        vectors = _scaled(vectors, train)
    norms = np.linalg.norm(vectors[part], axis=1, keepdims=True)
    unit: Floats = np.divide(vectors[part], norms, out=np.zeros_like(vectors[part]), where=norms > 0)
    unit[~there[part]] = np.nan
    direction = f"{modality}_to_{modality}"
    return retrieve({modality: unit}, inputs.classes[part], catalogue.tree, directions=[direction])


def _no_references(direction: str, excluded: bool) -> dict[str, dict[str, float]]:
    """Chance and the best possible value are those of our own metrics."""
    return {}


def beside(baselines: Baselines, ours: MeasuredSplit, *, seed: int, resamples: int) -> dict[str, dict[str, Any]]:
    """Return each metric of `COMPARISONS`, ours and the baseline's, by path.

    Args:
        baselines: of a split.
        ours: our space there.
        seed: of the bootstrap.
        resamples: its draws; 0: no intervals.

    Returns:
        `name` of the metric, `ours`, `baseline`, `by`, which says what that is, and `difference`, ours less the
        baseline's, with its paired interval from `low` to `high`, if one is drawn.
    """
    measured = baselines.measured
    gained = {
        f"classification.{name}.accuracy": ours.measured.hits[name] - measured.hits[name]
        for name in ("image", "text", "fusion")
    }
    for section, rankings in (("retrieval", measured.found[EMBEDDING]), ("neighbours", baselines.near)):
        for direction, statistics in rankings.items():
            own, other = (
                {name: spread(one, of, len(ours.rows)) for name, of in query_metrics(one).items()}
                for one in (ours.measured.found[EMBEDDING][direction], statistics)
            )
            gained |= {f"{section}.{direction}.{name}": own[name] - other[name] for name in COMPARED}
    intervals = mean_intervals(gained, ours.groups, seed=seed, resamples=resamples)
    drawn = resamples and len(np.unique(ours.groups)) > 1
    values = dict(flatten(ours.metrics))
    found: dict[str, dict[str, Any]] = {}
    for comparison in _comparisons(intervals):
        for path, name in comparison.metrics.items():
            if path in intervals:
                one, value = intervals[path], values[path.replace("neighbours.", "retrieval.")]
                found[path] = {
                    "name": f"{comparison.what}: {name}",
                    "ours": value,
                    "baseline": value - one.mean,
                    "by": comparison.baseline.format(text=_TEXTS[baselines.text]),
                    "difference": one.mean,
                    **({"low": one.low, "high": one.high} if drawn else {}),
                }
    return found


def as_json(baselines: Baselines, compared: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the section of a metrics file; words stand in lists, which DVC takes for no metrics.

    Args:
        baselines: of the split.
        compared: of `beside`.
    """
    words = ("name", "by")
    return {
        **baselines.metrics,
        "beside": {
            path: {key: value for key, value in one.items() if key not in words} for path, one in compared.items()
        },
        "rows": [{"metric": path, **{key: one[key] for key in words}} for path, one in compared.items()],
        "remarks": remarks(compared),
    }


def remarks(compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say where our space is behind a baseline, in a line for each of `COMPARISONS`, and what to try.

    Args:
        compared: of `beside`.
    """
    lines = []
    for comparison in _comparisons(compared):
        behind = {
            path: compared[path]
            for path in comparison.metrics
            if path in compared and compared[path]["difference"] < -ROUNDING
        }
        if behind:
            told = "; ".join(_told(comparison.metrics[path], one) for path, one in behind.items())
            by = next(iter(behind.values()))["by"]
            lines.append(f"behind a baseline, {comparison.what}: {told}. The baseline: {by}. Try {comparison.remedy}.")
    return lines


def _told(metric: str, one: Mapping[str, Any]) -> str:
    line = f"{metric} {one['ours']:.3f}, the baseline has {one['baseline']:.3f}"
    if "low" not in one:
        return line
    sure = "" if one["high"] < 0 else ", so this may be chance"
    return f"{line} (95 % interval of the difference {one['low']:+.3f} to {one['high']:+.3f}{sure})"
