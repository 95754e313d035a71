"""The metrics of an evaluation as tables: value, interval, chance.

Metrics are nested JSON objects with numbers at the leaves, as in metrics/evaluate.json; a path joins the keys to a leaf
by dots: ``retrieval.image_to_text.map``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

Metrics = Mapping[str, Any]

SIDES = ("image", "text")
DIRECTIONS = {f"{query}_to_{found}": f"{query} → {found}" for query in SIDES for found in SIDES}
CLASSIFIERS = {
    "image": "image",
    "text": "text",
    "average": "both, mean of the scores",
    "log_linear": "both, product of the scores",
    "fusion": "both, the better of the two on validation",
}
BASELINES = {
    "image_linear": "logistic regression, image vectors",
    "ngrams_linear": "logistic regression, n-grams of names",
    "vectors_linear": "logistic regression, text vectors",
    "text_linear": "logistic regression, n-grams and text vectors",
    "fused": "picture and name, product of the probabilities",
}
SHORT = {"image": "image", "text": "text", "fusion": "both"}
CLASSIFICATION = {
    "accuracy": "accuracy",
    "top_5": "top 5",
    "macro_f1": "macro F1",
    "calibration_error": "calibration error",
}
RETRIEVAL = {**{f"recall_at_{k}": f"R@{k}" for k in (1, 5, 10)}, "map": "mAP", "ahp": "AHP"}
FURTHER = {
    "macro_recall_at_1": "macro R@1",
    "median_rank": "median rank",
    **{f"hp_at_{k}": f"HP@{k}" for k in (2, 5, 10)},
    **{f"class_hp_at_{k}": f"class HP@{k}" for k in (2, 5, 10)},
    "dropped_queries": "dropped",
}
BY = {
    "retrieval": "embeddings",
    "retrieval_by_probabilities": "class probabilities",
    "retrieval_by_both": "embeddings and class probabilities",
}
UNSEEN = {
    **{f"sibling_at_{k}": f"sibling@{k}" for k in (1, 5, 10)},
    "ahp": "AHP",
    "hops": "edges to the nearest",
    "recall_at_1": "own class, R@1",
    "map": "own class, mAP",
}
# Of the space: path above rows and columns, the rows, the columns, the title.
SPACE = (
    (
        "space",
        {"gap": "cosine distance"},
        {"mean_distance": "of a picture and its name", "other_items": "of a picture and other names"},
        "The gap between pictures and names",
    ),
    (
        "space.gap",
        {"image_to_text": "a picture's name", "text_to_image": "a name's picture"},
        {"median_rank": "median rank", "rank_1": "nearest"},
        "Where an item's other half stands among all",
    ),
    (
        "space",
        {"class_order": "share"},
        {**DIRECTIONS, "mean": "mean"},
        "Triples of a query, an item of its class and one of another, with the right one nearer; at random ½",
    ),
    (
        "space.semantic_order",
        {"image": "images", "text": "names", "both": "both"},
        {"adjacency": "semantic graph", "tree": "class tree"},
        "Rank correlation of the distances of class means with those of the graph, and of the tree",
    ),
    (
        "space.variance",
        {"image": "images", "text": "names"},
        {"total": "variance", "dimensions": "dimensions"},
        "Shares of the space that are in use; 0 where all embeddings are one",
    ),
)
ONE_CHANCE = ("classification", "space.gap")  # below these paths, all rows share one chance
WHOLE = {"median_rank", "dropped_queries", "mean_depth"}  # ranks and counts, not shares
SELECTIVE = {"aurc": "AURC", **{f"risk.at_{percent}": f"error, {percent} %" for percent in (50, 80, 90, 100)}}
ANSWERS = {"none": "nothing", "accuracy": "right", "mean_depth": "mean depth"}


@dataclass(frozen=True)
class Metric:
    """One metric with its interval and references.

    Attributes:
        low: lower end of its interval, or None.
        high: upper end.
        chance: the metric of a random order, or None.
        best: the metric of the best possible order, or None.
        share: whether it lies in 0 to 1, and is not a rank or a count.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    best: float | None = None
    share: bool = True


@dataclass(frozen=True)
class Table:
    """Metrics under the heads of columns; a row has a name, and None where a metric is missing."""

    columns: list[str]
    rows: list[tuple[str, list[Metric | None]]]


def look_up(metrics: Metrics, path: str) -> float | None:
    """Return the number at a path, or None."""
    at: Any = metrics
    for key in path.split("."):
        if not isinstance(at, Mapping) or key not in at:
            return None
        at = at[key]
    return at if isinstance(at, int | float) and not isinstance(at, bool) else None


def read_metric(metrics: Metrics, path: str) -> Metric | None:
    """Return the metric at a path with its interval, chance and best, or None.

    The interval of ``a.b`` stands at ``intervals.a.b.low`` and ``.high``, its chance at ``a.chance.b``, its best at
    ``a.best.b``; the chance of ``classification.image.accuracy`` at ``classification.chance.accuracy``, and so for the
    gap of the space.
    """
    value = look_up(metrics, path)
    if value is None:
        return None
    folder, _, name = path.rpartition(".")
    above = next((name for name in ONE_CHANCE if folder.startswith(f"{name}.")), folder)
    return Metric(
        value,
        look_up(metrics, f"intervals.{path}.low"),
        look_up(metrics, f"intervals.{path}.high"),
        look_up(metrics, f"{above}.chance.{name}"),
        look_up(metrics, f"{folder}.best.{name}"),
        name not in WHOLE,
    )


def make_table(metrics: Metrics, folder: str, rows: Mapping[str, str], columns: Mapping[str, str]) -> Table | None:
    """Collect the metrics ``folder.row.column``; rows and columns without any are left out.

    Args:
        metrics: the tree.
        folder: path above the rows.
        rows: names in the table by key.
        columns: heads by key.

    Returns:
        None if no metric was found.
    """
    found = {row: [read_metric(metrics, f"{folder}.{row}.{column}") for column in columns] for row in rows}
    kept = [any(column) for column in zip(*found.values(), strict=True)]
    if not any(kept):
        return None
    return Table(
        list(compress(columns.values(), kept)),
        [(rows[row], list(compress(cells, kept))) for row, cells in found.items() if any(cells)],
    )


def transpose(table: Table | None) -> Table | None:
    """Swap rows and columns: a table of many metrics is better long than wide."""
    if table is None:
        return None
    columns = [[row[place] for _, row in table.rows] for place in range(len(table.columns))]
    return Table([name for name, _ in table.rows], list(zip(table.columns, columns, strict=True)))


def headline(metrics: Metrics) -> dict[str, list[tuple[str, Metric]]]:
    """Return the main metrics with their names, grouped by kind.

    Accuracies of image, text and both, then R@1, mAP and AHP of each direction.
    """
    wanted = [("accuracy", name, f"classification.{key}.accuracy") for key, name in SHORT.items()]
    wanted += [
        (RETRIEVAL[name], shown, f"retrieval.{direction}.{name}")
        for name in ("recall_at_1", "map", "ahp")
        for direction, shown in DIRECTIONS.items()
    ]
    groups: dict[str, list[tuple[str, Metric]]] = {}
    for group, shown, path in wanted:
        metric = read_metric(metrics, path)
        if metric is not None:
            groups.setdefault(group, []).append((shown, metric))
    return groups


def product_table(metrics: Metrics) -> Table | None:
    """Return the main metrics per picture and per product side by side, or None where these are the same."""
    if "product" not in metrics:
        return None
    products = {**metrics["product"], "intervals": metrics.get("intervals", {}).get("product", {})}
    wanted = {f"accuracy by {name}": f"classification.{key}.accuracy" for key, name in CLASSIFIERS.items()}
    whole = {"mean": "mean of the four", "both_to_both": "both → both"}
    wanted |= {
        f"{RETRIEVAL[name]}, {shown}": f"retrieval.{direction}.{name}"
        for name, directions in (("recall_at_1", {**DIRECTIONS, **whole}), ("map", whole))
        for direction, shown in directions.items()
    }
    rows = [(shown, [read_metric(of, path) for of in (metrics, products)]) for shown, path in wanted.items()]
    return Table([f"per {item_of(metrics)}", "per product"], [row for row in rows if any(row[1])])


def item_of(metrics: Metrics) -> str:
    """Return what the items of a split are: names, if none has a picture, else pictures."""
    return "picture" if "image" in metrics["classification"] else "name"


def baseline_table(metrics: Metrics) -> Table | None:
    """Return our metrics beside those of the baselines, or None where these were not measured."""
    rows: list[tuple[str, list[Metric | None]]] = []
    for row in metrics.get("baselines", {}).get("rows", ()):
        one = metrics["baselines"]["beside"][row["metric"]]
        difference = Metric(one["difference"], one.get("low"), one.get("high"))
        rows.append((row["name"], [Metric(one["ours"]), Metric(one["baseline"]), difference]))
    return Table(["ours", "baseline", "difference"], rows) if rows else None


def space_tables(metrics: Metrics) -> list[tuple[str, Table]]:
    """Return the tables of the space that have metrics, with their titles; a single row is shown as a column."""
    found = []
    for folder, rows, columns, title in SPACE:
        table = make_table(metrics, folder, rows, columns)
        upright = transpose(table) if len(rows) == 1 else table
        if upright is not None:
            found.append((title, upright))
    return found


def answer_levels(metrics: Metrics) -> dict[str, str]:
    """Return what the answers of a precision say, the most first: keys of ``hedging.….….`` and their names."""
    found = {key for by in metrics.get("hedging", {}).values() for shares in by.values() for key in shares}
    levels = sorted((key for key in found if key.startswith("level_")), key=lambda key: -int(key.split("_")[1]))
    return {"class": "class", **{level: level.replace("_", " ") for level in levels}, "none": ANSWERS["none"]}


def answer_rows(metrics: Metrics) -> dict[str, str]:
    """Return the rows of answers, below ``hedging``, and their names: ``both, 0.95``."""
    return {
        f"{by}.{target}": f"{SHORT[by]}, 0.{target.split('_')[1]}"
        for by, targets in metrics.get("hedging", {}).items()
        for target in targets
    }


def readable(key: str) -> str:
    """Return a key such as ``hp_at_2`` or ``image_to_text`` in readable form."""
    known = {**DIRECTIONS, **RETRIEVAL, **FURTHER, **CLASSIFICATION}
    return known.get(key, key.replace("_", " "))
