"""Our metrics beside those of the baselines, with the difference and its paired interval, in words too."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from huse.evaluation.baselines import NGRAMS, TEXT, VECTORS, Baselines
from huse.evaluation.classification import Doubles
from huse.evaluation.intervals import ZERO_SHOT, mean_intervals
from huse.evaluation.results import MODALITIES
from huse.evaluation.retrieval import Found, query_metrics
from huse.evaluation.splits import MeasuredSplit
from huse.evaluation.summary import EMBEDDING, Measured, spread
from huse.nesting import flatten

COMPARED = {"recall_at_1": "R@1", "map": "mAP"}
FUSED = ("image", "text", "fusion")
WITH_NAMES = ("zero_shot.fusion.accuracy", *(f"zero_shot.mean.{metric}" for metric in COMPARED))
ROUNDING = 1e-9  # of differences
# Remedies that a run may have tried.
HUSE_PLUS = "train.method huse_plus, as in the preset products"
SHALLOW = "train.image_layers 2, as in the preset products"
ENCODERS = "{lacking} in text_vectors.encoders"
READERS = ("ngrams", "sentences")  # encoders that help names

_TEXTS = {
    NGRAMS: "n-grams of the names",
    VECTORS: "the text vectors",
    TEXT: "n-grams of the names and the text vectors",
}
BOTH_VECTORS = "logistic regressions on the image vectors and on {text}"
# Of a catalogue that has only these: what they are, what a regression reads, and what helps.
ALONE = {
    "image": ("pictures", "the image vectors", "what helps pictures; a stronger backbone, or finetune_backbone.epochs"),
    "text": ("names", "{text}", "what helps names"),
}


@dataclass(frozen=True)
class Tried:
    """What a run has of the remedies.

    Attributes:
        method: `train.method`.
        image_layers: of the image tower; None: not known.
        encoders: of names.
    """

    method: str = ""
    image_layers: int | None = None
    encoders: Collection[str] = ()

    def without(self, remedy: str) -> str:
        """Return a remedy of several parts without those that the run has."""
        lacking = " and ".join(name for name in READERS if name not in self.encoders)
        had = {
            HUSE_PLUS: self.method == "huse_plus",
            SHALLOW: self.image_layers is not None and self.image_layers <= 2,
            ENCODERS: not lacking,
        }
        return "; ".join(part for part in remedy.split("; ") if not had.get(part)).format(lacking=lacking)


@dataclass(frozen=True)
class Comparison:
    """Metrics that are held to one baseline.

    Attributes:
        what: they measure.
        metrics: their names by path; for `neighbours`, `correlation` and `zero_shot` see `_our_path`.
        baseline: what it is; `{text}` is what it reads of names.
        remedy: what to try where ours is behind; what of it a run has is left out.
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
        f"more train.steps; {SHALLOW}",
    ),
    Comparison(
        "names",
        {"classification.text.accuracy": "accuracy"},
        "logistic regression on {text}",
        f"{ENCODERS}; more train.steps",
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
        f"{HUSE_PLUS}; retrieval by class probabilities",
    ),
    Comparison(
        "retrieval, mean, CCA",
        {f"correlation.mean.{metric}": name for metric, name in COMPARED.items()},
        "canonical correlation analysis of the image vectors and the text vectors",
        f"{HUSE_PLUS}; more train.steps",
    ),
    *(
        Comparison(
            f"{name} → {name}",
            {f"neighbours.{name}_to_{name}.{metric}": short for metric, short in COMPARED.items()},
            f"nearest neighbours in the raw {name} vectors",
            f"more train.steps; {HUSE_PLUS}",
        )
        for name in MODALITIES
    ),
    *(
        Comparison(
            f"{what}, zero-shot",
            {f"zero_shot.{name}.accuracy": "accuracy"},
            f"zero-shot, the class whose sentence is nearest to {nearest} in the pair's space",
            "more pictures a class, or more train.steps",
        )
        for what, name, nearest in (
            ("pictures", "image", "the picture"),
            ("names", "text", "the name"),
            ("both fused", "fusion", "picture and name"),
        )
    ),
    *(
        Comparison(
            f"{what}, zero-shot",
            {f"zero_shot.{direction}.{metric}": name for metric, name in COMPARED.items()},
            "the pair's own vectors",
            f"{HUSE_PLUS}; more train.steps",
        )
        for what, direction in (("retrieval, mean", "mean"), ("image → image", "image_to_image"))
    ),
)


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
        **_accuracies(ours, measured, "classification"),
        **_rankings(ours, measured.found[EMBEDDING], "retrieval"),
        **_rankings(ours, baselines.near, "neighbours"),
    }
    for prefix, other in baselines.others.items():
        section = prefix.removesuffix("_")
        gained |= _accuracies(ours, other, section)
        gained |= _rankings(ours, other.found[EMBEDDING], section)
    intervals = mean_intervals(gained, ours.groups, seed=seed, resamples=resamples)
    pair = baselines.others.get(ZERO_SHOT)
    if pair is not None and not pair.results.there["text"].any():
        # Without names, its mean over directions, and its fusion, are not those of ours.
        intervals = {path: one for path, one in intervals.items() if path not in WITH_NAMES}
    drawn = resamples and len(np.unique(ours.groups)) > 1
    values = dict(flatten(ours.metrics))
    found: dict[str, dict[str, Any]] = {}
    for comparison in _comparisons(intervals):
        for path, name in comparison.metrics.items():
            if path in intervals:
                one, value = intervals[path], values[_our_path(path)]
                found[path] = {
                    "name": f"{comparison.what}: {name}",
                    "ours": value,
                    "baseline": value - one.mean,
                    "by": comparison.baseline.format(text=_TEXTS[baselines.text]),
                    "difference": one.mean,
                    **({"low": one.low, "high": one.high} if drawn else {}),
                }
    return found


def _accuracies(ours: MeasuredSplit, other: Measured, section: str) -> dict[str, Doubles]:
    """Return for each item by how much our class is more right."""
    return {f"{section}.{name}.accuracy": ours.measured.hits[name] - other.hits[name] for name in FUSED}


def _rankings(ours: MeasuredSplit, found: Found, section: str) -> dict[str, Doubles]:
    """Return for each item by how much our ranking is better, in the directions that are given."""
    gained: dict[str, Doubles] = {}
    for direction, statistics in found.items():
        own, other = (
            {name: spread(one, of, len(ours.rows)) for name, of in query_metrics(one).items()}
            for one in (ours.measured.found[EMBEDDING][direction], statistics)
        )
        gained |= {f"{section}.{direction}.{name}": own[name] - other[name] for name in COMPARED}
    return gained


def _our_path(path: str) -> str:
    """Return where our metric stands, for the path of a comparison."""
    section, _, rest = path.partition(".")
    if section not in ("neighbours", "correlation", "zero_shot"):
        return path
    return f"{'classification' if rest.split('.')[0] in FUSED else 'retrieval'}.{rest}"


def as_json(baselines: Baselines, compared: Mapping[str, Mapping[str, Any]], tried: Tried) -> dict[str, Any]:
    """Return the section of a metrics file; words stand in lists, which DVC takes for no metrics.

    Args:
        baselines: of the split.
        compared: of `beside`.
        tried: what is not to be advised.
    """
    words = ("name", "by")
    return {
        **baselines.metrics,
        "beside": {
            path: {key: value for key, value in one.items() if key not in words} for path, one in compared.items()
        },
        "rows": [{"metric": path, **{key: one[key] for key in words}} for path, one in compared.items()],
        "remarks": remarks(compared, tried),
    }


def remarks(compared: Mapping[str, Mapping[str, Any]], tried: Tried = Tried()) -> list[str]:
    """Say where our space is behind a baseline, in a line for each of `COMPARISONS`, and what to try.

    Args:
        compared: of `beside`.
        tried: what is not to be advised.
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
            remedy = tried.without(comparison.remedy)
            lines.append(f"behind a baseline, {comparison.what}: {told}. The baseline: {by}. Try {remedy}.")
    return lines


def _told(metric: str, one: Mapping[str, Any]) -> str:
    line = f"{metric} {one['ours']:.3f}, the baseline has {one['baseline']:.3f}"
    if "low" not in one:
        return line
    sure = "" if one["high"] < 0 else ", so this may be chance"
    return f"{line} (95 % interval of the difference {one['low']:+.3f} to {one['high']:+.3f}{sure})"


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
