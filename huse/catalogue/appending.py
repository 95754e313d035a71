"""Adds rows to the CSV of a catalogue, so that the next training learns from them too."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from huse.catalogue.reading import plain_headers
from huse.catalogue.records import places_of
from huse.errors import InputError


def appended(path: Path, rows: Sequence[Mapping[str, str]], encoding: str = "auto") -> bytes:
    """Return the content of a CSV with rows behind, in the columns that it has; those that it has are not added again.

    Args:
        path: the file, with commas, in UTF-8 or the encoding.
        rows: cells by header, or as `plain_headers` names the others; columns that the file lacks are left out.
        encoding: as which the catalogue is read, one in which a line ends as in ASCII; ``auto``: UTF-8.

    Raises:
        InputError: the file is missing or of another form, or the encoding lacks a letter of the rows.
    """
    written = "utf-8" if encoding == "auto" else encoding
    try:
        if "\n".encode(written) != b"\n":
            raise ValueError(f"its encoding is {encoding}")
        content = path.read_bytes()
        text = content.decode("utf-8-sig" if encoding == "auto" else encoding).removeprefix("\ufeff")
        reader = csv.reader(io.StringIO(text, newline=""))
        header, records = next(reader), list(reader)
    except (OSError, ValueError, LookupError, StopIteration, csv.Error) as error:
        raise InputError(f"{path}: cannot be added to ({error}). Save it as CSV UTF-8, with commas.") from None
    named = {name: places[0] for name in rows[0] if (places := places_of(header, name))}
    plain = plain_headers(header, set(named.values()))
    named |= {name: plain[name] for name in rows[0] if name in plain and name not in named}
    if len(header) < 2 or not named:
        raise InputError(
            f"{path}: cannot be added to, as its first line is no header whose fields commas separate. Save it so."
        )
    ending = "\r\n" if b"\r\n" in content else "\n"
    added = io.StringIO()
    writer = csv.writer(added, lineterminator=ending)
    there = {tuple(record[place] for place in named.values()) for record in records if len(record) == len(header)}
    for row in rows:
        if tuple(row[name] for name in named) in there:
            continue
        cells = [""] * len(header)
        for name, place in named.items():
            cells[place] = row[name]
        writer.writerow(cells)
    between = b"" if content.endswith(b"\n") else ending.encode()
    try:
        return content + between + added.getvalue().encode(written)
    except UnicodeEncodeError as error:
        letter = added.getvalue()[error.start]
        raise InputError(
            f"{path}: cannot be added to, as {encoding} (catalogue.encoding) has no {letter!r}. Save it as CSV "
            "UTF-8, and set the encoding to auto."
        ) from None
