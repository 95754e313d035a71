"""Commands that show what the last run found: its metrics, its words, its classes, its neighbours."""

from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from huse.catalogue.splitting import SPLITS, UNSEEN
from huse.errors import InputError
from huse.nesting import flatten
from huse.run import paths
from huse.run.artifacts import read_array, read_json, read_text_table
from huse.run.params.reader import read_yaml
from huse.run.place import Run
from huse.wording import counted

LEVELS = 4  # columns for levels in the table of answers


def accuracy_table(metrics: dict[str, Any]) -> Table:
    """Return the accuracies, with their intervals where there are some, as a table for the terminal."""
    intervals = metrics.get("intervals", {}).get("classification", {})
    none = {name for name in ("image", "text") if name not in metrics["classification"]}  # no item has one
    some = [name for name in {"image", "text"} - none if "items" in metrics["classification"][name]]
    headers = ("accuracy", "95 % interval", "top 5", "macro F1", *(["items"] if some else []))
    columns = (Column(name, justify="right") for name in headers)
    table = Table("by", *columns, title="Classification", title_justify="left")
    for name in [*sorted({"image", "text"} - none), "average", "log_linear", "fusion"]:
        values = metrics["classification"][name]
        ends = intervals.get(name, {}).get("accuracy")
        interval = f"{ends['low']:.3f} – {ends['high']:.3f}" if ends else "–"
        others = [f"{values[metric]:.3f}" for metric in ("top_5", "macro_f1")]
        if some:
            others.append(f"{values.get('items', metrics['items']):,}")
        table.add_row(name.replace("_", "-"), f"{values['accuracy']:.3f}", interval, *others)
    table.add_row("chance", f"{metrics['classification']['chance']['accuracy']:.3f}", style="dim")
    return table


def retrieval_table(metrics: dict[str, Any]) -> Table:
    """Return Recall@K, mAP and AHP in the four directions, their mean and its chance, as a table for the terminal."""
    columns = {"recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "map": "mAP", "ahp": "AHP"}
    headers = (Column(title, justify="right") for title in columns.values())
    table = Table("query → found", *headers, title="Retrieval", title_justify="left")
    retrieval = metrics["retrieval"]
    rows = {direction.replace("_to_", " → "): values for direction, values in retrieval.items()}
    for name, values in (*rows.items(), ("chance", retrieval["mean"].get("chance", {}))):
        cells = (f"{values[metric]:.3f}" if metric in values else "–" for metric in columns)
        table.add_row(name, *cells, style="dim" if name == "chance" else "")
    return table


def baselines_table(baselines: dict[str, Any]) -> Table:
    """Return our metrics beside those of the baselines, as a table for the terminal."""
    columns = (Column(name, justify="right") for name in ("ours", "baseline", "difference, 95 %"))
    table = Table(Column("", overflow="fold"), *columns, title="Beside baselines", title_justify="left")
    for row in baselines["rows"]:
        one = baselines["beside"][row["metric"]]
        interval = f" ({one['low']:+.3f}, {one['high']:+.3f})" if "low" in one else ""
        numbers = f"{one['ours']:.3f}", f"{one['baseline']:.3f}", f"{one['difference']:+.3f}{interval}"
        table.add_row(escape(row["name"]), *numbers, style="yellow" if one["difference"] < 0 else "")
    table.caption = "; ".join(dict.fromkeys(row["by"] for row in baselines["rows"]))
    table.caption_justify = "left"
    return table


def answers_table(hedging: dict[str, Any]) -> Table:
    """Return how far down the tree pictures and names together are answered for a precision, for the terminal.

    Of a deep tree, the levels from `LEVELS` on share a column: more would not fit.
    """
    depth = sum(key.startswith("level_") for key in next(iter(hedging["fusion"].values())))
    levels: dict[str, list[str]] = {}
    for level in range(depth, 0, -1):
        name = f"level {level}" if level < LEVELS or depth == LEVELS else f"level {LEVELS}+"
        levels.setdefault(name, []).append(f"level_{level}")
    parts = {"class": ["class"], **levels, "nothing": ["none"], "right": ["accuracy"]}
    columns = (Column(name, justify="right") for name in parts)
    table = Table("precision", *columns, title="Answers that stop where it is not sure", title_justify="left")
    for target, shares in hedging["fusion"].items():
        cells = (f"{sum(shares[key] for key in keys):.3f}" if keys[0] in shares else "–" for keys in parts.values())
        table.add_row(f"0.{target.split('_')[1]}", *cells)
    table.caption, table.caption_justify = "thresholds of the validation split, shares of the test split", "left"
    return table


def products_table(metrics: dict[str, Any]) -> Table:
    """Return the main metrics per row and per product side by side, as a table for the terminal."""
    columns = (Column(name, justify="right") for name in ("one by one", "per product"))
    table = Table("", *columns, title="Per product", title_justify="left")
    wanted = {f"accuracy by {name}": f"classification.{name}.accuracy" for name in ("image", "text", "fusion")}
    wanted |= {f"{short}, mean": f"retrieval.mean.{name}" for name, short in (("recall_at_1", "R@1"), ("map", "mAP"))}
    ones, products = dict(flatten(metrics)), dict(flatten(metrics["product"]))
    for name, path in wanted.items():
        if path in products:
            table.add_row(name, f"{ones[path]:.3f}", f"{products[path]:.3f}")
    several = f"{metrics['product']['of_several_items']:,} of several rows, by the mean of their embeddings and scores"
    table.caption, table.caption_justify = f"{metrics['product']['products']:,} products, {several}", "left"
    return table


def _kind_of_rows(catalogue: dict[str, Any]) -> str:
    """Return what the rows of a catalogue are: pictures, names, or items of either or both."""
    named = catalogue.get("with_name_only", 0)
    total = sum(catalogue["pictures"].get(name, 0) for name in (*SPLITS, UNSEEN))
    return "names" if named == total else "items" if named else "pictures"


def _told_of_new(new: dict[str, Any]) -> str:
    """Return what is said of the classes that the earlier model did not have."""
    told = f"{counted(new['classes'], 'class', 'classes')} new since the model that training began with"
    if "accuracy" in new:
        told += f": {counted(new['items'], 'test item')}, {new['accuracy']:.3f} of them classified rightly"
    return f"{told}; {new.get('taken_from_others', 0):.3f} of the other items are taken for one of these"


def metrics(context: typer.Context) -> None:
    """Show the metrics of the last run on the test split, and where to look further."""
    here: Run = context.obj
    values = read_json(here / paths.EVALUATE_METRICS, ["classification", "retrieval"])
    catalogue = read_json(here / paths.CATALOGUE_METRICS, ["pictures", "products", "classes"])
    pictures = catalogue["pictures"]
    if values.get("items", pictures["test"]) != pictures["test"]:
        raise InputError(
            f"{here / paths.EVALUATE_METRICS}: measured on {values['items']} test items, and the catalogue has "
            f"{pictures['test']} now: they are of another run. Run `dvc repro` to its end."
        )
    typer.echo(f"{catalogue['products']} products in {catalogue['classes']} classes")
    counts = (f"{pictures[name]} {name}" for name in ("train", "validation", "test", "rejected"))
    kind = _kind_of_rows(catalogue)
    typer.echo(f"{kind}: {', '.join(counts)}")
    for half in ("with_picture_only", "with_name_only"):
        if half in catalogue:
            typer.echo(f"{half.replace('_', ' ')}: {catalogue[half]}")
    if "unseen" in pictures:
        held_out = f"{pictures['unseen']} {kind} of {counted(catalogue['unseen_classes'], 'class', 'classes')}"
        typer.echo(f"held out: {held_out}, never learned from")
    torn = catalogue.get("products_in_several_splits")
    seen = f"; the given split has {torn} products in several splits" if torn else ", which training never saw"
    typer.echo(f"metrics of the test split{seen}:")
    try:
        shown = [accuracy_table(values), retrieval_table(values)]
        if "hedging" in values:
            shown.append(answers_table(values["hedging"]))
        if "product" in values:
            shown.append(products_table(values))
        if "baselines" in values:
            shown.append(baselines_table(values["baselines"]))
    except KeyError as error:
        raise InputError(
            f"{here / paths.EVALUATE_METRICS}: expected the metric {error}, found none: another version wrote the "
            "file. Run `dvc repro` to make it again."
        ) from error
    Console().print(*shown, sep="\n")
    if "new_classes" in values:
        typer.echo(_told_of_new(values["new_classes"]))
    for remark in values.get("baselines", {}).get("remarks", ()):
        Console().print(escape(remark), style="yellow")
    there = (here / paths.REPORT).is_file()  # Git keeps the metrics, and DVC the page
    typer.echo(f"report         {here / paths.REPORT}, {'a page for any browser' if there else 'after `dvc repro`'}")
    typer.echo(f"all metrics    {here / paths.EVALUATE_METRICS}")
    typer.echo("plots          dvc plots show (after: source .venv/bin/activate)")


def words(context: typer.Context) -> None:
    """Show how many words of the names and labels have a vector, and the most frequent that have none."""
    here: Run = context.obj
    keys = ["coverage", "names_emptied", "found_by", "most_frequent_missing"]
    values = read_json(here / paths.WORD_VECTOR_METRICS, keys)
    share = Column("share", justify="right")
    table = Table("of", share, title="Words with a vector of their own", title_justify="left")
    named = values["names_without"] or any(found for name, found in values["coverage"].items() if name != "labels")
    for name, found in values["coverage"].items():
        table.add_row({"labels": "the labels' words"}.get(name, f"the names' {name} words"), f"{found:.1%}")
    table.add_row("names, any word at all", f"{1 - values['names_without']:.1%}" if named else "–")
    told = Table.grid(padding=(0, 2))
    found_by = (f"{step.replace('_', ' ')} {count:,}" for step, count in values["found_by"].items())
    missing = (f"{word} {count:,}" for word, count in values["most_frequent_missing"].items())
    told.add_row("emptied", f"{values['names_emptied']:,} names: cleaning (preprocess_text) left no word of them")
    for name, those in (("found", found_by), ("missing", missing), ("of labels", values["missing_label_words"])):
        told.add_row(name, escape(", ".join(those)) or "none")
    told.add_row("every word", str(here / paths.WORDS), style="dim")
    Console().print(table, told)


def labels(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, max=20, help="Pairs of each end, or neighbours, to show.")] = 10,
    of: Annotated[str | None, typer.Option(help="Show the neighbours of every class whose path has this.")] = None,
) -> None:
    """Show the nearest and the farthest classes of the semantic graph, or the neighbours of some classes."""
    here: Run = context.obj
    values = read_json(here / paths.LABEL_METRICS, ["encoder", "tree_spearman"])
    train = read_yaml(here / paths.PARAMS).get("train") or {}
    if (train.get("graph") or {}).get("distances") == "tree" and values["encoder"] != "tree":
        typer.echo("training takes the steps of the class tree (train.graph.distances: tree), not these distances")
    if of is not None:
        Console().print(_neighbour_table(here, of, count))
        return
    pairs = read_text_table(here / paths.LABEL_PAIRS, ["distance", "hops"], ["end", "first", "second"])
    for end in ("nearest", "farthest"):
        columns = (
            *(Column(name, justify="right") for name in ("distance", "steps")),
            *(Column(name, overflow="fold") for name in ("class", "and class")),
        )
        title = f"The {end} classes (steps: between them in the class tree)"
        table = Table(*columns, title=title, box=SIMPLE, title_justify="left")
        for _, row in pairs[pairs["end"] == end].head(count).iterrows():
            table.add_row(f"{row['distance']:.4f}", str(row["hops"]), escape(row["first"]), escape(row["second"]))
        Console().print(table)
    rank = "no metric" if values["tree_spearman"] is None else f"{values['tree_spearman']:.2f}"
    typer.echo(f"distances by   {values['encoder']}")
    typer.echo(f"as in the tree {rank} (rank correlation with the steps; 1: the same order)")
    typer.echo(f"picture        {here / paths.REPORT}")


def _neighbour_table(here: Run, of: str, count: int) -> Table:
    # SciPy takes a second to import.
    from huse.labels.graph import class_distances  # noqa: PLC0415
    from huse.labels.neighbours import nearest_classes  # noqa: PLC0415

    graph = read_json(here / paths.LABELS, ["classes", "class_labels", "labels"])
    adjacency = read_array(here / paths.ADJACENCY, shape=(len(graph["labels"]),) * 2)
    nearest = nearest_classes(class_distances(adjacency, graph["class_labels"]), graph["classes"], count)
    chosen = {path: others for path, others in nearest.items() if of.casefold() in path.casefold()}
    if not chosen:
        raise InputError(
            f"{here / paths.LABELS}: expected a class whose path has {of!r}, found none of {len(nearest)}."
        )
    columns = (Column(name, overflow="fold") for name in ("class", "nearest first"))
    table = Table(*columns, title="Nearest classes, and their distances", box=SIMPLE, title_justify="left")
    for path, others in chosen.items():
        table.add_row(escape(path), escape(", ".join(f"{other} {distance:.3f}" for other, distance in others)))
    return table
