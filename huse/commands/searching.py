"""Commands that ask the index, and those by which it grows."""

import io
import json
import logging
from csv import DictReader
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from huse.commands.places import check_images
from huse.commands.tables import (
    ClassesColumn,
    Encoding,
    ImageColumn,
    MaxRejected,
    NameColumn,
    ProductColumn,
    Separator,
    TableOptions,
    below,
    check_output,
    in_folder,
    model_of,
    place_of,
    read_products,
)
from huse.errors import InputError, for_terminal, log_to_terminal
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import Place, Remote, absolute, place
from huse.taxonomy import LEVEL_SEPARATOR
from huse.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from huse.use.index import Hit, Index
    from huse.use.model import Model

ModelFolder = Annotated[str | None, typer.Option("--model", help="Folder of the model, or its URL; none: data/model.")]
IndexFolder = Annotated[Path | None, typer.Option("--index", help="Folder of the index; none: data/index.")]
Pictures = Annotated[
    str | None,
    typer.Option("--images", help="Folder of the pictures, or its URL; none: that of the catalogue when it was made."),
]
Rows = Annotated[str, typer.Argument(help="CSV of classified products, one row a picture; or its URL.")]
MOST_HITS = 100_000
REMOVE = "remove"  # a decision on a page of `huse duplicates`


def search(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What to look for, such as a name.")] = None,
    *,
    image: Annotated[str | None, typer.Option(help="A picture to look for; with a text, both together.")] = None,
    kind: Annotated[str, typer.Option("--in", help="What is searched: pictures, names or products.")] = "products",
    classes: Annotated[
        str | None, typer.Option("--class", help="Only this class path; 'shoes<*': all below it too.")
    ] = None,
    where: Annotated[str | None, typer.Option(help='A condition in SQL, such as "price < 50".')] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=MOST_HITS, help="Hits, at most.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one list.")] = False,
    html: Annotated[Path | None, typer.Option(help="Page to write: a contact sheet.")] = None,
    model: ModelFolder = None,
    index: IndexFolder = None,
    images: Pictures = None,
) -> None:
    """Find the products that are nearest to a text, to a picture, or to both together."""
    text = None if text is None or not text.strip() else text
    if text is None and image is None:
        raise InputError("expected a text, --image, or both, found neither.")
    for said, what in ((text, "the text to look for"), (classes, "--class"), (where, "--where")):
        _check_text(said or "", what)
    picture = None if image is None else place(image)
    if picture is not None and not picture.is_file():
        raise InputError(f"{picture}: no such picture (--image). Give the file of one.")
    from huse.use.index import KINDS  # noqa: PLC0415  a second to import

    if kind not in KINDS:
        raise InputError(f"--in: expected {', '.join(KINDS)}, found {kind!r}.")
    if html is not None:
        check_output(html, picture if isinstance(picture, Path) else None, "--html", ".html", force=True)
    shop = _opened(context.obj, model, index, images)
    asked: dict[str, Any] = {"picture": picture, "kind": kind, "classes": classes, "where": where}
    hits = shop.index.search(text, k, **asked)
    if html is not None:
        _write_page(html, hits, shop, text, picture)
    if as_json:
        typer.echo(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False, indent=2))
        return
    if hits:
        Console().print(_table(hits))
    else:
        typer.echo(_nothing(shop.index, kind, narrowed=classes is not None or where is not None))
    if html is not None:
        typer.echo(f"wrote {html}")


def add(
    context: typer.Context,
    csv: Rows,
    *,
    images: Pictures = None,
    to_catalogue: Annotated[
        bool, typer.Option("--to-catalogue", help="Write them into catalogue.csv too, for the next training.")
    ] = False,
    image_column: ImageColumn = None,
    name_column: NameColumn = None,
    classes_column: ClassesColumn = None,
    product_column: ProductColumn = None,
    separator: Separator = LEVEL_SEPARATOR,
    encoding: Encoding = "auto",
    max_rejected: MaxRejected = 0.05,
    model: ModelFolder = None,
    index: IndexFolder = None,
) -> None:
    """Embed products and add them to the index; one that is there is replaced."""
    from huse.catalogue.appending import appended  # noqa: PLC0415  these take a second to import
    from huse.use.index import alone  # noqa: PLC0415

    options = TableOptions(image_column, name_column, classes_column, product_column, separator, encoding, max_rejected)
    shop = _opened(context.obj, model, index, images)
    params = context.obj.section(CatalogueParams, "catalogue") if to_catalogue else CatalogueParams()
    if to_catalogue and product_column and params.columns.product is None:
        raise InputError(
            "--product-column: the catalogue knows products by their names (catalogue.columns.product is null), so the "
            "next index would have these twice. Leave it out, or --to-catalogue, or give the catalogue ids."
        )
    products, cells = _read_products(shop, place(csv), options)
    rows = _for_catalogue(context.obj, shop, products, cells) if to_catalogue else []
    table = context.obj.place(params.csv) if rows else None
    if isinstance(table, Remote):
        raise InputError(f"{table}: no rows are written to object stores (--to-catalogue). Add them there yourself.")
    if table is not None:
        appended(table, rows, params.encoding)  # one that cannot be added to is told before the index grows
    _grow(shop, products)
    if table is not None:
        with alone(shop.index.folder), Outputs() as outputs:  # read again: others may have added to it meanwhile
            outputs.path(table).write_bytes(appended(table, rows, params.encoding))
        typer.echo(f"wrote {table}; `dvc repro` learns from them")


def update(
    context: typer.Context,
    csv: Rows,
    *,
    images: Pictures = None,
    image_column: ImageColumn = None,
    name_column: NameColumn = None,
    classes_column: ClassesColumn = None,
    product_column: ProductColumn = None,
    separator: Separator = LEVEL_SEPARATOR,
    encoding: Encoding = "auto",
    max_rejected: MaxRejected = 0.05,
    model: ModelFolder = None,
    index: IndexFolder = None,
) -> None:
    """Embed products of the index anew, in place of what is there; others are left out."""
    options = TableOptions(image_column, name_column, classes_column, product_column, separator, encoding, max_rejected)
    shop = _opened(context.obj, model, index, images)
    products, _ = _read_products(shop, place(csv), options)
    known = shop.index.known(products["product"].unique().tolist())
    others = products.loc[~products["product"].isin(known), "product"].unique()
    if len(others):
        logging.warning("left out, not in the index: %s, first %s", counted(len(others), "product"), others[0])
    if not known:
        raise InputError(f"{csv}: none of its {len(others)} products is in the index. `huse add` adds them.")
    _grow(shop, products[products["product"].isin(known)])


def remove(
    context: typer.Context,
    products: Annotated[list[str] | None, typer.Argument(help="Ids, as `huse search` shows them.")] = None,
    *,
    listed: Annotated[
        Path | None,
        typer.Option("--from", help="A text file with an id a line, or what a page of huse duplicates exports."),
    ] = None,
    index: IndexFolder = None,
) -> None:
    """Remove products from the index, all at once."""
    from huse.use.index import Index  # noqa: PLC0415  these take a second to import

    ids = list(products or [])
    for one in ids:
        _check_text(one, "an id")
    if listed is not None:
        ids += _listed(listed)
    if not ids:
        found = "neither" if listed is None else f"no id to remove in {listed}"
        raise InputError(f"expected ids of products, or --from FILE, found {found}.")
    ids = list(dict.fromkeys(ids))
    there = Index.open(place_of(context.obj, index, paths.INDEX))
    known = there.known(ids)
    unknown = [one for one in ids if one not in known]
    if len(unknown) == len(ids):
        others = f", nor of {counted(len(ids) - 1, 'other')}," if len(ids) > 1 else ""
        raise InputError(f"{ids[0]}: no product of that id{others} is in the index. `huse search` shows ids.")
    typer.echo(f"removed {counted(there.remove(ids), 'product')}")
    if unknown:
        typer.echo(f"not in the index: {counted(len(unknown), 'id')}, first {unknown[0]}")


def _check_text(said: str, what: str) -> None:
    """Refuse bytes of the command line that are no UTF-8, which Python keeps as surrogates."""
    try:
        said.encode("utf-8")
    except UnicodeEncodeError:
        found = said.encode("utf-8", "surrogateescape")
        raise InputError(
            f"{what}: expected UTF-8, found {found!r}. Set the terminal to UTF-8, and type it again."
        ) from None


def _listed(path: Path) -> list[str]:
    """Return the ids of a list; of a table with `product` and `decision`, those that are to be removed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of ids ({error}). Give a text file in UTF-8.") from None
    header = set(text.partition("\n")[0].strip().split(","))
    if {"product", "decision"} <= header:
        rows = DictReader(io.StringIO(text, newline=""))
        return [row["product"] for row in rows if row["decision"] == REMOVE and row["product"]]
    if {"product", "group"} <= header:
        raise InputError(
            f"{path}: nobody has decided on its products. Give what the page of `huse duplicates` exports."
        )
    return [line.strip() for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class _Shop:
    """What these commands work on.

    Attributes:
        model: embeds queries and products.
        index: of that model.
        folder: of the pictures.
    """

    model: "Model"
    index: "Index"
    folder: Place


def _opened(here: Run, model: str | None, index: Path | None, images: str | None) -> _Shop:
    given = check_images(images)
    # These take seconds to import.
    import huse  # noqa: PLC0415
    from huse.use.index import Index  # noqa: PLC0415

    log_to_terminal()
    loaded = huse.load(model_of(here, model))
    opened = Index.open(place_of(here, index, paths.INDEX), loaded)
    return _Shop(loaded, opened, absolute(place(opened.about["images"]) if given is None else given))


def _nothing(index: "Index", kind: str, *, narrowed: bool) -> str:
    """Say why nothing was found: by class or condition, where one was asked for, or because there is nothing."""
    if not narrowed:
        return f"no {kind} are in the index"
    first = next(filter(None, index.classes()), "")
    such = f"; a class is such as {first}" if first else ""
    return f"nothing of that class, or for that condition, is in the index{such}"


def _table(hits: "list[Hit]") -> Table:
    rows = [
        {
            "product": hit.product,
            "name": "" if hit.name == hit.product else hit.name,
            "class": hit.class_path,
            "picture": hit.image,
            **{name: _cell(value) for name, value in hit.further.items()},
        }
        for hit in hits
    ]
    filled = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    table = Table(Column("cosine", justify="right"), *(Column(name, overflow="fold") for name in filled))
    for hit, row in zip(hits, rows, strict=True):
        table.add_row(f"{hit.similarity:.3f}", *(escape(for_terminal(row[name])) for name in filled))
    return table


def _cell(value: str | float | None) -> str:
    """Return what a column holds as a catalogue would write it: whole numbers without a point."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value or ""


def _write_page(page: Path, hits: "list[Hit]", shop: _Shop, text: str | None, image: Place | None) -> None:
    from huse.use.pages import contact_sheet  # noqa: PLC0415

    title = f"Like {image.name}" if text is None and image is not None else text or ""
    content = contact_sheet(hits, shop.folder, title=title, told=f"{len(hits)} found, the nearest first", picture=image)
    with Outputs() as outputs:
        outputs.path(page).write_text(content, encoding="utf-8")


def _grow(shop: _Shop, products: "pd.DataFrame") -> None:
    """Embed products, and put them into the index."""
    from huse.progress import progress  # noqa: PLC0415
    from huse.use.growing import embed, in_batches, readable  # noqa: PLC0415

    products = readable(products, shop.model)
    known = shop.index.known(products["product"].unique().tolist())
    with progress(total=len(products), description="embed", unit="row") as bar:
        for batch in in_batches(products):
            shop.index.put(*embed(batch, shop.model, shop.folder))
            bar.update(len(batch))
    added = counted(products["product"].nunique() - len(known), "product")
    typer.echo(f"{added} added, {len(known)} replaced; {len(shop.index):,} embeddings in all")


def _for_catalogue(here: Run, shop: _Shop, products: "pd.DataFrame", cells: "pd.DataFrame") -> list[dict[str, str]]:
    """Return the rows of those products that the catalogue's CSV does not have, as `appended` takes them.

    Args:
        here: has the catalogue.
        shop: the index.
        products: that are added.
        cells: of their other columns, as they are written in the CSV.

    Raises:
        InputError: there is no catalogue here, rows cannot be added to it, or pictures lie elsewhere than its own.
    """
    from huse.catalogue.reading import plain_header  # noqa: PLC0415  as above

    params = here.section(CatalogueParams, "catalogue")
    there = shop.index.rows("origin = 'catalogue' AND kind = 'products'")["product"]
    new = products[~products["product"].isin(there)]
    if len(new) < len(products):
        logging.warning("%s: has %d of these rows' products already", params.csv, len(products) - len(new))
    if new.empty:
        return []
    folder = absolute(here.place(params.images))
    images = [below(shop.folder, image, folder) for image in new["image"]]
    if None in images:
        outside = new["image"].iloc[images.index(None)]
        raise InputError(f"{outside}: lies outside {folder} (catalogue.images). Copy the pictures there first.")
    columns, split = params.columns.of_products, params.columns.split
    own = new.assign(image=[image or "" for image in images])[list(columns)].rename(columns=columns)
    others = cells.loc[new.index]
    if split is not None and (plain_header(split) not in others or (others[plain_header(split)] == "").any()):
        raise InputError(
            f"{split}: the catalogue gives every row a split (catalogue.columns.split), and some of these have none. "
            "Add that column, with train, validation or test."
        )
    others = others.drop(columns=own.columns, errors="ignore")  # another column may be called as the catalogue's
    rows: list[dict[str, str]] = others.join(own).to_dict("records")  # type: ignore[assignment]
    return rows


def _read_products(shop: _Shop, csv: Place, options: TableOptions) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Read rows by `huse.commands.tables.read_products`, with the other columns of the CSV beside them.

    Returns:
        Rows as `huse.use.entries.entries` takes them; paths of pictures are as the index has them. And their other
        cells, as they are written.
    """
    from huse.catalogue.reading import read_further, typed  # noqa: PLC0415  these take a second to import
    from huse.use.entries import with_further  # noqa: PLC0415
    from huse.use.index import OWN  # noqa: PLC0415

    known = shop.index.about["columns"]
    home = absolute(place(shop.index.about["images"]))
    table = read_products(csv, shop.folder, options, known, shop.index.classes(), home=home)
    rows = table[["product", "image", "name", "classes", "split"]]
    if shop.folder != home:
        rows = rows.assign(image=in_folder(rows["image"], shop.folder))
    further = read_further(csv, encoding=options.encoding, used=options.headers(known).of.values())
    unknown = [str(name) for name in further if name not in {*shop.index.further, *OWN}]
    if unknown:
        logging.warning(
            "columns left out, since the index has none of that name: %s. An index has the columns that the catalogue "
            "had when it was made",
            ", ".join(unknown),
        )
    lacking = [name for name in shop.index.further if name not in further]
    if lacking:
        logging.warning("%s: has no column %s, which these products have empty then", csv, ", ".join(lacking))
    for name, bad in shop.index.no_numbers(further).items():
        cells = counted(len(bad), "cell is no number", "cells are no numbers")
        logging.warning("%s: %s in %s, and left empty, first %r", csv, cells, name, bad[0])
    others = further.reindex(table["line"]).fillna("").set_index(table.index)
    return with_further(rows, table["line"], typed(further)), others
