"""Commands that turn other people's data into a catalogue; pictures stay where they are."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import PIL.Image
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huse.catalogue.agreeing import separator_remark
from huse.catalogue.importing.cells import Cells, Pattern, SeveralClasses
from huse.catalogue.importing.entries import COLUMNS, Imported, kinds, summarise
from huse.catalogue.importing.fashion import import_fashion
from huse.catalogue.importing.folders import import_folders
from huse.catalogue.importing.food101 import import_food101
from huse.catalogue.importing.table import Columns, import_table
from huse.catalogue.importing.wikipedia import import_wikipedia
from huse.errors import InputError
from huse.experiments.copies import WOULD_LACK, lacking, track
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.editing import as_yaml, set_values
from huse.run.place import Run

SHOWN = 8  # kinds of reasons

app = typer.Typer(
    help="Turn other people's data into a catalogue, without copying a picture.",
    no_args_is_help=True,
    add_completion=False,
)

Output = Annotated[Path | None, typer.Option(help="CSV to write; none: data/imported/NAME.csv.")]
Apply = Annotated[bool, typer.Option("--apply", help="Write the catalogue's place into params.yaml.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a catalogue that is there.")]
MaxLeftOut = Annotated[
    float, typer.Option(min=0, max=1, help="A larger share left out, or kept without its picture, stops it.")
]
Folder = Annotated[Path, typer.Argument(help="Folder of the data set, unpacked.")]


@app.command()
def food101(
    context: typer.Context,
    folder: Folder,
    *,
    output: Output = None,
    apply: Apply = False,
    force: Force = False,
    max_left_out: MaxLeftOut = 0.5,
) -> None:
    """UPMC Food-101: titles of web pages and pictures of 101 dishes; its split is kept."""
    imported = import_food101(folder)
    _finish(context.obj, imported, output, "food101", max_left_out, apply=apply, force=force)


@app.command()
def wikipedia(
    context: typer.Context,
    folder: Folder,
    *,
    output: Output = None,
    apply: Apply = False,
    force: Force = False,
    max_left_out: MaxLeftOut = 0.5,
) -> None:
    """Wikipedia pairs of Rasiwasia et al. 2010: pictures and texts by their published features; its split is kept."""
    found, here = import_wikipedia(folder), context.obj

    def beside(outputs: Outputs, catalogue: Path) -> dict[str, Any]:
        """Write the vectors, and pictures of them where there are no others; return the parameters that name them."""
        files = {kind: catalogue.with_suffix(f".{kind}.parquet") for kind in ("images", "texts")}
        for table, file in zip((found.images, found.texts), files.values(), strict=True):
            outputs.table(file, table)
        params: dict[str, Any] = {
            "catalogue": {},
            "backbone": {"network": f"given:{here.named(files['images'])}", "weights": None},
            "finetune_backbone": {"epochs": 0},
            "text_vectors": {"encoders": ["given"], "given": {"file": here.named(files["texts"])}},
        }
        if found.drawn:
            pictures = catalogue.with_suffix(".pictures")
            params["catalogue"]["images"] = here.named(pictures)
            place = outputs.path(pictures)
            place.mkdir()
            for name, pixels in found.drawn.items():
                PIL.Image.fromarray(pixels).save(place / name)
        return params

    _finish(here, found.imported, output, "wikipedia", max_left_out, apply=apply, force=force, beside=beside)


@app.command()
def fashion(
    context: typer.Context,
    folder: Folder,
    *,
    output: Output = None,
    apply: Apply = False,
    force: Force = False,
    max_left_out: MaxLeftOut = 0.5,
) -> None:
    """Kaggle's Fashion Product Images: styles.csv, broken lines included, and images/."""
    imported = import_fashion(folder)
    _finish(context.obj, imported, output, "fashion", max_left_out, apply=apply, force=force)


@app.command()
def folders(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Folder of pictures; the folders in it are the levels of the classes.")
    ],
    *,
    captions: Annotated[Path | None, typer.Option(help="CSV or TSV of pictures and their captions.")] = None,
    image: Annotated[str | None, typer.Option(help="Its column of pictures; none: guessed, and said.")] = None,
    name: Annotated[str | None, typer.Option(help="Its column of captions; none: guessed, and said.")] = None,
    split_folders: Annotated[
        bool | None,
        typer.Option(
            "--split-folders/--no-split-folders",
            help="Whether folders such as train and test are splits, not classes; none: found out, and said.",
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names/--no-names", help="Without captions: whether files name their products.")
    ] = True,
    output: Output = None,
    apply: Apply = False,
    force: Force = False,
    max_left_out: MaxLeftOut = 0.5,
) -> None:
    """A folder tree of pictures, with a table of captions or without."""
    imported = import_folders(folder, captions, image, name, split_folders=split_folders, names=names)
    _finish(context.obj, imported, output, "folders", max_left_out, apply=apply, force=force)


@app.command()
def table(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Table with a header, or a product feed in XML.")],
    *,
    images: Annotated[Path | None, typer.Option(help="Picture folder; none: there are only names.")] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="Column of pictures: paths below that folder, or URLs. Several: repeat it.")
    ] = None,
    image_pattern: Annotated[
        str | None, typer.Option(help="Path below that folder, of columns: '{id:.3}/{id}.jpg'; instead of --image.")
    ] = None,
    split_images: Annotated[str | None, typer.Option(help="Between several pictures in a cell.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Column of the product's name; none: there are only pictures.")
    ] = None,
    classes: Annotated[list[str], typer.Option(help="Column of the class; once for each level, coarse to fine.")],
    separator: Annotated[str, typer.Option(help="Between the levels, where one column has the whole path.")] = "<",
    split_classes: Annotated[str | None, typer.Option(help="Between several class paths in a cell.")] = None,
    several_classes: Annotated[SeveralClasses, typer.Option(help="Which of several class paths to take.")] = "deepest",
    skip_levels: Annotated[int, typer.Option(min=0, help="Levels to leave out at the top.")] = 0,
    levels: Annotated[int | None, typer.Option(min=1, help="Levels to keep below them; none: all.")] = None,
    product: Annotated[
        list[str] | None, typer.Option(help="Column of the product's id. Several: the first that is not empty.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Column of the split, which is kept.")] = None,
    fill_down: Annotated[
        bool, typer.Option("--fill-down", help="Empty names and classes: from the row above, of the same product.")
    ] = False,
    join: Annotated[Path | None, typer.Option(help="Another table with more columns, one row a key.")] = None,
    on: Annotated[str | None, typer.Option(help="Column of the key in both tables, or ONE=OTHER.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between fields; none: found out, and said.")] = None,
    encoding: Annotated[str, typer.Option(help="Of the file, such as cp1252; auto: UTF-8, else guessed.")] = "auto",
    output: Output = None,
    apply: Apply = False,
    force: Force = False,
    max_left_out: MaxLeftOut = 0.5,
) -> None:
    """Any table or product feed, by the names of its columns."""
    pattern = None if image_pattern is None else Pattern.of(image_pattern)
    columns = Columns(name, classes, image or (), pattern, split, product or ())
    cells = Cells(separator, split_images, split_classes, several_classes, skip_levels, levels, fill_down)
    imported = import_table(file, images, columns, cells, delimiter=delimiter, encoding=encoding, join=join, on=on)
    _finish(context.obj, imported, output, "table", max_left_out, apply=apply, force=force)


def _finish(
    here: Run,
    imported: Imported,
    output: Path | None,
    name: str,
    max_left_out: float,
    *,
    apply: bool,
    force: bool,
    beside: Callable[[Outputs, Path], dict[str, Any]] = lambda outputs, catalogue: {"catalogue": {}},
) -> None:
    """Write the catalogue, and what stands `beside` it, which returns parameters; say, or apply, what to set."""
    output = output or here / paths.IMPORTED / f"{name}.csv"
    catalogue = imported.table()
    lost = [*imported.left_out, *imported.in_part]
    share = len(lost) / (len(imported.left_out) + len(catalogue))
    if share > max_left_out:
        kind, count, first = kinds(lost)[0]
        raise InputError(
            f"{imported.images}: {share:.0%} of the rows cannot be used as they are ({count:,} × {kind}, the first: "
            f"{first}). Is it the right place? --max-left-out allows more."
            + "".join(f"\n{remark}" for remark in imported.remarks)
        )
    if output.suffix.lower() != ".csv" or output.is_dir():
        raise InputError(f"{output}: expected the name of a CSV to write.")
    odd = output.with_suffix(f".rejected{output.suffix}")
    tables = {output: catalogue, odd: imported.odd_rows()}
    for place in tables:
        if place.exists() and any(place.samefile(read) for read in imported.tables):
            raise InputError(f"{place}: is what was imported, and would be lost. Give another --output.")
        if place.exists() and not force:
            raise InputError(f"{place}: is there already. Replace it with --force, or give another --output.")
    with Outputs() as outputs:
        for place, content in tables.items():
            outputs.path(place).write_text(content.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
        found = beside(outputs, output)
    facts = Table.grid(padding=(0, 2))
    for fact, value in summarise(catalogue).items():
        facts.add_row(fact, escape(value))
    Console().print(facts)
    lines = []
    for title, reasons in imported.actions().items():
        lines += [f"{title}: {len(reasons):,}"] if reasons else []
        lines += [f"  {count:,} × {kind}, the first: {first}" for kind, count, first in kinds(reasons)[:SHOWN]]
    forgotten = separator_remark(catalogue["classes"])
    lines += [
        *imported.remarks,
        *([forgotten] if forgotten else []),
        f"wrote {output}, and {odd} with every row that was not taken as it is",
    ]
    typer.echo("\n".join(lines))
    of_catalogue = {"csv": here.named(output), "encoding": "auto"}
    if (catalogue["image"] != "").any():
        of_catalogue["images"] = here.named(imported.images)
    columns = {column: column if column in catalogue else None for column in COLUMNS}
    found["catalogue"] = {**of_catalogue, **found["catalogue"], "columns": columns}
    params = here / paths.PARAMS
    if apply:
        lines = [*track(here, output), f"{params}:", *set_values(params, found)]
        lines += [f"{WOULD_LACK} {line}" for line in lacking(here)]
    else:
        lines = [f"in {params} (or by --apply):", *_as_lines(found)]
    typer.echo("\n".join(lines))


def _as_lines(values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _as_lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {as_yaml(value)}"
