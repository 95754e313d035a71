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
            surplus: see `Records`.
            delimiter: see `Records`.
            encoding: see `Records`.
            wanted: see `Records`.

        Raises:
            InputError: the file is missing, empty or undecodable, or has no header.
        """
        if not path.is_file():
            raise InputError(f"{path}: {'is a folder. Give the table in it' if path.is_dir() else 'not found'}.")
        self._records = Records(
            path, header=header, encoding=encoding, delimiter=delimiter, wanted=wanted, surplus=surplus
        )
        imported.tables.append(path)
        self._imported, self._path = imported, path
        self.header = self._records.header
        if not self.header:
            raise InputError(f"{path}: expected a header in the first line, found none.")

    def rows(self, needed: Iterable[int]) -> Iterator[tuple[str, list[str]]]:
        """Yield the place of each row, for messages, and its fields; see `Records.rows`."""
        found = self._records.rows(needed)
        self._imported.remarks += self._records.remarks
        for line, record in found:
            where = f"{self._path.name} line {line}"
            if isinstance(record, str):
                self._imported.left_out.append(f"broken line: {where}, {record}")
            else:
                yield where, record
