"""What several commands share: tables of classified products that they read, and files that they write."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from csv import writer as csv_writer
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huse.commands.places import check_writable
from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import Place, Remote, absolute, at
from huse.taxonomy import LEVEL_SEPARATOR
from huse.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from huse.catalogue.checking import Product
    from huse.catalogue.headers import Headers
    from huse.catalogue.reading import Rejected

# Which columns of a table hold what; where there is an index, "usual" are those of the catalogue that it was made of.
ImageColumn = Annotated[str | None, typer.Option(help="Column of pictures; none: the usual one, `image`, if any.")]
NameColumn = Annotated[str | None, typer.Option(help="Column of names; none: the usual one, `name`, if any.")]
ClassesColumn = Annotated[str | None, typer.Option(help="Column of class paths; none: the usual one, `classes`.")]
ProductColumn = Annotated[
    str | None, typer.Option(help="Column of ids of products; none: the usual one, `product`, if any.")
]
Separator = Annotated[str, typer.Option(help="Between the levels of a class path.")]
Encoding = Annotated[str, typer.Option(help="Of the CSV, such as cp1252; auto: UTF-8, else guessed.")]
MaxRejected = Annotated[
    float, typer.Option(min=0, max=1, help="A larger share of rows left out, or kept in part, stops it.")
]


@dataclass(frozen=True)
class TableOptions:
    """How the options of a command say that a table of classified products is read.

    Attributes:
        image: header of the column of pictures; None: the usual one. So are the next three.
        name: of names.
        classes: of class paths.
        product: of ids.
        separator: between the levels of a class path.
        encoding: see `huse.catalogue.records.Records`.
        most: a larger share of rows left out, or kept in part, stops it.
    """

    image: str | None
    name: str | None
    classes: str | None
    product: str | None
    separator: str
    encoding: str
    most: float

    @property
    def _named(self) -> dict[str, str | None]:
        return {"image": self.image, "name": self.name, "classes": self.classes, "product": self.product}

    def headers(self, known: Mapping[str, str] | None = None) -> "Headers":
        """Return the headers of its columns.

        Args:
            known: those of the catalogue of an index, which are the usual ones then.
        """
        from huse.catalogue.headers import Headers  # noqa: PLC0415  a tenth of a second to import

        return Headers.of_options(self._named, known)

    def refuse(self) -> None:
        """Refuse options that name columns, where there is no table.

        Raises:
            InputError: names one of them.
        """
        for kind, header in self._named.items():
            if header is not None:
                raise InputError(f"--{kind}-column: names a column of a CSV, and none is given. Leave it out.")


def check_output(output: Path, table: Place | None, option: str, ending: str, *, force: bool) -> None:
    """Refuse an output that has another ending, would replace the table that is read, or is there already.

    Args:
        output: file to write.
        table: that is read; None: there is none.
        option: of the command that names the output.
        ending: of the output, such as ``.csv``.
        force: whether an output that is there may be replaced.

    Raises:
        InputError: says what to give in its place.
    """
    if output.is_dir():
        raise InputError(f"{output}: is a folder. Give the name of a file that ends in {ending} ({option}).")
    if output.suffix.lower() != ending:
        raise InputError(f"{output}: expected a name that ends in {ending}, to write to ({option}).")
    if isinstance(table, Path) and output.exists() and table.exists() and output.samefile(table):
        raise InputError(f"{output}: is the table to read, and would be lost. Give another {option}.")
    if output.exists() and not force:
        raise InputError(f"{output}: is there already. Replace it with --force, or give another {option}.")
    check_writable(output)


def check_outputs(output: Path | None, html: Path | None, table: Place | None, *, force: bool) -> None:
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


def in_folder(images: Iterable[str], folder: Place) -> list[str]:
    """Return paths of pictures with their folder before them; an empty one is none, and stays so."""
    return [str(at(folder, image)) if image else "" for image in images]


def below(start: Place, image: str, folder: Place) -> str | None:
    """Return the path of a picture relative to a folder; None: it lies outside."""
    if not image:
        return ""
    file = absolute(at(start, image))
    if isinstance(file, Remote) or isinstance(folder, Remote):
        return str(file).removeprefix(f"{folder}/") if str(file).startswith(f"{folder}/") else None
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else None


def place_of(here: Run, given: Path | None, usual: Path) -> Path:
    """Return a folder that an option names, else the usual one of the run."""
    return here / usual if given is None else given


def model_of(here: Run, given: str | None) -> str | Path:
    """Return the folder of a model that an option names, or its URL; else that of the run."""
    return here / paths.MODEL if given is None else given


def read_products(
    csv: Place,
    folder: Place,
    options: TableOptions,
    known: Mapping[str, str] | None = None,
    classes: Mapping[str, int] | None = None,
    *,
    home: Place | None = None,
) -> "pd.DataFrame":
    """Read rows as the stage `catalogue` does, but keep those of different ids; write those left out beside the file.

    Args:
        csv: the table, one row a picture.
        folder: that paths of pictures are relative to.
        options: how the options of the command say that it is read.
        known: see `TableOptions.headers`.
        classes: those of an index; see `huse.catalogue.agreeing.join_spellings`.
        home: folder of the pictures of an index. What has neither id nor name is known by its path in it, as in the
            catalogue, or by its whole path where it lies outside; None: by its path in `folder`.

    Returns:
        One row a picture: `product`, `image`, `name`, `classes`, `split` (empty), `group` (number of the product) and
        `line` (of the file).

    Raises:
        InputError: the file cannot be read, lacks a column, or too many rows cannot be used whole.
    """
    # These take a second to import.
    from huse.catalogue.agreeing import join_spellings, joined_remark, separator_remark  # noqa: PLC0415
    from huse.catalogue.checking import check_rows  # noqa: PLC0415
    from huse.catalogue.importing.cells import pieces  # noqa: PLC0415
    from huse.catalogue.reading import read_catalogue  # noqa: PLC0415
    from huse.catalogue.table import grouped, product_ids  # noqa: PLC0415
    from huse.engine.work import here  # noqa: PLC0415
    from huse.vision.inspecting import inspect_pictures  # noqa: PLC0415

    if not options.separator:
        raise InputError("--separator: expected what stands between levels, such as '>'; found nothing.")
    file = read_catalogue(csv, options.headers(known), encoding=options.encoding)
    given = file.rows
    if options.separator != LEVEL_SEPARATOR:
        paths_of = [LEVEL_SEPARATOR.join(pieces(row.classes, options.separator)) for row in given]
        given = [replace(row, classes=path) for row, path in zip(given, paths_of, strict=True)]
    forgotten = separator_remark({row.classes for row in given}, "--separator '{mark}' takes them apart")
    for remark in filter(None, (*file.remarks, forgotten)):
        logging.warning("%s", remark)
    inspect = partial(inspect_pictures, max_pixels=CatalogueParams().max_pixels, spread=here)
    checked = check_rows(given, folder, inspect, by_id=True)
    _tell_rejected(csv, [*file.rejected, *checked.rejected], checked.in_part, len(checked.products), options.most)
    products = join_spellings(checked.products, classes)
    table = grouped(products)
    so = "All rows of a product are stored and judged as one"
    joined = joined_remark(products, table["group"].tolist(), "--product-column", so)
    for remark in filter(None, (_respelled(checked.products, products), joined)):
        logging.warning("%s: %s", csv, remark)
    known_by = table
    if home is not None and home != folder:
        whole = zip(table["image"], in_folder(table["image"], folder), strict=True)
        known_by = table.assign(image=[below(folder, image, home) or path for image, path in whole])
    rows = table.assign(product=product_ids(known_by), split="")
    return rows[["product", "image", "name", "classes", "split", "group", "line"]]


def _tell_rejected(csv: Place, rejected: "list[Rejected]", in_part: "list[Rejected]", sound: int, most: float) -> None:
    """Warn of rows that were left out or kept in part; raise an `InputError` where none is left, or too few are."""
    from huse.catalogue.checking import share_lost, summarise_rejected  # noqa: PLC0415  as above

    if not rejected and not in_part:
        return
    odd = [*rejected, *in_part]
    told = f"{counted(len(rejected), 'row')} of {csv} left out, {len(in_part):,} kept in part"
    logging.warning("%s: %s\n%s", told, _write_rejected(csv, odd), summarise_rejected(odd))
    share = share_lost(sound, rejected, in_part)
    if share > most or not sound:
        raise InputError(
            f"{csv}: {share:.1%} of the rows cannot be used whole, more than --max-rejected {most:.1%}. "
            "Mend them, or allow more."
        )


def _respelled(before: "Sequence[Product]", after: "Sequence[Product]") -> str:
    """Return a remark on products whose class paths are read in another spelling; empty if there is none."""
    changed = [
        f"{old.classes!r} as {new.classes!r}"
        for old, new in zip(before, after, strict=True)
        if old.classes != new.classes
    ]
    if not changed:
        return ""
    told = counted(len(changed), "class path is", "class paths are")
    return f"{told} read in another spelling, the first: {changed[0]}"


def _write_rejected(csv: Place, rejected: "list[Rejected]") -> str:
    """Write them beside the table, or here for one of an object store, where that can be done; return what to say."""
    import pandas as pd  # noqa: PLC0415

    place = (csv if isinstance(csv, Path) else Path(csv.name)).with_suffix(".rejected.csv")
    try:
        with Outputs() as outputs:
            outputs.table(place, pd.DataFrame([vars(row) for row in rejected]))
    except OSError as error:  # such as beside a table that may only be read
        return f"{place} cannot be written ({error.strerror})"
    return f"see {place}"
