"""Any table of products; the user names its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from huse.catalogue.importing.cells import NOTHING, Cells, Pattern, between_pictures, ends_in_nothing, is_broken_list
from huse.catalogue.importing.entries import Imported
from huse.catalogue.importing.pictures import Pictures
from huse.catalogue.importing.sources import Rows, join_rows, read_rows, take_numbers_whole
from huse.catalogue.mending import says_nothing
from huse.catalogue.reading import rounded_remark
from huse.catalogue.records import find_columns
from huse.catalogue.splitting import renamed_remark, split_of
from huse.errors import InputError
from huse.wording import counted


@dataclass(frozen=True)
class Columns:
    """Headers of a table.

    Attributes:
        name: the product's name, if the table has one.
        classes: the class: one column a level, coarse to fine, or one with whole paths.
        image: the pictures: paths below the picture folder, or URLs.
        image_pattern: composes the picture's path of other columns instead; see `Pattern`.
        split: the split, if the table has one.
        product: ids of the product; of several columns, the first that is not empty in a row.
    """

    name: str | None
    classes: Sequence[str]
    image: Sequence[str] = ()
    image_pattern: Pattern | None = None
    split: str | None = None
    product: Sequence[str] = ()

    def options(self) -> dict[str, str]:
        """Return the option that names each column."""
        single = {"--name": self.name, "--split": self.split}
        several = {"image": self.image, "image-pattern": self.of_pattern()}
        several |= {"classes": self.classes, "product": self.product}
        return {option: column for option, column in single.items() if column is not None} | {
            f"--{kind} {column}": column for kind, columns in several.items() for column in columns
        }

    def needed(self) -> list[str]:
        """Return the columns that every row must have; others may be empty, and are so in a row that ends before."""
        pictures = [*self.image[:1], *self.of_pattern()]
        return [column for column in (self.name, *self.classes[:1], *pictures) if column is not None]

    def of_pattern(self) -> list[str]:
        """Return the columns that the pattern of pictures names; none: there is none."""
        return [] if self.image_pattern is None else self.image_pattern.columns()

    def spelled(self, headers: Mapping[str, str]) -> "Columns":
        """Return the columns by the headers that the table has, given for each that an option names."""
        return replace(
            self,
            name=None if self.name is None else headers[self.name],
            classes=[headers[column] for column in self.classes],
            image=[headers[column] for column in self.image],
            image_pattern=self.image_pattern and self.image_pattern.spelled(headers),
            split=None if self.split is None else headers[self.split],
            product=[headers[column] for column in self.product],
        )

    def product_of(self, row: dict[str, str]) -> str:
        """Return the id of a row's product; empty: it has none."""
        # WooCommerce writes `id:` before the id of a parent without an article number.
        return next((row[column].strip().removeprefix("id:") for column in self.product if row[column].strip()), "")


def import_table(
    path: Path,
    images: Path | None,
    columns: Columns,
    cells: Cells,
    *,
    delimiter: str | None = None,
    encoding: str = "auto",
    join: Path | None = None,
    on: str | None = None,
) -> Imported:
    """Read a table of text, or a product feed in XML.

    Args:
        path: the file.
        images: the picture folder; None: there are only names.
        columns: the headers.
        cells: how its cells are read.
        delimiter: see `huse.catalogue.records.Records`.
        encoding: see `huse.catalogue.records.Records`.
        join: another table, one row a key, whose columns are added; see `join_rows`.
        on: column of the key.

    Raises:
        InputError: a table or the folder is missing, or lacks a column; or an option is wrong.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise InputError(f"--delimiter: expected one character, found {delimiter!r}. A tab: --delimiter $'\\t'")
    if not cells.separator:
        raise InputError("--separator: expected what stands between levels, such as '>'; found nothing.")
    if bool(columns.image) + bool(columns.image_pattern) != (images is not None):
        raise InputError("expected --images and one of --image and --image-pattern, or, for names alone, none of them.")
    if images is None and columns.name is None:
        raise InputError("expected --name, or pictures: --images and --image; found neither.")
    imported = Imported(images or path.parent, path)
    pictures = None if images is None else Pictures(imported)
    options = columns.options()
    read = partial(read_rows, imported, delimiter=delimiter, encoding=encoding, needed=columns.needed())
    table = read(path, wanted=list(options.values()) if join is None else [])
    if join is not None:
        other = read(join, wanted=[])
        table = join_rows(imported, table, other, on)
    places = find_columns(path, table.header, options)
    columns = columns.spelled({column: table.header[at] for column, at in zip(options.values(), places, strict=True)})
    _empty_cells(imported, pictures, table, columns, fill_down=cells.fill_down)
    take_numbers_whole(imported, table, dict.fromkeys([*columns.of_pattern(), *columns.product]))
    _take_all(imported, pictures, table, columns, replace(cells, repeated=table.feed))
    if pictures is not None:
        pictures.say()
    return imported


def _empty_cells(
    imported: Imported, pictures: Pictures | None, table: Rows, columns: Columns, *, fill_down: bool
) -> None:
    """Empty the cells that say nothing, such as ``nan``, and say so; perhaps fill them from above.

    But a word that is the name of a picture names that picture.
    That is from the first row of the same product that has something; without products, from the row before. A row
    without a product is of the product above. Of the levels of a class, those before the first given one are filled.
    """
    asked = list(dict.fromkeys(columns.options().values()))
    emptied: dict[str, list[str]] = {column: [] for column in asked}
    above: dict[str, dict[str, str]] = {}
    product, filled = "", 0
    for where, row in table.rows:
        for column in asked:
            if _is_word_for_nothing(row[column]) and not (
                pictures and column in columns.image and pictures.find(row[column])
            ):
                emptied[column].append(f"{row[column]!r}, {where}")
                row[column] = ""
        if not fill_down:
            continue
        product = columns.product_of(row) or product
        if columns.product and not columns.product_of(row):
            row[columns.product[0]] = product
        known = above.setdefault(product, dict.fromkeys(asked, ""))
        empty = [column for column in (columns.name, columns.split) if column is not None and not row[column].strip()]
        given = (place for place, level in enumerate(columns.classes) if row[level].strip())
        empty += columns.classes[: next(given, None)]
        row.update({column: known[column] for column in empty})
        filled += any(known[column] for column in empty)
        known.update({column: row[column] for column in asked if not (columns.product and known[column])})
    imported.remarks += [
        f"{counted(len(cells), 'cell')} of column {column} {'says' if len(cells) == 1 else 'say'} nothing, the first: "
        f"{cells[0]}; taken as empty"
        for column, cells in emptied.items()
        if cells
    ]
    if filled:
        imported.remarks.append(
            f"{counted(filled, 'row takes', 'rows take')} their name, class or split from a row above (--fill-down)"
        )


def _is_word_for_nothing(cell: str) -> bool:
    return bool(cell.strip()) and (cell.strip() in NOTHING or says_nothing(cell))


class _Entry(NamedTuple):
    where: str
    row: dict[str, str]
    names: list[str]  # of its pictures
    product: str
    classes: list[tuple[str, ...]]  # paths of its row, or, with --fill-down, of all rows of its product
    cell: str  # of the class, mended; empty: each level has one
    repairs: tuple[str, ...]  # of the class


def _entry(where: str, row: dict[str, str], columns: Columns, cells: Cells) -> _Entry:
    pattern = columns.image_pattern
    images = [pattern.compose(row)] if pattern is not None else [row[column] for column in columns.image]
    texts, cell, repairs = [row[column] for column in columns.classes], "", tuple[str, ...]()
    if len(texts) == 1:
        cell, repairs = cells.mend(texts[0])
        texts = [cell]
        if any(map(ends_in_nothing, cells.paths(texts))):
            repairs = (*repairs, "a last level that says nothing")
    return _Entry(where, row, cells.pictures(images), columns.product_of(row), cells.classes(texts), cell, repairs)


def _take_all(imported: Imported, pictures: Pictures | None, table: Rows, columns: Columns, cells: Cells) -> None:
    found = [_entry(where, row, columns, cells) for where, row in table.rows]
    if cells.fill_down:  # each row of a product may have another of its classes, as in Magento 1
        of_product: dict[str, dict[tuple[str, ...], None]] = {}
        for entry in found:
            of_product.setdefault(entry.product, {}).update(dict.fromkeys(entry.classes))
        found = [each._replace(classes=list(of_product[each.product])) if each.product else each for each in found]
    shown = {entry.product for entry in found if entry.product and entry.names}
    own = [entry for entry in found if entry.names or entry.product not in shown]
    several = sum(_take(imported, pictures, entry, columns, cells) for entry in own)
    if pictures is not None:
        imported.remarks += _together(pictures, own)
    imported.keep_by_name()
    lists = sum(cells.holds_levels(entry.cell) for entry in own)
    rows = list(dict.fromkeys(imported.rows))
    without, again = len(found) - len(own), len(imported.rows) - len(rows)
    remarks = {
        f"{counted(without, 'row')} without a picture passed over: other rows of the product have one": without,
        f"{counted(several, 'row has', 'rows have')} several classes; of these --several-classes "
        f"{cells.several_classes}": several,
        f"{counted(lists, 'class is a list', 'classes are lists')} without {cells.separator!r}: their values are taken "
        "as the levels of one class": lists,
        f"{counted(again, 'time')} the same picture, name and class again: kept once": again,
    }
    imported.rows = rows
    imported.remarks += rounded_remark(entry.product for entry in own)
    imported.remarks += renamed_remark(entry.row[columns.split] for entry in own if columns.split)
    imported.remarks += [text for text, count in remarks.items() if count]


def _together(pictures: Pictures, entries: Sequence[_Entry]) -> list[str]:
    """Return a remark if a picture that is not in the folder by that very name is several that stand in one cell."""
    found = [
        (separator, f"{name!r}, {entry.where}")
        for entry in entries
        for name in entry.names
        if (separator := between_pictures(name)) and pictures.find(name) != name
    ]
    if not found:
        return []
    separator, first = found[0]
    return [
        f"{counted(len(found), 'cell seems', 'cells seem')} to hold several pictures, the first: {first}; "
        f"--split-images '{separator}' takes them apart"
    ]


def _take(imported: Imported, pictures: Pictures | None, entry: _Entry, columns: Columns, cells: Cells) -> bool:
    """Add a row's pictures under its classes; return whether it has several classes."""
    where, row = entry.where, entry.row
    split = split_of(row[columns.split]) if columns.split else None
    if columns.split and split is None:
        imported.left_out.append(f"no known split: {where}, {row[columns.split]!r}")
        return False
    if is_broken_list(entry.cell) and not entry.classes:  # another row of the product may have given some
        imported.left_out.append(f"a list of classes that cannot be read: {where}, {entry.cell}")
        return False
    before, lost = len(imported.rows), len(imported.lost)
    for levels in cells.choose(entry.classes) or [()]:
        for name in entry.names or [""]:
            image = pictures.find(name) if pictures else ""
            called = row[columns.name] if columns.name else ""
            imported.add(where, image or name, called, levels, found=bool(image), split=split, product=entry.product)
    repaired = [f"{kind} in the class: {where}" for kind in entry.repairs]
    if len(imported.rows) > before:
        imported.repaired += repaired
    elif len(imported.lost) > lost:
        imported.lost[-1].repairs.extend(repaired)
    return len(entry.classes) > 1
