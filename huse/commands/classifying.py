"""The command that classifies the products of a table by a model alone."""

import csv
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import huse
from huse.catalogue.checking import kind_of_reason
from huse.catalogue.headers import Headers
from huse.catalogue.unclassified import Unclassified, UnclassifiedTable
from huse.commands.places import check_images
from huse.commands.tables import Encoding, ImageColumn, NameColumn, check_outputs
from huse.descent import NAMED, PICTURED, WHOLE, Point, choose_points
from huse.errors import InputError
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.place import Run
from huse.storage import place
from huse.wording import counted

if TYPE_CHECKING:  # torch takes seconds to import
    from huse.use.decisions import Decision
    from huse.use.model import Model
    from huse.use.pages import Case

COLUMNS = (
    "class",
    "probability",
    "second",
    "second_probability",
    "by_picture",
    "by_name",
    "agree",
    "node",
    "node_probability",
    "remark",
)
ROWS = 64  # classified together; where one of their pictures is damaged, those before it are decoded twice
SHOWN = 8  # kinds of remarks
PAGE = 200  # rows of a page
KINDS = {WHOLE: "picture and name", PICTURED: "picture alone", NAMED: "name alone"}
NODES = {"class": "class", "above": "a node above it", "none": "nothing"}
UNKNOWN = "{0} left out, the model has learned from no {0}s"


def classify(
    context: typer.Context,
    table: Annotated[
        str, typer.Argument(help="CSV with a header, one row a product, as a catalogue without classes; or its URL.")
    ],
    *,
    output: Annotated[Path, typer.Option(help="CSV to write: the same rows and columns, and the predictions.")],
    model: Annotated[str | None, typer.Option(help="Folder of the model, or its URL; none: data/model.")] = None,
    images: Annotated[
        str | None,
        typer.Option(help="Folder that the paths of pictures are relative to, or its URL; none: that of the CSV."),
    ] = None,
    image_column: ImageColumn = None,
    name_column: NameColumn = None,
    precision: Annotated[
        float | None,
        typer.Option(help="Share of right nodes, such as 0.95: where less is sure, a node above the class."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Page to write: the rows that are least sure, to look at, tick, and export.")
    ] = None,
    show: Annotated[int, typer.Option(min=1, help="Rows on the page, at most.")] = PAGE,
    encoding: Encoding = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace an output that is there.")] = False,
) -> None:
    """Classify the products of a CSV by a model alone: by picture, by name, or by both."""
    here: Run = context.obj
    csv_file = place(table)
    check_outputs(output, html, csv_file, force=force)
    if precision is not None:
        choose_points({}, precision)  # a wrong one is told before anything is read
    pictures = check_images(images)
    headers = Headers.of_options({"image": image_column, "name": name_column})
    rows = UnclassifiedTable(csv_file, pictures or csv_file.parent, headers, encoding=encoding)
    taken = [column for column in COLUMNS if column in rows.header]
    if taken:
        raise InputError(f"{table}: has a column `{taken[0]}` already, as a prediction is called. Rename it.")
    loaded = huse.load(model or here / paths.MODEL)
    for remark in rows.remarks:
        typer.echo(remark, err=True)
    with Outputs() as outputs:
        told, unsure = _write(outputs.path(output), loaded, rows, precision, show if html is not None else 0)
        if html is not None:
            outputs.path(html).write_text(_page(csv_file.name, told, unsure), encoding="utf-8")
    lines = told.lines()
    if precision is not None:
        lines += _promised(loaded, precision, told)
    lines += [f"wrote {file}" for file in (output, html) if file is not None]
    typer.echo("\n".join(lines))


def _write(
    output: Path, model: "Model", rows: UnclassifiedTable, precision: float | None, most: int
) -> tuple["_Told", list["_Decided"]]:
    """Write the table with its predictions, row by row; return what was counted, and the rows that are least sure."""
    told, unsure = _Told(set(model.classes)), _Least(most)
    decisions = progress(_decisions(model, rows, precision), total=len(rows), description="classify", unit="row")
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*rows.header, *COLUMNS])
        for row, decision in decisions:
            one = _Decided(row, decision)
            writer.writerow([*row.cells, *one.cells()])
            told.count(one)
            unsure.take(one)
    return told, unsure.rows()


def _decisions(
    model: "Model", rows: Iterable[Unclassified], precision: float | None
) -> Iterator[tuple[Unclassified, "Decision"]]:
    """Yield each row with the decision on it; `ROWS` of them, and fewer of their pictures, are in memory at a time."""
    known = (_known(model, row) for row in rows)
    while batch := list(islice(known, ROWS)):
        pictures, names = [row.picture for row in batch], [row.name or None for row in batch]
        yield from zip(batch, model.decide(pictures, names, precision, errors="report"), strict=True)


def _known(model: "Model", row: Unclassified) -> Unclassified:
    """Return the row without what the model has not learned to read."""
    if row.picture is not None and not model.knows("image"):
        row = replace(row, picture=None, remarks=(*row.remarks, UNKNOWN.format("picture")))
    if row.name and not model.knows("text"):
        row = replace(row, name="", remarks=(*row.remarks, UNKNOWN.format("name")))
    return row


@dataclass(frozen=True)
class _Decided:
    """A row, and what was decided."""

    row: Unclassified
    decision: "Decision"

    @property
    def sureness(self) -> tuple[float, int]:
        """The probability of its class; of rows with none, less than any."""
        return (-1.0 if self.decision.probability is None else self.decision.probability), self.row.line

    @property
    def remarks(self) -> tuple[str, ...]:
        """Why a part of the row was left out, one each."""
        return self.row.remarks + self.decision.remarks

    def cells(self) -> list[str]:
        """Return the cells of `COLUMNS`."""
        decision = self.decision
        return [
            decision.class_path,
            _number(decision.probability),
            decision.second,
            _number(decision.second_probability),
            decision.by_picture,
            decision.by_name,
            {True: "yes", False: "no", None: ""}[decision.agree],
            decision.node,
            _number(decision.node_probability),
            "; ".join(self.remarks),
        ]


def _number(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.4f}"


@dataclass
class _Told:
    """Counts of what was decided.

    Attributes:
        kinds: rows by `KINDS`, of those with a class.
        agreeing: rows by whether picture and name say the same class; None: one of them is missing.
        nodes: rows with a class by what their node is: `class`, `above` it, or `none`.
        remarks: kinds of remarks, by the number of rows.
    """

    classes: set[str]
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    agreeing: Counter[bool | None] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)

    def count(self, one: _Decided) -> None:
        """Count a row."""
        decision = one.decision
        self.rows += 1
        self.remarks.update({kind_of_reason(remark) for remark in one.remarks})
        if not decision.class_path:
            return
        self.agreeing[decision.agree] += 1
        alone = PICTURED if decision.by_picture else NAMED
        self.kinds[alone if decision.agree is None else WHOLE] += 1
        self.nodes["class" if decision.node in self.classes else "above" if decision.node else "none"] += 1

    def lines(self) -> list[str]:
        """Return what to say in the end."""
        classified = self.kinds.total()
        kinds = ", ".join(f"{self.kinds[kind]:,} by {told}" for kind, told in KINDS.items() if self.kinds[kind])
        lines = [f"{counted(self.rows, 'row')}, {classified:,} classified{f': {kinds}' if kinds else ''}"]
        if self.rows > classified:
            lines.append(f"without a class: {self.rows - classified:,}, see the column remark")
        both = self.agreeing[True] + self.agreeing[False]
        if both:
            lines.append(f"picture and name agree on {self.agreeing[True] / both:.0%} of {both:,}")
        return lines + [f"  {count:,} × {kind}" for kind, count in self.remarks.most_common(SHOWN)]


def _promised(model: "Model", precision: float, told: _Told) -> list[str]:
    """Return what a precision costs by the validation split, for the kinds of rows that there were, and did here."""
    lines = [f"nodes for a precision of {precision:g}, by the validation split:"]
    for kind, point in choose_points(model.points, precision).items():
        if told.kinds[kind]:
            lines.append(f"  {KINDS[kind]}: {_shares(point)}")
    total = max(told.kinds.total(), 1)
    here = (f"{said} for {told.nodes[key] / total:.0%}" for key, said in NODES.items())
    return [*lines, f"  here: {', '.join(here)}"]


def _shares(point: Point | None) -> str:
    """Return how far down the tree the answers reach: ``class for 81 %, level 1 for 12 %, nothing for 7 %``."""
    if point is None:
        return "nothing, since no threshold reaches it"
    none, *above, whole = point.shares
    levels = [f"level {level} for {share:.0%}" for level, share in reversed(list(enumerate(above, start=1))) if share]
    return ", ".join([f"class for {whole:.0%}", *levels, f"nothing for {none:.0%}"])


class _Least:
    """The rows that are least sure, so many at most."""

    def __init__(self, most: int) -> None:
        self._most, self._kept = most, list[tuple[float, int, _Decided]]()

    def take(self, one: _Decided) -> None:
        """Keep a row, if it is among them."""
        sureness, line = one.sureness
        heapq.heappush(self._kept, (-sureness, -line, one))
        if len(self._kept) > self._most:
            heapq.heappop(self._kept)

    def rows(self) -> list[_Decided]:
        """Return them, the least sure first."""
        return sorted((one for *_, one in self._kept), key=lambda one: one.sureness)


def _page(table: str, told: _Told, unsure: list[_Decided]) -> str:
    from huse.use.pages import review  # noqa: PLC0415  a second to import

    paragraphs = [
        f"{len(unsure):,} of the {told.rows:,} rows of {table}, the least sure first.",
        "Tick the class that is right; another class has an empty cell in the CSV, to fill in. What you tick stays in "
        "this browser. Then export it as CSV.",
    ]
    return review([_case(one) for one in unsure], title="Least sure", told=paragraphs, file="decisions.csv")


def _case(one: _Decided) -> "Case":
    from huse.use.pages import Card, Case, Choice, shown_path  # noqa: PLC0415

    decision, name = one.decision, one.row.name or f"line {one.row.line}"
    likely = [(decision.class_path, decision.probability), (decision.second, decision.second_probability)]
    by = {"picture": decision.by_picture, "name": decision.by_name}
    if decision.agree is False:
        told = "; ".join(f"its {half} says {shown_path(said)}" for half, said in by.items())
    else:
        told = (
            f"by its {' and '.join(half for half, said in by.items() if said)}"
            if decision.class_path
            else "nothing to go by"
        )
    classes = [
        Choice(f"{shown_path(path)} ({share:.0%})", {"class": path})
        for path, share in likely
        if path and share is not None
    ]
    cells = {"line": str(one.row.line), "name": one.row.name, "class": ""}
    card = Card(one.row.picture, name, list(one.remarks), cells, [*classes, Choice("another class")])
    return Case(shown_path(decision.class_path) or "without a class", told, [card])
