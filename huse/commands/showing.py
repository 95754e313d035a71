"""Commands that show what the last run found: its metrics, its words, its classes, its neighbours."""

from typing import Annotated, Any

import pandas as pd
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import read_array, read_json
from huse.run.place import Run


def accuracy_table(metrics: dict[str, Any]) -> Table:
    """Return the accuracies, with their intervals where there are some, as a table for the terminal."""
    table = Table(title="Classification", title_justify="left")
    table.add_column("by")
    for name in ("accuracy", "95 % interval", "top 5", "macro F1"):
        table.add_column(name, justify="right")
    intervals = metrics.get("intervals", {}).get("classification", {})
    for name in ("image", "text", "fusion", "log_linear"):
        values = metrics["classification"][name]
        ends = intervals.get(name, {}).get("accuracy")
        interval = f"{ends['low']:.3f} – {ends['high']:.3f}" if ends else "–"
        others = (f"{values[metric]:.3f}" for metric in ("top_5", "macro_f1"))
        table.add_row(name.replace("_", "-"), f"{values['accuracy']:.3f}", interval, *others)
    table.add_row("chance", f"{metrics['classification']['chance']['accuracy']:.3f}", style="dim")
    return table


def retrieval_table(metrics: dict[str, Any]) -> Table:
    """Return Recall@K, mAP and AHP in the four directions, their mean and its chance, as a table for the terminal."""
    columns = {"recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "map": "mAP", "ahp": "AHP"}
    table = Table(title="Retrieval", title_justify="left")
    table.add_column("query → found")
    for title in columns.values():
        table.add_column(title, justify="right")
    retrieval = metrics["retrieval"]
    rows = {direction.replace("_to_", " → "): values for direction, values in retrieval.items()}
    for name, values in (*rows.items(), ("chance", retrieval["mean"]["chance"])):
        cells = (f"{values[metric]:.3f}" if metric in values else "–" for metric in columns)
        table.add_row(name, *cells, style="dim" if name == "chance" else "")
    return table


def metrics(context: typer.Context) -> None:
    """Show the metrics of the last run on the test split, and where to look further."""
    here: Run = context.obj
    values = read_json(here / paths.EVALUATE_METRICS, ["classification", "retrieval"])
    catalogue = read_json(here / paths.CATALOGUE_METRICS, ["pictures", "products", "classes"])
    console = Console()
    pictures = catalogue["pictures"]
    console.print(f"{catalogue['products']} products in {catalogue['classes']} classes", highlight=False)
    console.print(
        f"pictures: {pictures['train']} train, {pictures['validation']} validation, {pictures['test']} test, "
        f"{pictures['rejected']} rejected",
        highlight=False,
    )
    if "unseen" in pictures:
        held_out = (
            f"held out: {pictures['unseen']} pictures of {catalogue['unseen_classes']} classes, never learned from"
        )
        console.print(held_out, highlight=False)
    torn = catalogue.get("products_in_several_splits")
    seen = f"; the given split has {torn} products in several splits" if torn else ", which training never saw"
    console.print(f"metrics of the test split{seen}:", highlight=False)
    try:
        shown = accuracy_table(values), retrieval_table(values)
    except KeyError as error:
        raise InputError(
            f"{here / paths.EVALUATE_METRICS}: expected the metric {error}, found none: another version wrote the "
            "file. Run `dvc repro` to make it again."
        ) from error
    console.print(*shown, sep="\n")
    console.print(f"report         {here / paths.REPORT}, a page for any browser", highlight=False, style="dim")
    console.print(f"all metrics    {here / paths.EVALUATE_METRICS}", highlight=False, style="dim")
    console.print("plots          dvc plots show (after: source .venv/bin/activate)", highlight=False, style="dim")


def words(context: typer.Context) -> None:
    """Show how many words of the names and labels have a vector, and the most frequent that have none."""
    here: Run = context.obj
    values = read_json(here / paths.WORD_VECTOR_METRICS, ["coverage", "found_by", "most_frequent_missing"])
    table = Table(title="Words with a vector of their own", title_justify="left")
    table.add_column("of")
    table.add_column("share", justify="right")
    for name, share in values["coverage"].items():
        table.add_row({"labels": "the labels' words"}.get(name, f"the names' {name} words"), f"{share:.1%}")
    table.add_row("names, any word at all", f"{1 - values['names_without']:.1%}")
    console = Console()
    console.print(table)
    told = Table.grid(padding=(0, 2))
    found = (f"{step.replace('_', ' ')} {count:,}" for step, count in values["found_by"].items())
    missing = (f"{word} {count:,}" for word, count in values["most_frequent_missing"].items())
    for name, those in (("found", found), ("missing", missing), ("of labels", values["missing_label_words"])):
        told.add_row(name, escape(", ".join(those)) or "none")
    told.add_row("every word", str(here / paths.WORDS), style="dim")
    console.print(told)


def labels(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, max=20, help="Pairs of each end, or neighbours, to show.")] = 10,
    of: Annotated[str | None, typer.Option(help="Show the neighbours of every class whose path has this.")] = None,
) -> None:
    """Show the nearest and the farthest classes of the semantic graph, or the neighbours of some classes."""
    here: Run = context.obj
    values = read_json(here / paths.LABEL_METRICS, ["encoder", "tree_spearman"])
    if of is not None:
        Console().print(_neighbour_table(here, of, count))
        return
    if not (here / paths.LABEL_PAIRS).is_file():
        raise InputError(f"{here / paths.LABEL_PAIRS}: not found. Run `dvc repro` to make it.")
    pairs = pd.read_csv(here / paths.LABEL_PAIRS, keep_default_na=False)  # a class may be called NA
    console = Console()
    for end in ("nearest", "farthest"):
        table = Table(
            title=f"The {end} classes (steps: between them in the class tree)", box=SIMPLE, title_justify="left"
        )
        table.add_column("distance", justify="right")
        table.add_column("steps", justify="right")
        table.add_column("class", overflow="fold")
        table.add_column("and class", overflow="fold")
        for _, row in pairs[pairs["end"] == end].head(count).iterrows():
            table.add_row(f"{row['distance']:.4f}", str(row["hops"]), escape(row["first"]), escape(row["second"]))
        console.print(table)
    rank = "no metric" if values["tree_spearman"] is None else f"{values['tree_spearman']:.2f}"
    console.print(f"distances by   {escape(values['encoder'])}", highlight=False)
    console.print(f"as in the tree {rank} (rank correlation with the steps; 1: the same order)", highlight=False)
    console.print(f"picture        {here / paths.REPORT}", highlight=False, style="dim")


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
    table = Table(title="Nearest classes, and their distances", box=SIMPLE, title_justify="left")
    table.add_column("class", overflow="fold")
    table.add_column("nearest first", overflow="fold")
    for path, others in chosen.items():
        table.add_row(escape(path), escape(", ".join(f"{other} {distance:.3f}" for other, distance in others)))
    return table
