"""Rows of a table, whatever it is written in: text, a product feed in XML, Google's list of categories."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, fromstring

from huse.catalogue.importing.entries import Imported
from huse.catalogue.importing.lines import Lines
from huse.catalogue.mending import says_nothing
from huse.catalogue.records import find_columns, marked_encoding, places_of, read_text
from huse.errors import InputError
from huse.kinds import HEAD
from huse.wording import counted

GOOGLE = "{http://base.google.com/ns/1.0}"
TAXONOMY = "# Google_Product_Taxonomy"
TAXONOMY_HEADER = ["google_product_category", "taxonomy"]


@dataclass
class Rows:
    """A table.

    Attributes:
        path: of the file.
        header: its columns.
        rows: the place of each, for messages, and its cells by column.
        feed: whether they are of a feed, where a list in a cell is a field that stands several times.
    """

    path: Path
    header: list[str]
    rows: list[tuple[str, dict[str, str]]]
    feed: bool = False


def read_rows(
    imported: Imported,
    path: Path,
    *,
    delimiter: str | None,
    encoding: str,
    wanted: Sequence[str],
    needed: Sequence[str],
) -> Rows:
    """Read a table.

    Args:
        imported: takes broken lines, remarks, and the file.
        path: the file.
        delimiter: see `huse.catalogue.records.Records`.
        encoding: see `huse.catalogue.records.Records`.
        wanted: see `huse.catalogue.records.Records`.
        needed: headers of columns that every row must have, in this table or in another that is joined to it.

    Raises:
        InputError: the file is missing, empty, undecodable or no table.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder. Give the table in it' if path.is_dir() else 'not found'}.")
    with path.open("rb") as file:
        start = file.read(HEAD)
    marked = marked_encoding(start)
    head = start.decode(marked or "utf-8", "ignore").lstrip().lower()
    if head.startswith(("<?xml", "<rss", "<feed")) and "<html" not in head:
        return _feed(imported, path, marked)
    if head.startswith(TAXONOMY.lower()):
        return _taxonomy(imported, path)
    lines = Lines(imported, path, delimiter=delimiter, encoding=encoding, wanted=wanted)
    places = [place for column in needed for place in places_of(lines.header, column)]
    rows = [(where, dict(zip(lines.header, record, strict=True))) for where, record in lines.rows(places)]
    return Rows(path, lines.header, rows)


class _Builder(TreeBuilder):
    """Refuses document types: nothing but them can declare entities, which read other files or grow without end."""

    def doctype(self, name: str, *_: str | None) -> None:
        raise InputError(f"it declares the document type {name}, which a feed does not need. Take that line out")


def _feed(imported: Imported, path: Path, encoding: str) -> Rows:
    """Read the items of a feed, RSS or Atom; repeated fields become a list, as JSON.

    Args:
        imported: takes a remark, and the file.
        path: the file.
        encoding: that its mark tells, which goes before what it declares; empty: none.
    """
    try:
        text = path.read_bytes().decode(encoding) if encoding else path.read_bytes()  # the parser knows no UTF-32
        root = fromstring(text, XMLParser(target=_Builder()))  # noqa: S314  see _Builder
    except (ParseError, InputError, LookupError, ValueError) as error:
        raise InputError(f"{path}: expected a product feed in XML; {error}.") from None
    items = [element for element in root.iter() if element.tag.rpartition("}")[2] in ("item", "entry")]
    if not items:
        raise InputError(f"{path}: expected a product feed with <item> or <entry>, found none in <{root.tag}>.")
    found = [_fields(item) for item in items]
    header = list(dict.fromkeys(name for fields in found for name in fields))
    imported.tables.append(path)
    imported.remarks.append(f"{path}: a feed in XML; its columns are the names of its fields without `g:`")
    if encoding not in ("", "utf-8-sig"):
        imported.remarks.append(f"{path}: read as {encoding}, by its mark or its zero bytes")
    empty = dict.fromkeys(header, "")
    rows = [(f"{path.name} item {number}", empty | fields) for number, fields in enumerate(found, 1)]
    return Rows(path, header, rows, feed=True)


def _fields(item: Element) -> dict[str, str]:
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for field in item:
        if field.text and field.text.strip():
            texts[field.tag].append(field.text.strip())
    fields = {tag: values[0] if len(values) == 1 else json.dumps(values) for tag, values in texts.items()}
    # A field of Google's goes before one of the same name of RSS or Atom.
    return {tag.rpartition("}")[2]: fields[tag] for tag in sorted(fields, key=lambda tag: tag.startswith(GOOGLE))}


def _taxonomy(imported: Imported, path: Path) -> Rows:
    """Read Google's list of categories with ids: ``166 - Apparel & Accessories > Clothing``."""
    text, remarks = read_text(path)
    lines = text.splitlines()
    imported.remarks += remarks
    found = [(number, re.match(r"(\d+) - (.+)", line)) for number, line in enumerate(lines, 1)]
    rows = [
        (f"{path.name} line {number}", dict(zip(TAXONOMY_HEADER, match.groups(), strict=True)))
        for number, match in found
        if match
    ]
    if not rows:
        raise InputError(f"{path}: expected Google's categories with ids (taxonomy-with-ids), found none with an id.")
    imported.tables.append(path)
    return Rows(path, TAXONOMY_HEADER, rows)


def take_numbers_whole(imported: Imported, table: Rows, columns: Iterable[str]) -> None:
    """Take ``.0`` off ids, where every one in a column has it: so pandas writes whole numbers beside an empty cell."""
    for column in columns:
        ids = [row[column].strip() for _, row in table.rows if not says_nothing(row[column])]
        if not ids or not all(re.fullmatch(r"\d+\.0", each) for each in ids):
            continue
        for _, row in table.rows:
            row[column] = row[column].strip().removesuffix(".0")
        imported.remarks.append(
            f"{counted(len(ids), 'id')} in column {column} of {table.path.name}, written as {ids[0]}, read as "
            f"{ids[0].removesuffix('.0')}"
        )


def join_rows(imported: Imported, table: Rows, other: Rows, on: str | None) -> Rows:
    """Add to each row of a table the columns of the row of another that has the same key.

    Args:
        imported: takes rows without a partner, keys that stand twice in the other table, and remarks.
        table: whose rows stay in their order; its own columns go before those of the other. A row without a key stays.
        other: one row a key.
        on: column of the key in both, or ``ONE=OTHER``; None: the only one that both have.

    Raises:
        InputError: there is no such column, or not one alone.
    """
    one, key = _keys(table, other, on)
    take_numbers_whole(imported, table, [one])
    take_numbers_whole(imported, other, [key])
    key_name = f"column {one}" if one else "the column without a header"
    partners: dict[str, dict[str, str]] = {}
    for where, row in other.rows:
        if partners.setdefault(row[key].strip(), row) is not row:
            imported.left_out.append(f"a second row of a key: {where}, {row[key]}")
    added = [name for name in other.header if name not in table.header]
    if key.casefold() == one.casefold():  # or an option that names it in a third case would mean both
        added = [name for name in added if name != key]
    joined, used = [], set()
    for where, row in table.rows:
        value = row[one].strip()
        if value in partners:
            used.add(value)
            joined.append((where, {**row, **{name: partners[value][name] for name in added}}))
        elif not value:  # a variant of the row above, or a product that has nothing there
            joined.append((where, {**row, **dict.fromkeys(added, "")}))
        else:
            imported.left_out.append(f"no row in {other.path.name}: {where}, {value}")
    left = len(partners) - len(used)
    imported.remarks.append(
        f"{table.path.name} and {other.path.name} are joined by {key_name}: "
        f"{counted(len(joined), 'row')}; {counted(left, 'row')} of {other.path.name} not asked for"
    )
    return Rows(table.path, [*table.header, *added], joined, feed=table.feed or other.feed)


def _keys(table: Rows, other: Rows, on: str | None) -> tuple[str, str]:
    """Return the headers of the key in two tables; see `join_rows`."""
    if on is None:
        common = [column for column in table.header if column in other.header]
        common = common or [column for column in table.header if places_of(other.header, column)]
        if len(common) != 1:
            found = ", ".join(map(repr, common)) or "none"
            raise InputError(
                f"{other.path}: expected one column that {table.path} has too, found {found}. Name it: --on"
            )
        on = common[0]
    one, differ, key = on.partition("=")
    if not differ or all(places_of(rows.header, on) for rows in (table, other)):
        one = key = on
    (at,), (other_at,) = (
        find_columns(rows.path, rows.header, {"--on": column}) for rows, column in ((table, one), (other, key))
    )
    return table.header[at], other.header[other_at]
