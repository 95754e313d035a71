"""The sections of the report: their content and charts.

An empty section is None and is left out.

Letters: N items of the test split, C classes, D dimension of the shared space.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.nesting import flatten
from huse.report import charts, galleries, matrices, metric_tables, notes, space_map
from huse.report.answers import most_wrong, named_pairs
from huse.report.charts import Records, Spec
from huse.report.curves import finetuning_pictures, training_pictures
from huse.report.metric_tables import DIRECTIONS, Metrics, look_up, make_table
from huse.report.names import short_names, shorten, whole_name
from huse.storage import READERS
from huse.taxonomy import Bools, ClassTree, split_path
from huse.vision.thumbnails import Thumbnails
from huse.wording import counted

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

GALLERY_SIDE, MAP_SIDE = 104, 56  # pixels, of thumbnails
MOST_ROWS = 100  # of a table of rejected rows
MOST_PAIRS = 15  # confused pairs
WEAKEST = 10  # classes


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: its id in the page.
        about: what it holds, for who sees it folded.
        content: for its template, which is named after the anchor.
        charts: specifications by name.
        data: sets of records that charts use, by name.
        technical: whether it is for who trains models, not for who sells by them.
    """

    anchor: str
    title: str
    about: str
    content: dict[str, Any]
    charts: dict[str, Spec] = field(default_factory=dict)
    data: dict[str, Records] = field(default_factory=dict)
    technical: bool = False


@dataclass(frozen=True)
class TestSplit:
    """The measured items.

    Attributes:
        rows: N rows of the products.
        classes: N class numbers.
        embeddings: of `image` and `text`, N × D float32, unit norm; zeros where an item has none.
        there: of `image` and `text`, N bool, which items have one.
    """

    rows: Integers
    classes: Integers
    embeddings: Mapping[str, Floats]
    there: Mapping[str, Bools]


def metrics_section(metrics: Metrics, tree_settings: Sequence[str] = ()) -> Section:
    """Tables of accuracy and retrieval with intervals and chance, and all further metrics.

    Args:
        metrics: of the test split.
        tree_settings: those by which training knew the class tree, on which some metrics are measured.
    """
    directions, classifiers = {**DIRECTIONS, "mean": "mean"}, metric_tables.CLASSIFIERS
    retrieval, by_level = metrics["retrieval"], metrics["classification"].get("by_level", {})
    levels = {level: level.replace("_", " ") for of_levels in by_level.values() for level in of_levels}
    every = {**metric_tables.RETRIEVAL, **metric_tables.FURTHER}
    pairless = {way: found["without_pair"] for way, found in retrieval.items() if "without_pair" in found}
    tables = {
        f"Retrieval by {by}, all metrics": make_table(metrics, section, directions, every)
        for section, by in metric_tables.BY.items()
    }
    alone = "Retrieval without the item's own pair among the candidates"
    tables[alone] = make_table({"retrieval": pairless}, "retrieval", directions, every)
    further = {title: metric_tables.transpose(table) for title, table in tables.items()}
    agreeing = "Items whose predicted class agrees with theirs down to a level"
    further[agreeing] = make_table(metrics, "classification.by_level", classifiers, levels)
    headline = metric_tables.headline(metrics)
    drawn = {
        f"headline-{place}": charts.headline_chart(title, shown)
        for place, (title, shown) in enumerate(headline.items())
    }
    content: dict[str, Any] = {
        "classification": make_table(metrics, "classification", classifiers, metric_tables.CLASSIFICATION),
        "retrieval": make_table(metrics, "retrieval", directions, metric_tables.RETRIEVAL),
        "fusion_weight": look_up(metrics, "classification.average.image_weight"),
        "further": [(title, table) for title, table in further.items() if table],
        "space": metric_tables.space_tables(metrics),
        "item": metric_tables.item_of(metrics),
        "product": metric_tables.product_table(metrics),
        "products": look_up(metrics, "product.products"),
        "of_several_items": look_up(metrics, "product.of_several_items"),
        "unseen": make_table(metrics, "unseen", directions, metric_tables.UNSEEN),
        "unseen_items": look_up(metrics, "unseen.items"),
        "unseen_classes": look_up(metrics, "unseen.classes"),
        "dropped": look_up(metrics, "retrieval.image_to_image.dropped_queries"),
        "glance": list(zip(drawn, headline, strict=True)),
        "tree_settings": tree_settings,
    }
    points = [
        {"k": k, "value": charts.rounded(value), "direction": name, "kind": kind}
        for direction, name in DIRECTIONS.items()
        for kind, above in (("measured", ""), ("chance", "chance."))
        for k in (1, 5, 10)
        if (value := look_up(metrics, f"retrieval.{direction}.{above}recall_at_{k}")) is not None
    ]
    if points:
        drawn["recall"] = charts.recall_chart(points)
    about = "Accuracy, retrieval and the space, with intervals and chance."
    return Section("metrics", "All metrics", about, content, drawn, technical=True)


def baselines_section(metrics: Metrics, tree_settings: Sequence[str] = ()) -> Section | None:
    """Our metrics beside those of simple means on the same vectors.

    Args:
        metrics: of the test split.
        tree_settings: those by which training knew the class tree; the baselines do not.
    """
    table = metric_tables.baseline_table(metrics)
    if table is None:
        return None
    baselines, directions = metrics["baselines"], {**DIRECTIONS, "mean": "mean"}
    every = {**metric_tables.RETRIEVAL, "macro_recall_at_1": "macro R@1"}
    both = all(side in metrics["classification"] for side in metric_tables.SIDES)
    kinds = {name: text for name, text in metric_tables.BASELINES.items() if both or name != "fused"}
    shown = {
        "Accuracy of the baselines": ("baselines", kinds, metric_tables.CLASSIFICATION),
        "Retrieval by the class probabilities of the baselines": ("baselines.retrieval", directions, every),
        "Retrieval by canonical correlation analysis": ("baselines.correlation.retrieval", directions, every),
        "Retrieval by nearest neighbours in the raw vectors": ("baselines.neighbours", directions, every),
        "Accuracy of the pair, zero-shot": ("baselines.zero_shot", metric_tables.SHORT, metric_tables.CLASSIFICATION),
        "Retrieval by the pair's own vectors": ("baselines.zero_shot.retrieval", directions, every),
    }
    further = {title: make_table(metrics, *table) for title, table in shown.items()}
    content = {
        "table": table,
        "baselines": list(dict.fromkeys(row["by"] for row in baselines["rows"])),
        "training_items": baselines["training_items"],
        "remarks": baselines["remarks"],
        "further": [(title, found) for title, found in further.items() if found],
        "tree_settings": tree_settings,
    }
    about = "The same vectors by simpler means: what training has gained."
    return Section("baselines", "Beside simple baselines", about, content, technical=True)


def sureness_section(metrics: Metrics) -> Section | None:
    """What the surest predictions are worth, and answers that stop above the class where it is not sure."""
    rows, levels = metric_tables.answer_rows(metrics), metric_tables.answer_levels(metrics)
    answers = make_table(metrics, "hedging", rows, {**levels, **metric_tables.ANSWERS})
    if answers is None:
        return None
    risks: Records = [
        {"by": name, "covered": int(key.split("_")[1]) / 100, "error": charts.rounded(error)}
        for by, name in metric_tables.SHORT.items()
        for key, error in metrics["selective"].get(by, {}).get("risk", {}).items()
    ]
    shares: Records = [
        {"row": name, "answer": levels[key], "place": place, "share": charts.rounded(share)}
        for row, name in rows.items()
        for place, key in enumerate(levels)
        if (share := look_up(metrics, f"hedging.{row}.{key}")) is not None
    ]
    drawn = {
        "sureness-risk": charts.risk_chart(risks),
        "sureness-answers": charts.answers_chart(shares, list(rows.values()), list(levels.values())),
    }
    selective = make_table(metrics, "selective", metric_tables.SHORT, metric_tables.SELECTIVE)
    about = "Errors among the surest items, and answers that stop above the class."
    return Section("sureness", "How sure it is", about, {"answers": answers, "selective": selective}, drawn)


def training_section(curves: Mapping[str, pd.DataFrame], epochs: pd.DataFrame) -> Section | None:
    """Curves of training and of fine-tuning, if any."""
    pictures = [*training_pictures(curves), *finetuning_pictures(epochs)]
    if not pictures:
        return None
    drawn = {f"curve-{place}": charts.curve_chart(picture) for place, picture in enumerate(pictures)}
    content = {"pictures": list(zip(drawn, pictures, strict=True)), "finetuned": not epochs.empty}
    return Section("training", "Training", "Curves of losses and metrics.", content, drawn, technical=True)


def confusion_section(
    classes: Sequence[str], items: pd.DataFrame, pairs: pd.DataFrame, table: pd.DataFrame
) -> Section | None:
    """Which classes are confused, at every level of the tree.

    Args:
        classes: C class paths.
        items: `class_index` and `predicted_fusion` of N items.
        pairs: `actual`, `predicted`, `items`, `share`, most confused first.
        table: `classes`, `items` and `accuracy_…` of each class.
    """
    if items.empty:
        return None

    tree = ClassTree.of(classes)
    found = matrices.confusions(tree, items["class_index"].to_numpy(), items["predicted_fusion"].to_numpy())
    drawn = {f"confusion-{one.level}": charts.confusion_chart(one, short_names(one.nodes)) for one in found}
    tested = table[table["items"] > 0]
    weakest = tested.sort_values(["accuracy_fusion", "items", "class_index"], ascending=[True, False, True])
    actual, predicted = (items[name].to_numpy(np.int64) for name in ("class_index", "predicted_fusion"))
    counts = most_wrong(classes, actual, predicted, WEAKEST)
    by_class = table.set_index("class_index")
    most = [{**by_class.loc[one["class_index"]].to_dict(), **one} for one in counts]
    least = [
        {**by_class.loc[number].to_dict(), "name": whole_name(split_path(by_class.loc[number, "classes"]))}
        for number in weakest["class_index"].head(WEAKEST)
    ]
    content = {
        "levels": list(zip(drawn, found, strict=True)),
        "pairs": named_pairs(pairs, MOST_PAIRS),
        "most": [_with_interval(row) for row in most],
        "weakest": [_with_interval(row) for row in least],
        "counted": len(tested),
        "small": int((tested["items"] < notes.FEW).sum()),
        "few": notes.FEW,
    }
    about = "The classes and pairs with the most mistakes, and who is taken for whom."
    return Section("confusion", "Where it is wrong, class by class", about, content, drawn)


def _with_interval(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add the interval of the fused accuracy of a class, `low` to `high`."""
    low, high = notes.wilson(row["accuracy_fusion"] * row["items"], int(row["items"]))
    return {**row, "low": low, "high": high}


def graph_section(
    classes: Sequence[str], wanted: Floats, split: TestSplit, metrics: Metrics, *, trained_on_tree: bool
) -> Section | None:
    """The semantic graph and the learned distances.

    Args:
        classes: C class paths.
        wanted: C × C float32, the distances of the graph.
        split: the test split.
        metrics: of the test split, among them the correlation of the two.
        trained_on_tree: training used the distances of the class tree instead of the graph's.
    """
    tree = ClassTree.of(classes)
    shown = matrices.shown_classes(tree, split.classes)
    if len(shown) < 2:
        return None
    learned = matrices.class_mean_distances(list(split.embeddings.values()), split.classes, len(classes))
    chosen = np.ix_(shown, shown)
    off = ~np.eye(len(shown), dtype=bool)
    both = np.concatenate([wanted[chosen][off], learned[chosen][off]])
    low, high = (round(float(bound), 3) for bound in np.nanquantile(both, [0.01, 0.99]))
    bounds = (low, max(high, low + 0.001))
    names = short_names([tree.paths[index] for index in shown])
    drawn = {
        "graph-wanted": charts.distance_chart(wanted[chosen], names, bounds, "Distances of the semantic graph"),
        "graph-learned": charts.distance_chart(learned[chosen], names, bounds, "Distances that were learned"),
    }
    with_items = len(np.unique(split.classes))
    content = {
        "correlation": look_up(metrics, "space.semantic_order.both.adjacency"),
        "shown": len(shown),
        "left_out": with_items - len(shown),
        "without_items": len(classes) - with_items,
        "trained_on_tree": trained_on_tree,
    }
    about = "How far classes should lie apart, and how far they do."
    return Section("graph", "The semantic graph, wanted and learned", about, content, drawn, technical=True)


def map_section(products: pd.DataFrame, split: TestSplit, thumbnails: Thumbnails, seed: int) -> Section | None:
    """The space on a plane.

    Args:
        products: `name` and `classes` by row.
        split: the test split.
        thumbnails: of its pictures.
        seed: of the sample and the solver.
    """
    places = space_map.sample_items(split.classes, space_map.MOST_ITEMS, seed)
    if len(places) < 2:
        return None
    drawn = {mark: np.flatnonzero(split.there[mark][places]) for mark in ("image", "text")}
    images, texts = (split.embeddings[mark][places[drawn[mark]]] for mark in ("image", "text"))
    planes = space_map.lay_out(images, texts, seed)
    shown = products.iloc[split.rows[places]]
    paths = [split_path(name) for name in shown["classes"]]
    unique = sorted(set(paths))
    short = dict(zip(unique, short_names(unique), strict=True))
    with ThreadPoolExecutor(READERS) as pool:  # an object store answers late
        pictures = list(pool.map(lambda row: thumbnails(int(row), MAP_SIDE), split.rows[places]))
    items = [
        {
            "item": item,
            "name": shorten(name),
            "class": short[path],
            "first level": path[0],
            "thumbnail": picture.source,
        }
        for item, (name, path, picture) in enumerate(zip(shown["name"], paths, pictures, strict=True))
    ]
    points: list[dict[str, Any]] = [
        {"x": round(float(x), 4), "y": round(float(y), 4), "mark": mark, "item": int(item)}
        for (mark, those), plane in zip(drawn.items(), planes, strict=True)
        for item, (x, y) in zip(those, plane, strict=True)
    ]
    labels = space_map.name_places(np.concatenate(planes), [short[paths[point["item"]]] for point in points])
    chart = charts.map_chart(points, labels, [short[path] for path in unique])
    content = {"shown": len(places), "items": len(split.rows)}
    about = "Pictures and names of the test split on a plane."
    return Section("map", "A map of the space", about, content, {"map": chart}, {"items": items})


def gallery_section(products: pd.DataFrame, queries: pd.DataFrame, thumbnails: Thumbnails) -> Section | None:
    """Example queries: typical hits, instructive misses, the worst.

    Args:
        products: `name` and `classes` by row.
        queries: with the columns of `galleries.COLUMNS`.
        thumbnails: of the pictures.
    """
    names, paths = products["name"].tolist(), [split_path(name) for name in products["classes"]]

    def card(row: int, modality: str) -> dict[str, Any]:
        """Show an item by its picture or its name."""
        picture = thumbnails(row, GALLERY_SIDE) if modality == "image" else None
        return {"name": shorten(names[row]), "path": whole_name(paths[row]), "leaf": paths[row][-1], "picture": picture}

    directions: list[dict[str, Any]] = []
    for direction, title in DIRECTIONS.items():
        query, found = direction.split("_to_")
        part = queries[(queries["query"] == query) & (queries["found"] == found)].reset_index(drop=True)
        if part.empty:  # no item has a picture, or a name
            continue
        chosen = galleries.choose(part, [products["classes"].iloc[row] for row in part["row"]])
        looks = names if found == "text" else range(len(names))
        kinds = []
        for kind, (head, caption) in galleries.KINDS.items():
            cards = []
            for _, one in part.iloc[chosen[kind]].iterrows():
                others = [{**card(other["row"], found), **other} for other in galleries.describe(one, paths, looks)]
                cards.append({"query": card(one["row"], query), "rank": one["first_rank"], "found": others})
            kinds.append({"title": head, "caption": caption, "queries": cards})
        directions.append({"anchor": direction, "title": title, "query": query, "found": found, "kinds": kinds})
    if not any(kind["queries"] for direction in directions for kind in direction["kinds"]):
        return None
    about = "Examples: typical hits, instructive misses, the worst."
    return Section("galleries", "What queries find", about, {"directions": directions})


def rejected_section(rejected: pd.DataFrame) -> Section | None:
    """Rows that were left out or repaired, and why.

    Args:
        rejected: `line`, `image`, `name`, `classes`, `reason`, `action`.
    """
    if rejected.empty:
        return None
    counts = rejected.groupby(["action", "reason"]).size().reset_index(name="rows")
    counts = counts.sort_values(["rows", "action", "reason"], ascending=[False, True, True])
    # Left-out rows matter more than repaired ones.
    order = rejected.assign(repaired=rejected["action"].isin(["repaired", "taken as empty"])).sort_values(
        ["repaired", "line"], kind="stable"
    )
    rows = [
        {name: "" if pd.isna(value) else shorten(str(value)) for name, value in row.items()}
        for row in order.head(MOST_ROWS).to_dict("records")
    ]
    content = {"counts": counts.head(MOST_ROWS).to_dict("records"), "rows": rows, "total": len(rejected)}
    about = f"{counted(len(rejected), 'row')} of the catalogue, and why."
    return Section("rejected", "Rows left out or repaired", about, content)


def run_section(params: Mapping[str, Any], facts: Mapping[str, Any], versions: Mapping[str, str]) -> Section:
    """What was run: parameters, fingerprint, versions.

    Args:
        params: the sections of params.yaml.
        facts: names and values shown first: seed, fingerprint.
        versions: of packages.
    """
    sections = {
        name: list(flatten(values)) if isinstance(values, Mapping) else [("", values)]
        for name, values in params.items()
    }
    content = {"params": sections, "facts": facts, "versions": versions}
    return Section("run", "What was run", "Parameters, seed, versions.", content, technical=True)
