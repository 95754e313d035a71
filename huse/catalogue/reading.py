"""Reads the catalogue's CSV row by row, so that a damaged row loses only itself."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import pandas as pd

from huse.catalogue.headers import Headers
from huse.catalogue.mending import mend, says_nothing
from huse.catalogue.records import Records, places_of
from huse.catalogue.splitting import renamed_remark, split_of
from huse.errors import InputError, shown
from huse.storage import Place
from huse.wording import counted

LARGEST = 2**53  # of the whole numbers that float64 tells apart
Action = Literal["left out", "repeated", "chosen", "kept in part", "repaired", "taken as empty"]


@dataclass(frozen=True)
class Row:
    """One row of the CSV: fields stripped, nothing checked.

    Attributes:
        line: of the file where the row starts, from 1.
        image: picture, relative to the picture folder.
        name: product name, line breaks and runs of white space become one space.
        classes: class path, levels joined by ``<``.
        split: given by the catalogue, or None.
        product: id of the product, or None.
        repairs: of name and class path, for messages; see `huse.catalogue.mending`.
    """

    line: int
    image: str
    name: str
    classes: str
    split: str | None = None
    product: str | None = None
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A row that was left out, kept without its picture or its name, repaired, or has a cell taken as empty; and why.

    A row that says what an earlier one says is `repeated`, one that `catalogue.several_classes` leaves out is `chosen`:
    they are left out too, but that is no fault.
    """

    line: int
    image: str
    name: str
    classes: str
    reason: str
    action: Action = "left out"

    @classmethod
    def of(cls, row: Row, reason: str, action: Action = "left out") -> "Rejected":
        """Say what was done with `row`, and why; a URL in place of a picture loses what may be a credential in it."""
        return cls(row.line, shown(row.image), row.name, row.classes, reason, action)


@dataclass(frozen=True)
class CatalogueFile:
    """The result of reading: complete rows, rejected rows, and remarks on encoding and delimiter."""

    rows: list[Row]
    rejected: list[Rejected]
    remarks: list[str]


def read_catalogue(path: Place, headers: Headers, *, encoding: str = "auto") -> CatalogueFile:
    """Read the CSV: one header line, quoted as RFC 4180 says.

    Args:
        path: the file, or an object of a store.
        headers: of its columns.
        encoding: see `huse.catalogue.records.Records`, which finds out the delimiter too.

    Raises:
        InputError: the file is missing, empty, undecodable, has no row, or lacks a column.
    """
    records = Records(path, encoding=encoding, wanted=headers.wanted)
    header = records.header
    if not header:
        raise InputError(
            f"{path}: line {records.line}: expected a header such as {','.join(headers.of.values())}; found none."
        )
    columns = headers.places(path, header)
    rows: list[Row] = []
    rejected: list[Rejected] = []
    splits: list[str] = []  # as they are written
    for line, record in records.rows(columns.values()):
        if isinstance(record, str):
            rejected.append(Rejected(line, "", "", "", record))
        else:
            fields = {kind: record[place] for kind, place in columns.items()}
            rows.append(_row(line, fields))
            splits.append(fields.get("split", ""))
    if not rows and not rejected:
        raise InputError(f"{path}: has a header but no products. Add one row a picture.")
    remarks = [*records.remarks, *rounded_remark(row.product for row in rows), *renamed_remark(splits)]
    return CatalogueFile(rows, rejected, remarks)


def read_further(path: Place, *, encoding: str, used: Iterable[str]) -> pd.DataFrame:
    """Read the other columns of a CSV, such as price or brand, as text.

    Args:
        path: the file.
        encoding: as in `read_catalogue`.
        used: headers of the columns that `read_catalogue` reads.

    Returns:
        By line of the file; columns are named by `plain_header`, so that they can stand in a condition, and numbered
        where several come to the same.
    """
    known = list(used)
    records = Records(path, encoding=encoding, wanted=known)
    taken = {place for name in known for place in places_of(records.header, name)}
    named = plain_headers(records.header, taken)
    rows = [(line, record) for line, record in records.rows(taken) if not isinstance(record, str)]
    cells = {name: [tidy(record[place]) for _, record in rows] for name, place in named.items()}
    return pd.DataFrame(cells, index=[line for line, _ in rows], dtype=object)


def typed(cells: pd.DataFrame) -> pd.DataFrame:
    """Return columns of text as float64 where all their cells are numbers; empty cells, and ``n/a``, are none.

    Codes stay text: a column with a leading zero, or with a number that float64 cannot hold.
    """

    def converted(column: "pd.Series[str]") -> "pd.Series[Any]":
        numbers = pd.to_numeric(column.replace("", None), errors="coerce").astype(float)
        of_numbers = numbers.notna() | column.map(says_nothing)
        codes = column.str.match(r"[+-]?0\d") | (numbers.abs() > LARGEST)
        return numbers if of_numbers.all() and numbers.notna().any() and not codes.any() else column

    return cells.apply(converted)


def plain_headers(header: Sequence[str], taken: Container[int]) -> dict[str, int]:
    """Return the places of the columns that are not taken, by `plain_header`; those that come to the same are numbered.

    Args:
        header: of a table.
        taken: places to leave out.
    """
    named: dict[str, int] = {}
    for place, name in enumerate(header):
        plain = plain_header(name)
        if place not in taken and plain:
            numbered = (f"{plain}_{number}" for number in count(2))
            named[plain if plain not in named else next(one for one in numbered if one not in named)] = place
    return named


def plain_header(name: str) -> str:
    """Return a header in lower case, all but letters, digits and underscores replaced; it begins with no digit.

    One without any of them, such as ``€``, is ``column``; an empty one stays empty.
    """
    plain = re.sub(r"\W+", "_", name.lower()).strip("_") or ("column" if name.strip() else "")
    return f"_{plain}" if plain[:1].isdigit() else plain


def _row(line: int, fields: dict[str, str]) -> Row:
    (name, of_name), (classes, of_classes) = mend(fields.get("name", ""), tags=True), mend(fields["classes"])
    repairs = (*(f"{kind} in the name" for kind in of_name), *(f"{kind} in the class path" for kind in of_classes))
    split, product = (tidy(fields[kind]) if kind in fields else None for kind in ("split", "product"))
    if product and says_nothing(product):  # or it would make one product of many
        repairs, product = (*repairs, f"no id of its product: {product!r} says nothing"), ""
    # Inner spaces stay in the picture's path, as a file name may have them.
    image = fields.get("image", "").strip()
    return Row(line, image, tidy(name), tidy(classes), split and (split_of(split) or split.lower()), product, repairs)


def rounded_remark(ids: Iterable[str | None]) -> list[str]:
    """Return a remark if ids are numbers that a spreadsheet has rounded, such as 4.01E+12."""
    rounded = [each for each in ids if each and re.fullmatch(r"\d([.,]\d+)?E\+\d+", each)]
    if not rounded:
        return []
    return [
        f"{counted(len(rounded), 'id of a product is a number', 'ids of products are numbers')} that a spreadsheet has "
        f"rounded, the first {rounded[0]!r}: different products may have one id. Export them as text"
    ]


def tidy(text: str) -> str:
    """Return a text in one line; runs of white space and control characters become one space."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())
