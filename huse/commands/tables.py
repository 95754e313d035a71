"""What several commands share: tables of classified products that they read, and files that they write."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from csv import writer as csv_writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huse.errors import InputError
from huse.run.artifacts import Outputs
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from huse.catalogue.reading import Rejected

MaxRejected = Annotated[
    float, typer.Option(min=0, max=1, help="A larger share of rows left out, or kept in part, stops it.")
]


def check_output(output: Path, table: Path | None, option: str, ending: str, *, force: bool) -> None:
    """Refuse an output that has another ending, would replace the table that is read, or is there already.

    Args:
        output: file to write.
        table: file that is read; None: there is none.
        option: of the command that names the output.
        ending: of the output, such as ``.csv``.
        force: whether an output that is there may be replaced.

    Raises:
        InputError: says what to give in its place.
    """
    if output.suffix.lower() != ending or output.is_dir():
        raise InputError(f"{output}: expected a name that ends in {ending}, to write to ({option}).")
    if table is not None and output.exists() and table.exists() and output.samefile(table):
        raise InputError(f"{output}: is the table to read, and would be lost. Give another {option}.")
    if output.exists() and not force:
        raise InputError(f"{output}: is there already. Replace it with --force, or give another {option}.")


def check_outputs(output: Path | None, html: Path | None, table: Path | None, *, force: bool) -> None:
    """Do what `check_output` does for the CSV and the page of a command, where they are asked for."""
    for place, option, ending in ((output, "--output", ".csv"), (html, "--html", ".html")):
        if place is not None:
            check_output(place, table, option, ending, force=force)


def write_results(
    output: Path | None,
    html: Path | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    page: Callable[[], str],
) -> list[str]:
    """Write the CSV and the page of a command, where they are asked for, whole or not at all; return what to say."""
    with Outputs() as outputs:
        if output is not None:
            with outputs.path(output).open("w", encoding="utf-8", newline="") as file:
                writer = csv_writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)
        if html is not None:
            outputs.path(html).write_text(page(), encoding="utf-8")
    return [f"wrote {place}" for place in (output, html) if place is not None]


def in_folder(images: Iterable[str], folder: Path) -> list[str]:
    """Return paths of pictures with their folder before them; an empty one is none, and stays so."""
    return [str(folder / image) if image else "" for image in images]


def place_of(here: Run, given: Path | None, usual: Path) -> Path:
    """Return a folder that an option names, else the usual one of the run."""
    return here / usual if given is None else given


def read_products(csv: Path, folder: Path, columns: Mapping[str, str], most: float) -> "pd.DataFrame":
    """Read rows as the stage `catalogue` does; write those that are left out beside the file.

    Args:
        csv: the table, one row a picture.
        folder: that paths of pictures are relative to.
        columns: headers of `classes`, and of `image`, `name` and `product` where there are such columns.
        most: a larger share of rows left out, or kept in part, stops it.

    Returns:
        One row a picture: `product`, `image`, `name`, `classes`, `split` (empty), `group` (number of the product) and
        `line` (of the file).

    Raises:
        InputError: the file cannot be read, lacks a column, or too many rows cannot be used whole.
    """
    # These take a second to import.
    from functools import partial  # noqa: PLC0415

    from huse.catalogue.checking import check_rows, summarise_rejected  # noqa: PLC0415
    from huse.catalogue.reading import read_catalogue  # noqa: PLC0415
    from huse.catalogue.table import grouped, product_ids  # noqa: PLC0415
    from huse.engine.cores import cores  # noqa: PLC0415
    from huse.vision.decoding import inspect_picture  # noqa: PLC0415

    file = read_catalogue(
        csv,
        image=columns.get("image"),
        name=columns.get("name"),
        classes=columns["classes"],
        product=columns.get("product"),
        remedy=f"Rename the headers of the CSV: {', '.join(columns.values())} are read.",
    )
    for remark in file.remarks:
        logging.warning("%s", remark)
    inspect = partial(inspect_picture, max_pixels=CatalogueParams().max_pixels)
    checked = check_rows(file.rows, folder, inspect, workers=cores())
    rejected = [*file.rejected, *checked.rejected, *checked.in_part]
    if rejected:
        place = _write_rejected(csv, rejected)
        left_out = counted(len(rejected) - len(checked.in_part), "row")
        told = f"{left_out} of {csv} left out, {len(checked.in_part):,} kept in part"
        logging.warning("%s: see %s\n%s", told, place, summarise_rejected(rejected))
        share = len(rejected) / (len(file.rows) + len(file.rejected))
        if share > most or not checked.products:
            raise InputError(
                f"{csv}: {share:.1%} of the rows cannot be used whole, more than --max-rejected {most:.1%}."
            )
    table = grouped(checked.products)
    rows = table.assign(product=product_ids(table), split="")
    return rows[["product", "image", "name", "classes", "split", "group", "line"]]


def _write_rejected(csv: Path, rejected: "list[Rejected]") -> Path:
    import pandas as pd  # noqa: PLC0415

    place = csv.with_suffix(".rejected.csv")
    with Outputs() as outputs:
        outputs.table(place, pd.DataFrame([vars(row) for row in rejected]))
    return place
