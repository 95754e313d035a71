"""What simple means give on the same vectors and the same split: the baselines that a space must beat.

Logistic regression on picture vectors, on n-grams of names, on all text vectors, and on both side by side; the
log-linear fusion of picture and name; retrieval by the class probabilities that these give, known as semantic matching;
canonical correlation analysis; and nearest neighbours in the raw vectors. They learn from the training split, and every
choice is made on the validation split. Where an image-text pair encodes the pictures, what it gives untouched stands
beside them. See `huse.evaluation.correlation` and `huse.evaluation.zero_shot`.

Letters: N items of a split, R of all three splits, F features, K labels, C classes.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from huse.engine.cores import cores
from huse.evaluation.calibration import choose_log_linear
from huse.evaluation.classification import Floats, Integers, accuracy, label_shares
from huse.evaluation.correlation import canonical, choose_components, measure_correlation
from huse.evaluation.intervals import CORRELATION, REGRESSION, ZERO_SHOT
from huse.evaluation.linear import Block, fit_path, probabilities, rows_of
from huse.evaluation.results import MODALITIES, SplitResults, points, present
from huse.evaluation.retrieval import (
    Found,
    direction_metrics,
    map_over_directions,
    no_references,
    retrieval_metrics,
)
from huse.evaluation.summary import EMBEDDING, Catalogue, Choices, Measured, measure_baseline, metrics_by_scores
from huse.evaluation.zero_shot import Pair, measure_zero_shot, zero_shot_metrics
from huse.taxonomy import Bools

IMAGE, NGRAMS, VECTORS, TEXT = "image_linear", "ngrams_linear", "vectors_linear", "text_linear"
OF_NAMES = (NGRAMS, TEXT, VECTORS)  # of equals the first is taken
STRENGTHS = (3.0, 10.0, 30.0, 100.0)  # C of the logistic regressions
STEPS = 10  # of each, and twice as many for the first
LEAST = 1e-4  # deviation of a feature as a share of the mean one; below it the feature is constant


@dataclass(frozen=True)
class Inputs:
    """What the baselines see: R items of training, validation and test.

    Attributes:
        vectors: `image` and `text`, R × F float32, as the towers get them.
        ngrams: of the names, R × F in blocks, each with rows of unit norm.
        there: `image` and `text`, R, which items have one.
        classes: R class numbers.
        parts: by split the places of its items.
        pair: the R items in the space of an image-text pair, where one encodes the pictures.
    """

    vectors: Mapping[str, Floats]
    ngrams: Sequence[Block]
    there: Mapping[str, Bools]
    classes: Integers
    parts: Mapping[str, Integers]
    pair: Pair | None = None


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
        others: by `huse.evaluation.intervals.BASELINES`, canonical correlation analysis, and what the pair gives
            untouched, where there is one.
        text: the best regression on names, by validation.
        metrics: for the metrics file.
    """

    measured: Measured
    near: Found
    others: dict[str, Measured]
    text: str
    metrics: dict[str, Any]

    @property
    def by_prefix(self) -> dict[str, Measured]:
        """All of them, by `huse.evaluation.intervals.BASELINES`."""
        return {REGRESSION: self.measured, **self.others}


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
    right = {name: _accuracy(fitted[name], classes["validation"], catalogue) for name in OF_NAMES if name in fitted}
    chosen = {"image": IMAGE, "text": max(right, key=lambda name: right[name], default=TEXT)}
    raw = {name: _choose_raw(inputs, name, catalogue) for name in MODALITIES if inputs.there[name].any()}

    def scores_of(split: str) -> dict[str, Floats]:
        """Return the scores of pictures and of names; all NaN where no training item has one."""
        none = Linear({split: np.full((len(classes[split]), labels), np.nan, np.float32)}, 0)
        return {modality: fitted.get(name, none).scores[split] for modality, name in chosen.items()}

    pair = scores_of("validation")
    log_linear = choose_log_linear(pair["image"], pair["text"], classes["validation"], catalogue.class_labels)
    choices = Choices(log_linear.image_weight, log_linear, "log_linear", 1.0)
    maps = _correlate(inputs, catalogue)

    def of(split: str) -> Baselines:
        """Measure a split."""
        pair, further = scores_of(split), {name: one.scores[split] for name, one in fitted.items()}
        results = SplitResults(points(SplitResults({}, pair, classes[split]), 1.0), pair, classes[split])
        measured = measure_baseline(results, catalogue, choices, further)
        near: Found = {}
        for modality, kind in raw.items():
            near |= _neighbours(inputs, modality, kind, split, catalogue)
        of_scores = metrics_by_scores(measured)
        metrics = {
            "training_items": len(inputs.parts["train"]),
            **{
                name: {**of_scores[name], "strength": one.strength} for name, one in fitted.items() if name in of_scores
            },
            "fused": {**of_scores.get("fusion", {}), "text": chosen["text"], **vars(log_linear)},
            "retrieval": retrieval_metrics(measured.found[EMBEDDING], {}, no_references),
            "neighbours": {
                direction: {
                    **direction_metrics(one, direction, no_references, own_excluded=True),
                    "vectors": raw[direction.partition("_")[0]],
                }
                for direction, one in near.items()
            },
        }
        others, of_split = {}, (inputs.parts[split], classes[split], catalogue, labels)
        if maps is not None:
            others[CORRELATION] = measure_correlation(maps, *of_split)
            retrieval = retrieval_metrics(others[CORRELATION].found[EMBEDDING], {}, no_references)
            metrics["correlation"] = {"components": maps["image"].shape[1], "retrieval": retrieval}
        if inputs.pair is not None:
            others[ZERO_SHOT] = measure_zero_shot(inputs.pair, *of_split)
            metrics["zero_shot"] = zero_shot_metrics(others[ZERO_SHOT])
        return Baselines(measured, near, others, chosen["text"], metrics)

    return of("validation"), of("test")


def fit_all(inputs: Inputs, catalogue: Catalogue, labels: int) -> dict[str, Linear]:
    """Fit every logistic regression that has training items.

    It tells classes apart; the score of a label is the sum over its classes of their probabilities, each shared out
    among the labels of the class. In the scheme `leaf` a class has one label, and both are the same.

    Args:
        inputs: of all items.
        catalogue: the classes.
        labels: K.
    """
    shares = label_shares(catalogue.class_labels, labels)
    train = inputs.parts["train"]
    jobs = {
        name: (modality, blocks)
        for name, modality, blocks in (
            (IMAGE, "image", ("image",)),
            (NGRAMS, "text", ("ngrams",)),
            (VECTORS, "text", ("text",)),
            (TEXT, "text", ("ngrams", "text")),
        )
        if inputs.there[modality][train].any()
    }

    # Each once, though several regressions read the text vectors.
    dense = {
        modality: standardised(inputs.vectors[modality], train[inputs.there[modality][train]])
        for modality in {modality for modality, _ in jobs.values()}
    }

    def fit(name: str) -> Linear:
        modality, kinds = jobs[name]
        there = {split: of[inputs.there[modality][of]] for split, of in inputs.parts.items()}
        blocks = [block for kind in kinds for block in (inputs.ngrams if kind == "ngrams" else [[dense[kind]]])]
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


def _correlate(inputs: Inputs, catalogue: Catalogue) -> dict[str, Floats] | None:
    """Return canonical maps of all items, NaN where there is no picture or name, or None; see `correlation`."""
    both, validation = inputs.there["image"] & inputs.there["text"], inputs.parts["validation"]
    train = inputs.parts["train"]
    with threadpool_limits(limits=1):
        maps = canonical({name: inputs.vectors[name] for name in MODALITIES}, train[both[train]])
    if maps is None:
        return None
    for name, of in maps.items():
        of[~inputs.there[name]] = np.nan
    count = choose_components(maps, validation, inputs.classes[validation], catalogue)
    return {name: of[:, :count] for name, of in maps.items()}


def _accuracy(one: Linear, classes: Integers, catalogue: Catalogue) -> float:
    """Return the accuracy on validation; 0 if no item of it has what the regression reads."""
    scores = one.scores["validation"]
    there = present(scores)
    return accuracy(scores[there], classes[there], catalogue.class_labels) if there.any() else 0.0


def standardised(vectors: Floats, train: Integers) -> Floats:
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
        vectors = standardised(vectors, train)
    norms = np.linalg.norm(vectors[part], axis=1, keepdims=True)
    unit: Floats = np.divide(vectors[part], norms, out=np.zeros_like(vectors[part]), where=norms > 0)
    unit[~there[part]] = np.nan
    direction = f"{modality}_to_{modality}"
    return catalogue.retrieve({modality: unit}, inputs.classes[part], directions=[direction])
