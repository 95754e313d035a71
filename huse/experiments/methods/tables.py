"""The comparison as tables: means over seeds, their deviation, and intervals of the differences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tabulate import tabulate

from huse.evaluation.intervals import Interval, mean_interval
from huse.evaluation.results import DIRECTIONS
from huse.evaluation.unseen import FIGURES as UNSEEN
from huse.experiments.methods.entries import BASELINE
from huse.experiments.methods.measuring import FUSION, KINDS, PER_QUERY, RETRIEVAL
from huse.experiments.methods.running import Outcome

ACCURACIES = ("image_accuracy", "text_accuracy", FUSION)
SHORT = {
    "image_accuracy": "image",
    "text_accuracy": "text",
    "fusion_accuracy": "fusion",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "map": "mAP",
    "hp_at_2": "HP@2",
    "hp_at_5": "HP@5",
    "hp_at_10": "HP@10",
    "ahp": "AHP",
    "sibling_at_1": "sibling@1",
    "sibling_at_5": "sibling@5",
    "sibling_at_10": "sibling@10",
}


def difference(one: Outcome, other: Outcome, name: str, groups: npt.NDArray[np.int64], seed: int) -> Interval:
    """Return the entry's mean less the other's, on the same test products, with the interval of a paired bootstrap.

    Each product's figure is the mean over the seeds. Products that share a name are drawn together, as they are not
    independent of each other.

    Args:
        one: an entry.
        other: what it is compared with.
        name: of a figure of each product.
        groups: of the N test products.
        seed: of the draws.
    """
    gained = _over_seeds(one, name) - _over_seeds(other, name)
    return mean_interval(gained, groups, seed=seed)


def _over_seeds(outcome: Outcome, name: str) -> npt.NDArray[np.float64]:
    values = np.stack([run.queries[name] for run in outcome.runs])
    means: npt.NDArray[np.float64] = values.astype(np.float64).mean(axis=0)
    return means


def differences(
    outcomes: Sequence[Outcome], groups: npt.NDArray[np.int64], seed: int
) -> dict[str, dict[str, Interval]]:
    """Compare every entry with the baseline; none where the baseline is not among them.

    Returns:
        By entry and figure.
    """
    baseline = next((outcome for outcome in outcomes if outcome.entry.name == BASELINE), None)
    if baseline is None:
        return {}
    names = (FUSION, *(f"{kind}.{name}" for kind in KINDS for name in PER_QUERY))
    return {
        outcome.entry.name: {name: difference(outcome, baseline, name, groups, seed) for name in names}
        for outcome in outcomes
        if outcome is not baseline
    }


def mean_and_deviation(outcome: Outcome, name: str) -> tuple[float, float]:
    """Return a figure's mean over the seeds and its standard deviation (n - 1; 0 for a single seed)."""
    values = [run.figures[name] for run in outcome.runs]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def as_json(outcomes: Sequence[Outcome], compared: dict[str, dict[str, Interval]]) -> dict[str, Any]:
    """Return everything, by entry: the setting, what was tried, and each figure's mean and deviation."""
    content = {}
    for outcome in outcomes:
        name = outcome.entry.name
        content[name] = {
            "setting": {**outcome.entry.changes, **outcome.chosen},
            "tried": [
                {"setting": dict(setting), "validation": value}
                for setting, value in zip(outcome.entry.grid, outcome.tried, strict=True)
            ],
            "seeds": len(outcome.runs),
            "figures": {
                figure: dict(zip(("mean", "deviation"), mean_and_deviation(outcome, figure), strict=True))
                for figure in outcome.runs[0].figures
            },
            "difference_to_baseline": {figure: vars(value) for figure, value in compared.get(name, {}).items()},
        }
    return content


def as_markdown(outcomes: Sequence[Outcome], compared: dict[str, dict[str, Interval]]) -> str:
    """Return the tables that people read."""
    seeds = len(outcomes[0].runs)
    parts = [
        f"Mean of {seeds} seeds ± their standard deviation, in percent, on the test split. Retrieval: mean of the four "
        "directions. Bold: the highest. `*`: trained on the class tree that HP and AHP are measured on.",
        "### Accuracy, and retrieval by embeddings",
        _table(outcomes, [(*ACCURACIES,), tuple(f"embedding.mean.{name}" for name in RETRIEVAL)]),
        "### Retrieval by class probabilities",
        _table(outcomes, [tuple(f"probabilities.mean.{name}" for name in RETRIEVAL)]),
    ]
    for direction in DIRECTIONS:
        parts += [
            f"### By embeddings, {direction.replace('_to_', ' → ')}",
            _table(outcomes, [tuple(f"embedding.{direction}.{name}" for name in RETRIEVAL)]),
        ]
    parts += _unseen(outcomes)
    if compared:
        parts += [
            f"### Difference to {BASELINE}, in points, with 95 % intervals of a paired bootstrap over test products",
            _differences(outcomes, compared),
        ]
    parts += ["### What was chosen on validation", _choices(outcomes)]
    return "\n\n".join(parts) + "\n"


def _label(outcome: Outcome) -> str:
    return outcome.entry.name + (" *" if outcome.entry.tree else "")


def _table(outcomes: Sequence[Outcome], columns: Sequence[Sequence[str]]) -> str:
    names = [name for some in columns for name in some]
    means = {name: [mean_and_deviation(outcome, name) for outcome in outcomes] for name in names}
    highest = {name: max(round(100 * mean, 1) for mean, _ in values) for name, values in means.items()}
    rows = []
    for number, outcome in enumerate(outcomes):
        cells = [_label(outcome)]
        for name in names:
            mean, deviation = (100 * value for value in means[name][number])
            shown = f"{mean:.1f}"
            bold = f"**{shown}**" if round(mean, 1) == highest[name] else shown
            cells.append(f"{bold} ± {deviation:.1f}" if len(outcome.runs) > 1 else bold)
        rows.append(cells)
    headers = ["method", *(SHORT[name.rpartition(".")[2]] for name in names)]
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def _unseen(outcomes: Sequence[Outcome]) -> list[str]:
    """Return title and table of the unseen classes, chance in the last row; nothing where no class was held out."""
    names = [name for name in UNSEEN if f"unseen.mean.{name}" in outcomes[0].runs[0].figures]
    if not names:
        return []
    shown = [name for name in names if name != "hops"]
    table = _table(outcomes, [tuple(f"unseen.mean.{name}" for name in shown)])
    chance = outcomes[0].runs[0].figures
    cells = ["chance", *(f"{100 * chance[f'unseen.mean.chance.{name}']:.1f}" for name in shown)]
    return [
        "### Products of classes that were held out from all training, by embeddings\n\n"
        "sibling@K: share of the nearest test products of seen classes whose class hangs on the same node; AHP among "
        "these; R@1 and mAP of finding their own class, all products of unseen classes among the candidates.",
        f"{table}\n| {' | '.join(cells)} |",
    ]


def _differences(outcomes: Sequence[Outcome], compared: dict[str, dict[str, Interval]]) -> str:
    names = (FUSION, *(f"embedding.{name}" for name in PER_QUERY))
    rows = [
        [_label(outcome), *(_interval(compared[outcome.entry.name][name]) for name in names)]
        for outcome in outcomes
        if outcome.entry.name in compared
    ]
    headers = ["method", *(SHORT[name.rpartition(".")[2]] for name in names)]
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def _interval(value: Interval) -> str:
    mean, low, high = (f"{100 * number:+.1f}" for number in (value.mean, value.low, value.high))
    shown = f"{mean} [{low}, {high}]"
    return f"**{shown}**" if value.low > 0 else shown


def _choices(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [
            _label(outcome),
            _setting(outcome.chosen),
            "; ".join(
                f"{_setting(setting)}: {100 * value:.1f}"
                for setting, value in zip(outcome.entry.grid, outcome.tried, strict=True)
            ),
        ]
        for outcome in outcomes
    ]
    return tabulate(rows, ["method", "chosen", "tried, with the score on validation"], tablefmt="pipe")


def _setting(setting: Any) -> str:
    return ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in setting.items())
