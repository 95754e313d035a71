"""Lines of a table in any layout; broken lines are left out and reported with their place."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from huse.catalogue.importing.entries import Imported
from huse.catalogue.records import Records
from huse.errors import InputError


class Lines:
    """A table, read line by line.

    Attributes:
        header: its columns, stripped; as given if the table has none.
    """

    def __init__(
        self,
        imported: Imported,
        path: Path,
        *,
        header: list[str] | None = None,
        surplus: bool = False,
        delimiter: str | None = None,
        encoding: str = "auto",
        wanted: Iterable[str] = (),
    ) -> None:
        """Open a table.

        Args:
            imported: takes what is left out, remarks, and the file.
            path: the file.
            header: for a table without one; None: the first line.
            surplus: whether a line may have more fields than the header; empty columns at its end are then none.
            delimiter: see `Records`.
            encoding: see `Records`.
            wanted: see `Records`.

        Raises:
            InputError: the file is missing, empty or undecodable, or has no header.
        """
        if not path.is_file():
            raise InputError(f"{path}: not found.")
        self._records = Records(path, header=header, encoding=encoding, delimiter=delimiter, wanted=wanted)
        imported.remarks += self._records.remarks
        imported.tables.append(path)
        self._imported, self._path, self._surplus = imported, path, surplus
        self.header = self._records.header
        self._padding = 0  # empty columns at the end
        while surplus and self.header and not self.header[-1]:
            self.header.pop()
            self._padding += 1
        if not self.header:
            raise InputError(f"{path}: expected a header in the first line, found none.")

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the place of each line, for messages, and its fields, at least as many as the header has."""
        count = len(self.header)
        for line, record in self._records:
            where = f"{self._path.name} line {line}"
            if isinstance(record, str):
                self._imported.left_out.append(f"broken line: {where}, {record}")
            elif len(record) < count or (len(record) > count and not self._surplus):
                self._imported.left_out.append(f"broken line: {where}, expected {count} fields, found {len(record)}")
            else:
                for _ in range(min(self._padding, len(record) - count)):
                    if not record[-1].strip():
                        record.pop()
                yield where, record
