"""The three answers at the top of the page: how often it is right, where it is wrong, what to do next.

Every number is one that was measured, and every next step follows from one by a rule of `RULES`. A rule whose number
asks for nothing says nothing.

Letters: N items of the test split, C classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from huse.report.metric_tables import SIDES, Metric, Metrics, look_up, read_metric
from huse.report.names import whole_name
from huse.report.notes import wilson
from huse.taxonomy import Bools, ClassTree, Integers, split_path
from huse.wording import counted

Verdict = Literal["better", "level", "worse", "no interval"]

ASKED = 95  # %, the precision of which the page speaks first
MOST_CLASSES, MOST_PAIRS, MOST_STEPS = 5, 3, 4
SURE = 0.9  # probability of a class from which on a mistake is a surprise
UNKNOWN = 0.01  # share of names of which nothing is known, from which on it is worth a line
FEW = 10  # products in training; a class of fewer is small
FEW_ITEMS = 100  # of the test split; with fewer, it says little
MIXED = 0.1  # share of all mistakes, of one pair of classes
FEWEST_MIXED = 5  # items, of one pair of classes
FIND_MISTAKES = {
    "command": "huse suspects --output suspects.csv --html suspects.html",
    "guide": "docs/find-mistakes.md",
}
TOGETHER = {"fusion": "by picture and name together", "image": "by the picture alone", "text": "by the name alone"}
ALONE = {"image": "by the picture", "text": "by the name"}


@dataclass(frozen=True)
class Right:
    """How often the class is right.

    Attributes:
        name: what it goes by.
        metric: the accuracy.
        baseline: that of the baseline, or None where there is none.
        verdict: ours beside it, as `judge` says; None where there is none.
    """

    name: str
    metric: Metric
    baseline: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Answered:
    """What is answered for a precision of `ASKED`; the thresholds are those of the validation split.

    Attributes:
        name: what it goes by.
        answered: share of the items with an answer.
        with_class: share of the items whose answer is a class, not a node above it.
        right: share of the answers that are right, or None where there are none.
    """

    name: str
    answered: float
    with_class: float
    right: float | None


@dataclass(frozen=True)
class Mistakes:
    """Where it is wrong.

    Attributes:
        items: N.
        wrong: how many of them are taken for another class.
        near: how many of these are right on the first level; None where that says nothing.
        classes: those with the most wrong items: `class_index`, `name`, `wrong`, `items`.
        pairs: the most mixed up, as `actual`, `predicted`, `items`, `share` of the actual class.
    """

    items: int
    wrong: int
    near: int | None
    classes: list[dict[str, Any]]
    pairs: list[dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """What to do next.

    Attributes:
        said: the number that it follows from.
        advice: what to do.
        names: of classes that it is about; they follow what is said.
        command: to run.
        guide: the page of the documentation.
        anchor: the section that shows more.
    """

    said: str
    advice: str
    names: Sequence[str] = ()
    command: str = ""
    guide: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Facts:
    """What the answers follow from.

    Attributes:
        metrics: of the test split.
        classes: C class paths.
        items: `class_index`, `predicted_fusion` and `confidence_fusion` of N items.
        pairs: `actual`, `predicted`, `items`, `share`, most confused first.
        products: `class_index`, `split` and `group` of every row.
        rejected: `reason` and `action` of rows that could not be used as they were.
        names: `names`, how many there are, and `names_unknown`, of how many of them nothing is known.
        several_labels: whether a class has a label a level, and accuracy is the share of an item's labels.
    """

    metrics: Metrics
    classes: Sequence[str]
    items: pd.DataFrame
    pairs: pd.DataFrame
    products: pd.DataFrame
    rejected: pd.DataFrame
    names: Mapping[str, int]
    several_labels: bool = False

    @property
    def actual(self) -> Integers:
        """N class numbers, those of the catalogue."""
        return self.items["class_index"].to_numpy(np.int64)

    @property
    def predicted(self) -> Integers:
        """N class numbers, by the fused scores."""
        return self.items["predicted_fusion"].to_numpy(np.int64)

    @property
    def wrong(self) -> Bools:
        """Which of N items are taken for another class."""
        wrong: Bools = self.actual != self.predicted
        return wrong


def answers(facts: Facts) -> dict[str, Any]:
    """Return what the top of the page says.

    Returns:
        `right`, `answered`, `search`, `products`, `chance`, `several_labels` and `few`: how often; `mistakes`: where;
        `steps`: what next.
    """
    metrics = facts.metrics
    return {
        "right": how_often(metrics),
        "answered": answered(metrics),
        "search": read_metric(metrics, "retrieval.mean.recall_at_1"),
        "products": look_up(metrics, "product.classification.fusion.accuracy"),
        "chance": look_up(metrics, "classification.chance.accuracy"),
        "several_labels": facts.several_labels,
        "few": few_items(facts.items),
        "mistakes": mistakes(facts.classes, facts.items, facts.pairs),
        "steps": next_steps(facts),
    }


def ways(metrics: Metrics) -> dict[str, str]:
    """Return what a class can go by, as much as an item has first; of a catalogue of one modality that one alone."""
    there = [side for side in SIDES if side in metrics["classification"]]
    if len(there) == 1:
        return {there[0]: ALONE[there[0]]}
    items = {side: metrics["classification"][side].get("items") for side in there}
    if not any(items.values()):
        return TOGETHER
    counts = {side: f", {count:,} items" if count is not None else "" for side, count in items.items()}
    return {"fusion": "by what there is of an item", **{side: TOGETHER[side] + counts[side] for side in there}}


def how_often(metrics: Metrics) -> list[Right]:
    """Return the accuracies by all `ways`, each beside its baseline."""
    found = []
    for key, name in ways(metrics).items():
        path = f"classification.{key}.accuracy"
        metric = read_metric(metrics, path)
        if metric is not None:
            one = metrics.get("baselines", {}).get("beside", {}).get(path)
            beside = (one["baseline"], judge(one)) if one else ()
            found.append(Right(name, metric, *beside))
    return found


def judge(one: Mapping[str, float]) -> Verdict:
    """Say whether ours is better than a baseline, by the interval of the difference, `low` to `high`."""
    if "low" not in one or "high" not in one:
        return "no interval"
    if one["low"] > 0:
        return "better"
    return "worse" if one["high"] < 0 else "level"


def answered(metrics: Metrics) -> Answered | None:
    """Return what is answered for a precision of `ASKED`, by as much as an item has; None if it was not measured."""
    hedging, target = metrics.get("hedging", {}), f"precision_{ASKED}"
    for by, name in ways(metrics).items():
        if target in hedging.get(by, {}):
            shares = hedging[by][target]
            return Answered(name, 1 - shares["none"], shares["class"], shares.get("accuracy"))
    return None


def few_items(items: pd.DataFrame) -> tuple[int, float, float] | None:
    """Return N with the interval of the share of right classes, where N is below `FEW_ITEMS`.

    The interval of the metrics is a bootstrap, which has no width where all items are right.
    """
    count = len(items)
    if not 0 < count < FEW_ITEMS:
        return None
    return (count, *wilson(int((items["class_index"] == items["predicted_fusion"]).sum()), count))


def mistakes(classes: Sequence[str], items: pd.DataFrame, pairs: pd.DataFrame) -> Mistakes | None:
    """Count the mistakes by the fused scores, in all, and of the classes and pairs with the most.

    Args:
        classes: C class paths.
        items: `class_index` and `predicted_fusion` of N items.
        pairs: `actual`, `predicted`, `items`, `share`, most confused first.
    """
    if items.empty:
        return None
    actual, predicted = (items[name].to_numpy(np.int64) for name in ("class_index", "predicted_fusion"))
    wrong = actual != predicted
    tree = ClassTree.of(classes)
    first = tree.levels[0]
    several = len(tree.levels) > 1 and first.any()
    return Mistakes(
        len(items),
        int(wrong.sum()),
        int((first[actual] == first[predicted])[wrong].sum()) if several else None,
        most_wrong(classes, actual, predicted, MOST_CLASSES),
        named_pairs(pairs, MOST_PAIRS),
    )


def most_wrong(classes: Sequence[str], actual: Integers, predicted: Integers, most: int) -> list[dict[str, Any]]:
    """Return the classes with the most wrong items, of equals the one with the fewest items first.

    Args:
        classes: C class paths.
        actual: N class numbers.
        predicted: N class numbers.
        most: classes at most; a class without a wrong item is none of them.

    Returns:
        `class_index`, `name`, `wrong` and `items` of each.
    """
    items = np.bincount(actual, minlength=len(classes))
    wrong = np.bincount(actual[actual != predicted], minlength=len(classes))
    order = np.lexsort((np.arange(len(classes)), items, -wrong))[:most]
    return [
        {
            "class_index": int(index),
            "name": whole_name(split_path(classes[index])),
            "wrong": int(wrong[index]),
            "items": int(items[index]),
        }
        for index in order
        if wrong[index]
    ]


def named_pairs(pairs: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    """Return the first pairs, their class paths written out."""
    rows = pairs.head(most)
    actual, predicted = ([whole_name(split_path(path)) for path in rows[side]] for side in ("actual", "predicted"))
    columns = zip(actual, predicted, rows["items"].tolist(), rows["share"].tolist(), strict=True)
    return [dict(zip(("actual", "predicted", "items", "share"), values, strict=True)) for values in columns]


def percent(share: float) -> str:
    """Write a share in per cent, which no line breaks: ``97.0 %``. Only all of them is 100, only none of them is 0."""
    return f"{100 * share if share in (0, 1) else min(max(100 * share, 0.1), 99.9):.1f}\N{NO-BREAK SPACE}%"


def next_steps(facts: Facts) -> list[Step]:
    """Return what to do next, by the rules in their order, `MOST_STEPS` at most."""
    return [step for rule in RULES if (step := rule(facts)) is not None][:MOST_STEPS]


def behind(facts: Facts) -> Step | None:
    """A baseline is better, by the interval of the difference: what `evaluate` says of the first, and how many more."""
    baselines = facts.metrics.get("baselines", {})
    worse = [
        row["name"].rpartition(": ")[0]
        for row in baselines.get("rows", ())
        if judge(baselines["beside"][row["metric"]]) == "worse"
    ]
    told = [
        remark
        for remark in baselines.get("remarks", ())
        if any(remark.startswith(f"behind a baseline, {what}: ") for what in worse)
    ]
    if not told:
        return None
    more = f"{len(told) - 1} more of that kind below." if len(told) > 1 else ""
    return Step(f"{told[0][0].upper()}{told[0][1:]}", more, guide="docs/evaluation.md", anchor="baselines")


def unknown_names(facts: Facts) -> Step | None:
    """Nothing is known of a share of `UNKNOWN` of the names, or of more."""
    count, unknown = facts.names["names"], facts.names["names_unknown"]
    if not unknown or unknown < UNKNOWN * count:
        return None
    return Step(
        f"Nothing is known of {unknown:,} of {counted(count, 'name')}, {percent(unknown / count)}: they say nothing of "
        "the class.",
        "See which words have no vector:",
        command="huse words",
        guide="docs/text-and-labels.md",
    )


def suspects(facts: Facts) -> Step | None:
    """Items are taken for another class with a probability of at least `SURE`."""
    sure = facts.items["confidence_fusion"].to_numpy() >= SURE
    count = int((sure & facts.wrong).sum())
    if not count:
        return None
    return Step(
        f"Of {counted(int(sure.sum()), 'test item')} whose class has a probability of {SURE} or more, {count:,} "
        f"{'is' if count == 1 else 'are'} taken for another class than the catalogue's. There the model is wrong, or "
        "the catalogue.",
        "Look at what is probably filed wrongly, in the whole catalogue:",
        **FIND_MISTAKES,
    )


def small_classes(facts: Facts) -> Step | None:
    """Classes of fewer than `FEW` products in training are wrong more often than the others, and not by chance."""
    training = facts.products[facts.products["split"] == "train"]
    products = training.groupby("class_index")["group"].nunique().reindex(range(len(facts.classes)), fill_value=0)
    small = np.flatnonzero(products.to_numpy() < FEW)
    items, wrong = np.isin(facts.actual, small), facts.wrong
    if not items.any() or items.all():
        return None
    least, _ = wilson(int(wrong[items].sum()), int(items.sum()))
    if least <= wrong[~items].mean():
        return None
    named = most_wrong(facts.classes, facts.actual[items], facts.predicted[items], MOST_PAIRS)
    return Step(
        f"{len(small):,} of {counted(len(facts.classes), 'class', 'classes')} "
        f"{'has' if len(small) == 1 else 'have'} fewer than {FEW} products in training. Of their "
        f"{counted(int(items.sum()), 'test item')} {percent(wrong[items].mean())} are wrong, of all "
        f"others {percent(wrong[~items].mean())}. Most mistakes:",
        "Add products to them, or join what shoppers do not tell apart. Parameters for few products a class:",
        [one["name"] for one in named],
        guide="docs/parameters.md",
    )


def left_out(facts: Facts) -> Step | None:
    """Rows of the catalogue were left out."""
    reasons = facts.rejected.loc[facts.rejected["action"] == "left out", "reason"]
    if reasons.empty:
        return None
    were = "was" if len(reasons) == 1 else "were"
    return Step(
        f"{counted(len(reasons), 'row')} of the catalogue {were} left out, most often for: {reasons.mode().iloc[0]}.",
        "Correct the rows, and run all again:",
        command="dvc repro",
        guide="docs/your-own-catalogue.md",
        anchor="rejected",
    )


def mixed_pair(facts: Facts) -> Step | None:
    """Two classes have a share of `MIXED` of all mistakes between them, and at least `FEWEST_MIXED` items."""
    wrong = facts.wrong
    if not wrong.any():
        return None
    both = np.sort(np.stack([facts.actual, facts.predicted])[:, wrong], axis=0)
    pairs, counts = np.unique(both, axis=1, return_counts=True)
    most = int(counts.argmax())
    if counts[most] < max(FEWEST_MIXED, MIXED * wrong.sum()):
        return None
    return Step(
        f"{counts[most]:,} of {counted(int(wrong.sum()), 'mistake')} are between two classes:",
        "If shoppers do not tell them apart, make them one class. If they do, look for products filed wrongly:",
        [whole_name(split_path(facts.classes[index])) for index in pairs[:, most]],
        **FIND_MISTAKES,
        anchor="confusion",
    )


def let_it_answer(facts: Facts) -> Step | None:
    """It was measured what is answered for a precision of `ASKED`: something, or nothing."""
    found = answered(facts.metrics)
    if found is None:
        return None
    if found.answered <= 0:
        return Step(
            f"For a precision of {ASKED} % it answers nothing: on validation, no threshold has that precision.",
            "More products help. A lower precision may be enough:",
            guide="docs/use-the-model.md",
            anchor="sureness",
        )
    rest = 1 - found.answered
    people = f", and leaves {percent(rest)} to people" if rest > 0 else ""
    return Step(
        f"For a precision of {ASKED} % it answers {percent(found.answered)} of the items by itself{people}.",
        "Let it answer so, for a table of products:",
        command=f"huse classify products.csv --output classes.csv --precision 0.{ASKED}",
        guide="docs/use-the-model.md",
        anchor="sureness",
    )


RULES: tuple[Callable[[Facts], Step | None], ...] = (
    behind,
    unknown_names,
    suspects,
    small_classes,
    left_out,
    mixed_pair,
    let_it_answer,
)
