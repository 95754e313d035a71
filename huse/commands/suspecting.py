"""The command that finds products which are probably filed under the wrong class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import typer

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
    check_outputs,
    in_folder,
    model_of,
    read_products,
    write_results,
)
from huse.engine.machine import Machine
from huse.errors import InputError, log_to_terminal
from huse.run import paths
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import Place, absolute, at, place
from huse.taxonomy import LEVEL_SEPARATOR
from huse.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from huse.experiments.folds import Filed
    from huse.taxonomy import ClassTree
    from huse.use.model import Model
    from huse.use.pages import Card, Case
    from huse.use.suspects import Suspect

    Floats: TypeAlias = npt.NDArray[np.float32]

KINDS = {"both": "", "image": "_by_picture", "text": "_by_name"}
COLUMNS = (
    "product",
    "image",
    "name",
    "filed",
    "proposed",
    *(f"{which}_probability{kind}" for kind in KINDS.values() for which in ("filed", "proposed")),
    "level",
    "nearest",
    "nearest_as_filed",
    "nearest_as_proposed",
    "why",
)
FEWEST = 2  # products of a class, so that there is another to judge one by
BATCH = 32  # pictures that are encoded together
SHOWN = 200  # suspects on the page, unless told otherwise
BESIDE = 4  # neighbours of each on the page
EXAMPLES = 3  # suspects that the command names
LARGEST = 2**31 - 1  # seed: each fold adds its number, and must stay below 2**32


def suspects(
    context: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(help="CSV of classified products, one row a picture, or its URL; none: the run's catalogue."),
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option(help="CSV to write: a row a suspect, the most suspicious first.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Page to write: to look at, tick, and export as CSV.")] = None,
    images: Annotated[
        str | None, typer.Option(help="Folder of the pictures, or its URL; none: that of the CSV, or of the catalogue.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Folder of the model whose encoders read the CSV, or its URL; none: data/model.")
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="So many suspects; none: as long as a look finds more wrong than right classes."),
    ] = None,
    show: Annotated[int, typer.Option(min=1, help="Suspects on the page, at most.")] = SHOWN,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Of folds and towers.")] = 0,
    image_column: ImageColumn = None,
    name_column: NameColumn = None,
    classes_column: ClassesColumn = None,
    product_column: ProductColumn = None,
    separator: Separator = LEVEL_SEPARATOR,
    encoding: Encoding = "auto",
    max_rejected: MaxRejected = 0.05,
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that are there.")] = False,
) -> None:
    """Find products that are probably filed under the wrong class, with the class proposed and why."""
    # These take seconds to import.
    from huse.engine.work import open_for_several  # noqa: PLC0415
    from huse.experiments.folds import check, out_of_sample  # noqa: PLC0415
    from huse.use.suspects import BOTH, rank  # noqa: PLC0415
    from huse.use.suspects import suspects as found_in  # noqa: PLC0415

    csv = None if table is None else place(table)
    check_outputs(output, html, csv, force=force)
    options = TableOptions(image_column, name_column, classes_column, product_column, separator, encoding, max_rejected)
    if csv is None:
        options.refuse()
    if csv is None and model is not None:
        raise InputError(f"{model}: reads the pictures and names of a CSV (--model), and none is given. Leave it out.")
    pictures = check_images(images)
    log_to_terminal()
    if csv is None:
        rows = _of_run(context.obj, pictures)
    else:
        reader = _load(context.obj, model)  # a wrong one is told before pictures are looked at
        folder = absolute(csv.parent if pictures is None else pictures)
        rows = _Rows.of(_with_folder(read_products(csv, folder, options), folder))
    try:
        check(rows.filed)
        if csv is not None:
            rows = rows.encoded(reader)
        with open_for_several(_machine(context.obj)) as spread:
            known = out_of_sample(rows.filed, seed, spread)
    except InputError as error:
        raise InputError(f"{'the catalogue' if table is None else table}: {error}") from None
    filed, tree = rows.filed, rows.tree
    judged = rows.judged(known.probabilities[BOTH])
    ranking = rank(known.probabilities[BOTH], filed.filed, tree, judged)
    found = found_in(
        ranking, known.probabilities, filed.filed, tree, near=(known.neighbours, known.similarities), most=most
    )
    cells = (_cells(one, rows) for one in found)
    wrote = write_results(output, html, COLUMNS, cells, lambda: _page(found, rows, show))
    lines = _summary(found, rows, int((~judged).sum()))
    if most is not None:
        lines.append(f"worth a look, by estimate: the first {ranking.listed:,}")
    typer.echo("\n".join([*lines, *wrote]))


def _machine(here: Run) -> Machine:
    """Return where to compute: as the run says it, if the command is called in one."""
    return here.section(Machine, "machine") if (here / paths.PARAMS).is_file() else Machine()


@dataclass(frozen=True)
class _Rows:
    """The products of a shop.

    Attributes:
        table: one row a picture, with `product`, `image`, `name`, `classes`, and `picture`, the file to show; in an
            order that is theirs alone, so where they stood changes nothing.
        filed: the same, as encoders see them; without vectors before `encoded`.
    """

    table: "pd.DataFrame"
    filed: "Filed"

    @classmethod
    def of(cls, table: "pd.DataFrame", images: "Floats | None" = None, texts: "Floats | None" = None) -> Self:
        """Order a table; vectors are in the order given."""
        import numpy as np  # noqa: PLC0415
        import pandas as pd  # noqa: PLC0415

        from huse.experiments.folds import Filed  # noqa: PLC0415

        ordered = table.reset_index(drop=True).sort_values(["product", "classes", "image", "name"], kind="stable")
        order, ordered = ordered.index.to_numpy(), ordered.reset_index(drop=True)
        known = sorted(set(ordered["classes"]))
        number = {path: index for index, path in enumerate(known)}
        none = np.zeros((len(ordered), 1), np.float32)
        filed = Filed(
            images=none if images is None else images[order],
            texts=none if texts is None else texts[order],
            names=ordered["name"].tolist(),
            pictured=(ordered["image"] != "").to_numpy(),
            products=pd.factorize(ordered["product"])[0].astype(np.int64),
            classes=np.array([number[path] for path in ordered["classes"]], dtype=np.int64),
            paths=known,
        )
        return cls(ordered, filed)

    @cached_property
    def tree(self) -> "ClassTree":
        """Of the class paths."""
        from huse.taxonomy import ClassTree  # noqa: PLC0415

        return ClassTree.of(self.filed.paths)

    @cached_property
    def _shown(self) -> "pd.DataFrame":
        """A row a filing, by its number: its product and class, its first picture and its first name."""
        table = self.table.replace("", None).groupby(self.filed.filings)  # `first` is the first that is there
        return table[["product", "classes", "picture", "name"]].first().fillna("")

    def shown(self, filing: int) -> dict[str, str]:
        """Return what is shown of a filing: `product`, `classes`, `picture` and `name`."""
        return {str(column): str(cell) for column, cell in self._shown.loc[filing].items()}

    def judged(self, probabilities: "Floats") -> "npt.NDArray[np.bool_]":
        """Return which filings can be judged: those with a probability, in a class of `FEWEST` products or more."""
        import numpy as np  # noqa: PLC0415

        sizes = np.bincount(self.filed.filed, minlength=len(self.filed.paths))
        judged: npt.NDArray[np.bool_] = (sizes[self.filed.filed] >= FEWEST) & ~np.isnan(probabilities[:, 0])
        return judged

    def encoded(self, model: "Model") -> "_Rows":
        """Return those that the model's encoders can read, with vectors of them.

        Raises:
            InputError: the model has learned from neither pictures nor names that they have.
        """
        from huse.use.growing import readable  # noqa: PLC0415  a second to import

        rows = _Rows.of(readable(self.table, model))
        pictures = [at(Path(), image) if image else None for image in rows.table["image"]]
        images = _encode(pictures, lambda: model.image_encoder, "picture")
        texts = _encode([name or None for name in rows.filed.names], lambda: model.text_encoder, "name")
        return replace(rows, filed=replace(rows.filed, images=images, texts=texts))


def _of_run(here: Run, images: Place | None) -> _Rows:
    """Return the products of the run's catalogue, with the vectors that its stages made."""
    from huse.catalogue.table import product_ids  # noqa: PLC0415
    from huse.run.artifacts import read_table, read_vectors  # noqa: PLC0415

    if not (here / paths.PRODUCTS).is_file():
        raise InputError(
            f"{here / paths.PRODUCTS}: not found. Give a CSV of products, or run `dvc repro` for the catalogue."
        )
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "split", "group"])
    pictures, texts = (
        read_vectors(here / place, products=products, views=views)
        for place, views in ((paths.IMAGE_VECTORS, True), (paths.TEXT_VECTORS, False))
    )
    own = here.section(CatalogueParams, "catalogue").images
    folder = absolute(here.place(own) if images is None else images)
    table = products[["image", "name", "classes"]].assign(product=product_ids(products))
    return _Rows.of(_with_folder(table, folder), pictures[0], texts)


def _with_folder(table: "pd.DataFrame", folder: Place) -> "pd.DataFrame":
    """Return a table with absolute paths of pictures, which are those to show too."""
    absolute = in_folder(table["image"], folder)
    return table.assign(image=absolute, picture=absolute)


def _load(here: Run, model: str | None) -> "Model":
    import huse  # noqa: PLC0415

    return huse.load(model_of(here, model))


def _encode(items: Sequence[Any], opened: Callable[[], Any], unit: str) -> "Floats":
    """Return N × F float32, zeros where an item is None; the encoder is opened only if there is one."""
    import numpy as np  # noqa: PLC0415

    from huse.progress import progress  # noqa: PLC0415

    rows = [row for row, item in enumerate(items) if item is not None]
    if not rows:
        return np.zeros((len(items), 1), np.float32)
    encoder = opened()
    vectors = np.zeros((len(items), encoder.dimension), np.float32)
    with progress(total=len(rows), description="reading", unit=unit) as bar:
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            vectors[some] = encoder.encode([items[row] for row in some])
            bar.update(len(some))
    return vectors


def _cells(one: "Suspect", rows: _Rows) -> list[str]:
    """Return the cells of `COLUMNS`."""
    shown, classes = rows.shown(one.filing), rows.filed.paths
    probabilities = [
        f"{value:.4f}" if kind in one.probabilities else ""
        for kind in KINDS
        for value in one.probabilities.get(kind, (0.0, 0.0))
    ]
    counts = [sum(near.filed == number for near in one.neighbours) for number in (one.filed, one.proposed)]
    nearest = " | ".join(
        f"{rows.shown(near.filing)['product']} ({classes[near.filed]}, {near.similarity:.3f})"
        for near in one.neighbours
    )
    return [
        *(shown[column] for column in ("product", "picture", "name")),
        classes[one.filed],
        classes[one.proposed],
        *probabilities,
        str(one.level),
        nearest,
        *map(str, counts),
        one.why,
    ]


def _page(found: "list[Suspect]", rows: _Rows, show: int) -> str:
    from huse.use.pages import review  # noqa: PLC0415

    left = len(found) - len(found[:show])
    told = [
        f"{counted(len(found), 'product')} that may be filed under the wrong class, the most suspicious first"
        f"{f'; {left:,} more are not on this page' if left else ''}.",
        "Tick what to move and what to keep; another class has an empty cell in the CSV, to fill in. What you tick "
        "stays in this browser. Then export it as CSV.",
    ]
    return review(
        [_case(one, rows) for one in found[:show]],
        title="Probably filed under the wrong class",
        told=told,
        file="suspects.csv",
    )


def _case(one: "Suspect", rows: _Rows) -> "Case":
    from huse.use.pages import Case, Choice, shown_path  # noqa: PLC0415

    filed, proposed = (rows.filed.paths[number] for number in (one.filed, one.proposed))
    of = one.probabilities["both"]
    lines = [f"filed under {shown_path(filed)} ({of[0]:.0%})", f"proposed: {shown_path(proposed)} ({of[1]:.0%})"]
    cells = {"product": rows.shown(one.filing)["product"], "from": filed, "to": filed}
    choices = [
        Choice("move", {"to": proposed}),
        Choice("keep", {"to": filed}),
        Choice("another class", {"to": ""}),
    ]
    beside = [
        _card(near.filing, rows, [shown_path(rows.filed.paths[near.filed]), f"cosine {near.similarity:.2f}"])
        for near in one.neighbours[:BESIDE]
    ]
    card = _card(one.filing, rows, lines, cells, choices)
    return Case(f"{shown_path(filed)} → {shown_path(proposed)}", one.why, [card], beside, "nearest products")


def _card(filing: int, rows: _Rows, lines: list[str], cells: Any = None, choices: Any = ()) -> "Card":
    from huse.use.pages import Card  # noqa: PLC0415

    shown = rows.shown(filing)
    picture = at(Path(), shown["picture"]) if shown["picture"] else None
    return Card(picture, shown["name"] or shown["product"], lines, cells or {}, choices)


def _summary(found: "list[Suspect]", rows: _Rows, unjudged: int) -> list[str]:
    """Return what was found."""
    products, classes = len(set(rows.filed.products.tolist())), len(rows.filed.paths)
    told = f"{counted(products, 'product')} in {counted(classes, 'class', 'classes')}"
    lines = [f"{told}, {counted(len(found), 'suspect')}"]
    if unjudged:
        lines.append(f"not judged: {counted(unjudged, 'product')} alone in a class, or with nothing to go by")
    for one in found[:EXAMPLES]:
        shown, paths = rows.shown(one.filing), rows.filed.paths
        lines.append(f"  {shown['name'] or shown['product']}: {paths[one.filed]} → {paths[one.proposed]}")
    return lines
