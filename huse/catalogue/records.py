"""Reads a table of text as shops export it: encoding, delimiter and broken quotation marks are found out, and said."""

import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterable, Iterator
from typing import Any

import charset_normalizer

from huse.catalogue.mending import mend
from huse.errors import InputError
from huse.kinds import HEAD, kind_of
from huse.storage import Place
from huse.wording import counted

# Encodings that shop systems export. More of them make the guess worse on short texts: with cp1250, French names come
# out Czech.
GUESSED_ENCODINGS = ["cp1252", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr"]
MARKED_ENCODINGS = {  # the mark of little-endian UTF-32 begins with that of UTF-16
    BOM_UTF8: "utf-8-sig",
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
REMEDIES = {  # for what is no table of text, by words of its kind
    "Excel": "Open it and save it as CSV UTF-8",
    "OpenDocument": "Open it and save it as CSV UTF-8",
    "archive": "Unpack it, and give the table in it",
    "JSON": "Write it as CSV, such as by pandas: read_json(…, lines=True).to_csv(…, index=False)",
    "Parquet": "Write it as CSV, such as by pandas: read_parquet(…).to_csv(…, index=False)",
}
BYTES = re.compile("[\udc80-\udcff]+")  # which `surrogateescape` makes of bytes that are not UTF-8
ENCODING = "catalogue.encoding, or --encoding"  # where it is named
RIGHT_COLUMN = "Name the right column, or leave an optional one out."  # what to do about one that is not there
BEFORE_HEADER = 20  # lines that may stand above the header
FORMULA = re.compile(r'^\s*="(.*)"\s*$', re.DOTALL)  # how a table keeps a spreadsheet from taking 007 for 7
SHORT = 0.05  # share of rows that end before the header's last columns; where more do, the file is written so
FEW_FIELDS, FEW_LINES = 4, 3  # with fewer fields, fewer lines within a field may look like rows by chance
SEPARATOR_LINE = "sep="  # the first line of some spreadsheets' exports names the delimiter


class Records:
    """The records of a text table, and what was found out about the file.

    Attributes:
        header: the first record, stripped; empty where there is none.
        line: where it stands, from 1.
        remarks: on encoding and delimiter, where they are not UTF-8 and commas; and see `rows`.
    """

    def __init__(
        self,
        path: Place,
        *,
        header: list[str] | None = None,
        encoding: str = "auto",
        delimiter: str | None = None,
        wanted: Iterable[str] = (),
        surplus: bool = False,
    ) -> None:
        """Open a table.

        Args:
            path: the file.
            header: of a table without one; None: the first record.
            encoding: a Python encoding, or ``auto``: UTF-8, line by line; other lines by the best guess.
            delimiter: between fields, one character; None: that of ``sep=``, else the first of `DELIMITERS` that gives
                the wanted columns, else the one that gives most columns.
            wanted: headers of columns that are needed, as far as they are known.
            surplus: whether a row may have more fields than the header; empty columns at its end are then none.

        Raises:
            InputError: the file is missing, empty, undecodable or no text.
        """
        self._path, self._surplus = path, surplus
        text, self.remarks = read_text(path, encoding)
        if "\n" not in text:
            text = text.replace("\r", "\n")  # lines end as on the first Macintosh
        lines = text.split("\n", BEFORE_HEADER + 1)
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if lines[first].strip(' "\r\n').lower().startswith(SEPARATOR_LINE):
            given = lines[first].strip('\r\n" ')[len(SEPARATOR_LINE) :]
            delimiter = delimiter or given[:1] or None
            first += 1
        wanted = {_plain(name).casefold() for name in wanted}
        if header is None and wanted:
            found = find_header(lines[first : first + BEFORE_HEADER], wanted, delimiter)
            if found:
                self.remarks.append(f"{path}: the header is line {first + found + 1}; what is above it is left out")
            first += found
        head = lines[first].strip() if first < len(lines) else ""
        # Not that its first field alone is in quotation marks: then the rest of the line is not within the one field.
        wrapped = header is None and len(head) > 1 and _cells(head, ",") == [head[1:-1].replace('""', '"')]
        if wrapped:
            head = head[1:-1]
        if delimiter is None:
            delimiter = find_delimiter(head, wanted)
        if delimiter != ",":
            self.remarks.append(f"{path}: fields are separated by {DELIMITERS.get(delimiter, repr(delimiter))}")
        # Empty lines in place of what is left out keep the line numbers.
        body = "\n" * first + "\n".join(lines[first:])
        spaced = header is None and 0 < head.count(delimiter) == head.count(f"{delimiter} ")
        self._records = read_records(body, delimiter, spaced=spaced)
        if wrapped and len(_cells(head, delimiter)) > 1:
            self.remarks.append(f"{path}: every line is in quotation marks as a whole; they are taken off")
            self._records = _unwrap(self._records, delimiter)
        self._formulas = re.search(r'(?:^|[,;\t|])(?:=|"=")"', body, re.MULTILINE) is not None
        if self._formulas:
            self.remarks.append(f'{path}: has cells such as ="007", which are read as 007')
        self.line, first_record = (1, header) if header is not None else next(self._records, (1, ""))
        self.header = [_plain(cell) for cell in first_record] if isinstance(first_record, list) else []
        self._padding = 0  # empty columns at the end
        while surplus and self.header and not self.header[-1]:
            self.header.pop()
            self._padding += 1

    def rows(self, needed: Iterable[int]) -> list[tuple[int, list[str] | str]]:
        """Return, once, the line of each row, and its fields, as many as the header has, or why it cannot be used.

        Empty cells too many at the end are left off. A row that ends before the last columns has them empty, if many
        rows do, which a remark says; here and there one, it rather is a damaged row.

        Args:
            needed: places of the columns that every row must have.
        """
        found, width, last = list(self._below()), len(self.header), max(needed, default=-1)
        short = sum(isinstance(record, list) and last < len(record) < width for _, record in found)
        if short > len(found) * SHORT:
            self.remarks.append(
                f"{self._path}: {counted(short, 'row ends', 'rows end')} before the last columns of the header, which "
                "are taken as empty"
            )
        else:
            last = width - 1
        return [(line, record if isinstance(record, str) else self._fitted(record, last)) for line, record in found]

    def _fitted(self, record: list[str], last: int) -> list[str] | str:
        """Return a row as wide as the header, if it has the column at the place `last`; or why not."""
        width = len(self.header)
        # Where a name has commas too many, an empty cell may be that of the last column, before the name is whole.
        most = max(width, len(record) - self._padding) if self._surplus else width
        while len(record) > most and not record[-1].strip():
            record.pop()
        if len(record) <= last:
            return f"expected {width} fields, found {len(record)}: is one missing, or a line broken?"
        if len(record) > width and not self._surplus:
            return f"expected {width} fields, found {len(record)}: an unquoted comma?"
        return record + [""] * (width - len(record))

    def _below(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yield what follows the header: see `read_records`. Where files were put together, the header stands again."""
        for line, record in self._records:
            if isinstance(record, str):
                yield line, record
            elif self._is_header(record):
                yield line, "the header stands here again"
            else:
                yield line, [FORMULA.sub(r"\1", cell) for cell in record] if self._formulas else record

    def _is_header(self, record: list[str]) -> bool:
        header = self.header
        if len(record) != len(header) or header[0].casefold() not in record[0].casefold():  # nearly all rows, quickly
            return False
        return [_plain(cell).casefold() for cell in record] == [own.casefold() for own in header]


def find_header(lines: list[str], wanted: set[str], delimiter: str | None) -> int:
    """Return the place of the first line that has all wanted headers; 0 where none has."""
    for number, line in enumerate(lines):
        for between in [delimiter] if delimiter else DELIMITERS:
            if wanted <= {_plain(cell).casefold() for cell in _cells(line.strip(), between)}:
                return number
    return 0


def find_delimiter(header: str, wanted: set[str]) -> str:
    """Return the delimiter of a header line; see `Records`. Wanted headers are without case."""
    found = {delimiter: [_plain(cell).casefold() for cell in _cells(header, delimiter)] for delimiter in DELIMITERS}
    fitting = [delimiter for delimiter, cells in found.items() if wanted and wanted <= set(cells)]
    return fitting[0] if fitting else max(DELIMITERS, key=lambda delimiter: len(found[delimiter]))


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line, stripped; the whole line is one where it is no line of a CSV."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:  # a field of more than 128 KiB, or a carriage return in the middle
        return [line.strip()]


def _plain(cell: str) -> str:
    """Return a header without what nobody sees, such as a byte order mark or accents apart from their letters."""
    return mend(FORMULA.sub(r"\1", cell))[0].strip()


def _unwrap(records: Iterator[tuple[int, list[str] | str]], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Take lines apart that some program has quoted as a whole."""
    for line, record in records:
        yield line, _cells(record[0], delimiter) if isinstance(record, list) and len(record) == 1 else record


def read_text(path: Place, encoding: str = "auto") -> tuple[str, list[str]]:
    """Read a text file.

    Args:
        path: the file.
        encoding: see `Records`.

    Returns:
        The text, and remarks on its encoding.

    Raises:
        InputError: it is missing, empty, undecodable or no text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Give a CSV with one row a picture: image,name,classes.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}. Give a CSV with one row a picture.") from error
    if not data.strip():
        raise InputError(f"{path}: is empty. Expected a header and one row a picture.")
    kind = kind_of(data[:HEAD])
    if kind:
        remedy = next((remedy for word, remedy in REMEDIES.items() if word in kind), "Export the table as CSV")
        raise InputError(f"{path}: expected a table of text (CSV), found {kind}. {remedy}.")
    if encoding != "auto":
        return _decode_as(path, data, encoding).removeprefix("\ufeff"), []
    found = marked_encoding(data[:HEAD])
    if found in ("", "utf-8-sig"):
        return _decode_lines(path, data)
    by = "mark" if data.startswith(tuple(MARKED_ENCODINGS)) else "zero bytes"
    return _decode_as(path, data, found), [f"{path}: read as {found}, by its {by}"]


def marked_encoding(head: bytes) -> str:
    """Return the encoding that a mark tells, or, of UTF-16, the zero bytes of an ASCII header; else nothing."""
    for mark, encoding in MARKED_ENCODINGS.items():
        if head.startswith(mark):
            return encoding
    header = head.split(b"\n")[0]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if header[start::2].count(0) > len(header) / 4:
            return encoding
    return ""


def _decode_lines(path: Place, data: bytes) -> tuple[str, list[str]]:
    """Decode as UTF-8 what is UTF-8, and only other lines, or in a file of UTF-8 other bytes, by the fallback."""
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        lines = data.removeprefix(BOM_UTF8).split(b"\n")
    bad = [number for number, line in enumerate(lines) if not _is_utf8(line)]
    beyond_ascii = sum(not line.isascii() for line in lines)
    fallback, decode = "cp1252", _decode_rest
    if 2 * len(bad) > beyond_ascii:  # the file as a whole is of another encoding
        guess = charset_normalizer.from_bytes(
            b"\n".join(lines[number] for number in bad), cp_isolation=GUESSED_ENCODINGS
        ).best()
        fallback = guess.encoding if guess is not None else fallback
        decode = _decode_line
    decoded = {number: decode(lines[number], fallback) for number in bad}
    text = "\n".join(decoded[number] if number in decoded else line.decode() for number, line in enumerate(lines))
    lost = sum(line.count("\ufffd") for line in decoded.values())
    remark = (
        f"{path}: {len(bad):,} of {beyond_ascii:,} lines with letters beyond ASCII are not UTF-8 (first line "
        f"{bad[0] + 1}); read as {fallback}, which gives {decoded[bad[0]].strip()!r}"
        + (
            f"; {counted(lost, 'byte is no letter', 'bytes are no letters')} in it either, and became \ufffd"
            if lost
            else ""
        )
        + f". If that looks wrong, name its encoding ({ENCODING}), or save it as UTF-8."
    )
    return text, [remark]


def _decode_line(line: bytes, encoding: str) -> str:
    return line.decode(encoding, "replace")


def _decode_rest(line: bytes, encoding: str) -> str:
    """Decode a line as UTF-8, and only bytes that are none, such as of a character that was cut, by an encoding."""
    return BYTES.sub(
        lambda rest: _decode_line(rest[0].encode("utf-8", "surrogateescape"), encoding),
        line.decode("utf-8", "surrogateescape"),
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_as(path: Place, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} is not {encoding} (byte 0x{data[error.start]:02X}). "
            f"Name its encoding ({ENCODING}), or save it as UTF-8."
        ) from None
    except (LookupError, ValueError):
        raise InputError(
            f"{path}: {encoding!r} is no encoding that Python knows. Name another ({ENCODING}), such as cp1252."
        ) from None


def read_records(text: str, delimiter: str = ",", *, spaced: bool = False) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (first line, fields) of a CSV, or (line, reason) where quoting is broken.

    Where a space follows every delimiter (`spaced`), it would hide a quotation mark, so it is skipped.

    An unclosed quotation mark would swallow the rest of the file, or all rows up to the next mark. So after an error,
    or a field whose lines look like rows, reading restarts on the line after the start of the broken record. Takes time
    in proportion to the lines, however many are broken.
    """
    csv.field_size_limit(2**31 - 1)  # by default a long field is an error that looks like one of quoting
    lines = list(io.StringIO(text, newline=""))
    how: dict[str, Any] = {"strict": True, "delimiter": delimiter, "skipinitialspace": spaced}
    start = width = 0
    while start < len(lines):
        reader = csv.reader((lines[number] for number in range(start, len(lines))), **how)
        begun = start
        try:
            for record in reader:
                width = width or len(record)
                end = start + reader.line_num
                if _swallows(lines[begun:end], len(record), width, how):
                    raise csv.Error(f"an unclosed one takes the {end - begun - 1} lines below into its field")
                if any(cell.strip() for cell in record):
                    yield begun + 1, record
                begun = end
            return
        except csv.Error as error:
            yield begun + 1, f"quotation marks do not fit ({error})"
            start = begun + 1


def _swallows(lines: list[str], fields: int, width: int, how: dict[str, Any]) -> bool:
    """Return whether lines within a record are rows themselves: nearly all of them have as many fields as the header.

    A mark that is not closed stands in a line that is a whole row, and so does the mark of a later row that closes it.
    So a record of the right number of fields is sound if its first or its last line is too short for a row.
    """
    inside = [line for line in lines[1:-1] if line.strip()]
    if width < 2 or len(inside) < (1 if width >= FEW_FIELDS else FEW_LINES):
        return False
    if fields == width and min(line.count(how["delimiter"]) for line in (lines[0], lines[-1])) < width - 1:
        return False
    whole = 0
    for line in inside:
        try:
            whole += len(next(csv.reader([line], **how))) == width
        except csv.Error:  # with a mark of its own
            continue
    return 5 * whole >= 4 * len(inside)


def find_columns(path: Place, header: list[str], wanted: dict[str, str], remedy: str = RIGHT_COLUMN) -> list[int]:
    """Return the places of columns.

    Args:
        path: of the table, for messages.
        header: of the table.
        wanted: what names each column, such as ``catalogue.columns.name`` or ``--name``, and its header.
        remedy: what to do about a header that is not there.

    Raises:
        InputError: a header is not there, or several times.
    """
    places = []
    for by, column in ((by, _plain(column)) for by, column in wanted.items()):
        found_at = places_of(header, column)
        count = len(found_at)
        if count != 1:
            hint = "Give each a header of its own." if count else remedy
            if any("\0" in name for name in header):
                hint = "The file has zero bytes: it is of another encoding."
            found = f"{count or 'none'} among: {', '.join(header)}".replace("\0", "")
            raise InputError(f"{path}: expected one column `{column}` ({by}), found {found}. {hint}")
        places += found_at
    return places


def places_of(header: list[str], column: str) -> list[int]:
    """Return the places where a header stands as it is given, or else in any case and with what nobody sees."""
    column = _plain(column)
    if column in header:
        return [at for at, name in enumerate(header) if name == column]
    return [at for at, name in enumerate(header) if name.casefold() == column.casefold()]
