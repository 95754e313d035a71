"""Reads the catalogue's CSV row by row, so that a damaged row loses only itself."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import charset_normalizer

from huse.errors import InputError

# Encodings that shop systems export. More of them make the guess worse on short texts: with cp1250, French names come
# out Czech.
GUESSED_ENCODINGS = ["cp1252", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr"]
MARKED_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Row:
    """One row of the CSV: fields stripped, nothing checked.

    Attributes:
        line: of the file where the row starts, from 1.
        image: picture, relative to the picture folder.
        name: product name, line breaks and runs of white space become one space.
        classes: class path, levels joined by ``<``.
        split: given by the catalogue, or None.
    """

    line: int
    image: str
    name: str
    classes: str
    split: str | None = None


@dataclass(frozen=True)
class Rejected:
    """A row that was left out or whose picture was repaired, and why."""

    line: int
    image: str
    name: str
    classes: str
    reason: str
    action: Literal["left out", "repaired"] = "left out"

    @classmethod
    def of(cls, row: Row, reason: str) -> "Rejected":
        """Leave out `row` for `reason`."""
        return cls(row.line, row.image, row.name, row.classes, reason)


@dataclass(frozen=True)
class CatalogueFile:
    """The result of reading: complete rows, rejected rows, and a remark on the encoding or None."""

    rows: list[Row]
    rejected: list[Rejected]
    remark: str | None


def read_catalogue(
    path: Path, *, image: str, name: str, classes: str, split: str | None = None, encoding: str = "auto"
) -> CatalogueFile:
    """Read the CSV (comma-separated, quoted as RFC 4180 says, one header line).

    Args:
        path: the file.
        image: header of the column with the picture's path.
        name: header of the column with the product's name.
        classes: header of the column with the class path.
        split: header of the column with the split; None: there is none.
        encoding: a Python encoding, or ``auto``: UTF-8 if valid, else the best guess, with a remark.

    Raises:
        InputError: the file is missing, empty, undecodable, has no row, or lacks a column.
    """
    text, remark = read_text(path, encoding)
    records = read_records(text)
    header_line, header = next(records, (1, None))
    if not isinstance(header, list):
        raise InputError(f"{path}: line {header_line}: expected a header such as {image},{name},{classes}; found none.")
    wanted = {"image": image, "name": name, "classes": classes, **({} if split is None else {"split": split})}
    positions = _positions(path, [cell.strip() for cell in header], wanted)
    rows: list[Row] = []
    rejected: list[Rejected] = []
    for line, record in records:
        if isinstance(record, str):
            rejected.append(Rejected(line, "", "", "", record))
        elif len(record) != len(header):
            reason = f"expected {len(header)} fields, found {len(record)}: an unquoted comma?"
            rejected.append(Rejected(line, record[0], "", "", reason))
        else:
            image_field, *fields = [record[position] for position in positions]
            # Inner spaces stay in the picture's path, as a file name may have them.
            rows.append(Row(line, image_field.strip(), *map(tidy, fields)))
    if not rows and not rejected:
        raise InputError(f"{path}: has a header but no products. Add one row a picture.")
    return CatalogueFile(rows, rejected, remark)


def tidy(text: str) -> str:
    """Return a text in one line; runs of white space and control characters become one space."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def read_text(path: Path, encoding: str = "auto") -> tuple[str, str | None]:
    """Read a text file of the catalogue.

    Args:
        path: the file.
        encoding: see `read_catalogue`.

    Returns:
        The text, and a remark if its encoding was guessed.

    Raises:
        InputError: it is missing, empty or undecodable.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found (catalogue.csv). Give a CSV with one row a picture: image,name,classes."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read (catalogue.csv): {error.strerror}.") from error
    if not data.strip():
        raise InputError(f"{path}: is empty. Expected a header and one row a picture.")
    if encoding != "auto":
        return _decode_as(path, data, encoding).removeprefix("\ufeff"), None
    marked = next((name for mark, name in MARKED_ENCODINGS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(marked), None
    except UnicodeDecodeError as error:
        guess = charset_normalizer.from_bytes(data, cp_isolation=GUESSED_ENCODINGS).best()
        guessed = "cp1252" if guess is None else guess.encoding
        line = data.count(b"\n", 0, error.start)
        try:
            text = data.decode(guessed)
        except UnicodeDecodeError:
            raise InputError(
                f"{path}: neither UTF-8 nor another encoding that could be guessed (first at line {line + 1}). "
                "Set catalogue.encoding, or save the file as UTF-8."
            ) from None
        remark = (
            f"{path}: not UTF-8 (line {line + 1}, byte 0x{data[error.start]:02X}); read as {guessed}, which gives "
            f"{text.splitlines()[line]!r}. If that looks wrong, set catalogue.encoding or save the file as UTF-8."
        )
        return text, remark


def _decode_as(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} is not {encoding} (byte 0x{data[error.start]:02X}). "
            "Set catalogue.encoding to the file's encoding, or save it as UTF-8."
        ) from None
    except (LookupError, ValueError):
        raise InputError(f"{path}: catalogue.encoding: {encoding!r} is no encoding that Python knows.") from None


def read_records(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str] | str]]:
    """Yield (first line, fields) of a CSV, or (line, reason) where quoting is broken.

    An unclosed quotation mark would swallow the rest of the file, so after an error reading restarts on the line after
    the start of the broken record.
    """
    csv.field_size_limit(2**31 - 1)  # by default a long field is an error that looks like one of quoting
    lines = list(io.StringIO(text, newline=""))
    start = 0
    while start < len(lines):
        reader = csv.reader(lines[start:], strict=True, delimiter=delimiter)
        begun = start
        try:
            for record in reader:
                if any(cell.strip() for cell in record):
                    yield begun + 1, record
                begun = start + reader.line_num
            return
        except csv.Error as error:
            yield begun + 1, f"quotation marks do not fit ({error})"
            start = begun + 1


def _positions(path: Path, header: Sequence[str], wanted: dict[str, str]) -> list[int]:
    positions = []
    for parameter, column in wanted.items():
        count = header.count(column)
        if count != 1:
            hint = "Mend the file, or set the parameter to the right header."
            if len(header) == 1:
                hint = "The columns must be separated by commas."
            if any("\0" in name for name in header):
                hint = "The file has zero bytes, as UTF-16 or UTF-32 have: set catalogue.encoding."
            raise InputError(
                f"{path}: expected one column `{column}` (catalogue.columns.{parameter}), found "
                f"{count or 'none'} among: {', '.join(header)}. {hint}".replace("\0", "")
            )
        positions.append(header.index(column))
    return positions
