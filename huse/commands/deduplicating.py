"""The command that finds the same product twice in a shop."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huse.commands.places import check_images
from huse.commands.searching import REMOVE
from huse.commands.tables import (
    ClassesColumn,
    Encoding,
    ImageColumn,
    MaxRejected,
    NameColumn,
    ProductColumn,
    Separator,
    TableOptions,
    check_outputs,
    in_folder,
    place_of,
    read_products,
    write_results,
)
from huse.errors import log_to_terminal
from huse.run import paths
from huse.run.place import Run
from huse.storage import Place, absolute, at, place
from huse.taxonomy import LEVEL_SEPARATOR
from huse.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from huse.use.duplicates import Found, Group, Pair
    from huse.use.index import Index
    from huse.use.pages import Case

STEPS = 12.0
COLUMNS = ("group", "product", "name", "classes", "image", "by", "steps")
SHOWN = 200  # groups of a page, unless told otherwise
MOST_CARDS = 24  # products of a group on the page
TOLD = {
    "picture and name": "nearly the same picture, and a name with the same words",
    "picture": "nearly the same picture under another name",
    "name": "a name with the same words; the pictures are not the same",
}


def duplicates(
    context: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(help="CSV of classified products, or its URL: only groups with one of these. None: all."),
    ] = None,
    *,
    images: Annotated[
        str | None,
        typer.Option(help="Folder of the CSV's pictures, or its URL; none: that of the CSV; without one, the index's."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="CSV to write: a row a product of a group.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page to write: to look at, tick, and export as CSV.")] = None,
    steps: Annotated[
        float, typer.Option(help="Of 256, by which any part of a picture may differ from a copy of it.")
    ] = STEPS,
    show: Annotated[int, typer.Option(min=1, help="Groups on the page, at most.")] = SHOWN,
    image_column: ImageColumn = None,
    name_column: NameColumn = None,
    classes_column: ClassesColumn = None,
    product_column: ProductColumn = None,
    separator: Separator = LEVEL_SEPARATOR,
    encoding: Encoding = "auto",
    max_rejected: MaxRejected = 0.05,
    index: Annotated[Path | None, typer.Option("--index", help="Folder of the index; none: data/index.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that are there.")] = False,
) -> None:
    """Find the same product twice in the shop, by nearly the same picture, by the name, or by both."""
    from huse.use.duplicates import find_duplicates  # noqa: PLC0415  these take a second to import

    csv = None if table is None else place(table)
    check_outputs(output, html, csv, force=force)
    pictures = check_images(images)
    log_to_terminal()
    options = TableOptions(image_column, name_column, classes_column, product_column, separator, encoding, max_rejected)
    rows, asked = _rows(context.obj, csv, options, pictures, index)
    found = find_duplicates(rows, Path(), steps=steps, asked=asked)
    if found.unread:
        logging.warning("%s cannot be read, first %s", counted(len(found.unread), "picture"), found.unread[0])
    first = rows.drop_duplicates("product").set_index("product")
    wrote = write_results(output, html, COLUMNS, _lines(found.groups, first), lambda: _page(found, first, steps, show))
    typer.echo("\n".join([*_summary(found, rows["product"].nunique(), first), *wrote]))


def _rows(
    here: Run, csv: Place | None, options: TableOptions, images: Place | None, index: Path | None
) -> tuple["pd.DataFrame", set[str] | None]:
    """Return the rows to compare, with absolute paths of pictures, and of which products groups are wanted."""
    import pandas as pd  # noqa: PLC0415

    from huse.use.index import Index  # noqa: PLC0415

    usual = place_of(here, index, paths.INDEX)
    if csv is None:
        options.refuse()
        return _of_index(Index.open(usual), images), None
    shop = Index.open(usual) if index is not None or usual.is_dir() else None
    folder = absolute(images or csv.parent)
    known = (None, None) if shop is None else (shop.about["columns"], shop.classes())
    home = None if shop is None else absolute(place(shop.about["images"]))
    new = read_products(csv, folder, options, *known, home=home)
    new["image"] = in_folder(new["image"], folder)
    asked = set(new["product"])
    if shop is None:
        logging.info("%s: no index, so only the products of %s are compared with each other", usual, csv)
        return new, None
    there = _of_index(shop, None)
    return pd.concat([new, there[~there["product"].isin(asked)]], ignore_index=True), asked


def _of_index(index: "Index", images: Place | None) -> "pd.DataFrame":
    """Return a row for each picture and each name of an index."""
    rows = index.rows("kind != 'products'")
    folder = place(index.about["images"]) if images is None else absolute(images)
    pictured = (rows["kind"] == "pictures") & (rows["image"] != "")
    rows["image"] = [
        str(at(folder, image)) if seen else "" for image, seen in zip(rows["image"], pictured, strict=True)
    ]
    return rows


def _lines(groups: "list[Group]", first: "pd.DataFrame") -> Iterator[list[str]]:
    """Yield the cells of a row for each product of each group."""
    for number, group in enumerate(groups, start=1):
        for product, pair in zip(group.products, [None, *group.pairs], strict=True):
            row = dict(first.loc[product])
            by = ["first", ""] if pair is None else [pair.by, _steps(pair)]
            yield [str(number), product, row["name"], row["classes"], row["image"], *by]


def _steps(pair: "Pair") -> str:
    return "" if pair.difference is None else f"{pair.difference:.1f}"


def _page(found: "Found", first: "pd.DataFrame", steps: float, show: int) -> str:
    from huse.use.pages import review  # noqa: PLC0415

    shown = found.groups[:show]
    left = len(found.groups) - len(shown)
    told = [
        f"{counted(len(found.groups), 'group')} of products that may be one, the surest first"
        f"{f'; {left:,} more are not on this page' if left else ''}.",
        "Tick what to keep and what to remove; another product is one that is not the same as the first. What you tick "
        "stays in this browser. Then export it as CSV.",
        f"Two pictures are nearly the same where no part of one differs from the other by more than {steps:g} of 256 "
        "steps of brightness or colour. Two names are the same where all their words are.",
    ]
    cases = [_case(group, first) for group in shown]
    return review(cases, title="The same product twice", told=told, file="duplicates.csv")


def _case(group: "Group", first: "pd.DataFrame") -> "Case":
    from huse.use.pages import Card, Case, Choice, shown_path  # noqa: PLC0415

    cards = []
    for product, pair in list(zip(group.products, [None, *group.pairs], strict=True))[:MOST_CARDS]:
        row = dict(first.loc[product])
        lines = [shown_path(row["classes"])]
        if pair is not None and pair.difference is not None:
            lines.append(f"picture {pair.difference:.0f} steps from the first")
        cards.append(
            Card(
                at(Path(), row["image"]) if row["image"] else None,
                row["name"] or product,
                lines,
                {"product": product, "first": group.products[0]},
                [Choice("keep"), Choice(REMOVE), Choice("another product")],
            )
        )
    more = len(group.products) - len(cards)
    heading = counted(len(group.products), "product") + (f", {len(cards)} of them shown" if more else "")
    return Case(f"{heading}: {group.by}", TOLD[group.by], cards)


def _summary(found: "Found", products: int, first: "pd.DataFrame") -> list[str]:
    """Return what to say in the end."""
    from huse.use.duplicates import BY  # noqa: PLC0415

    lines = [f"{counted(products, 'product')}, {counted(len(found.groups), 'group')} of products that may be one"]
    for by in BY:
        groups = [group for group in found.groups if group.by == by]
        if groups:
            names = [first.loc[product]["name"] or product for product in groups[0].products[:2]]
            lines.append(f"  {len(groups):,} by {by}, such as {' | '.join(names)}")
    return lines
