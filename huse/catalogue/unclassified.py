"""Reads a table of products that have no class yet: every row of it, whatever is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from huse.catalogue.checking import NO_FILE, locate_picture, names_no_picture, picture_path, why_no_name
from huse.catalogue.finding import PictureFolder
from huse.catalogue.headers import SHOWS, Headers
from huse.catalogue.mending import mend
from huse.catalogue.reading import tidy
from huse.catalogue.records import Records
from huse.errors import InputError
from huse.storage import Place


@dataclass(frozen=True)
class Unclassified:
    """One row of the table.

    Attributes:
        line: of the file where the row starts, from 1.
        cells: as the table has them, one a column; empty where the row cannot be read.
        picture: its file, which is there but may be damaged; None where the row has none that can be used.
        name: as a catalogue's names are mended; empty where the row has none that says something.
        remarks: why the row, its picture or its name cannot be used; none where nothing is wrong.
    """

    line: int
    cells: list[str]
    picture: Place | None = None
    name: str = ""
    remarks: tuple[str, ...] = ()


class UnclassifiedTable:
    """A table of products without classes.

    Attributes:
        header: of its columns.
        remarks: on encoding and delimiter.
    """

    def __init__(self, path: Place, images: Place, headers: Headers, *, encoding: str = "auto") -> None:
        """Read the text of the table; pictures are only looked for when a row is asked for.

        Args:
            path: of the table: one header line, then one row a product.
            images: folder that the paths of pictures are relative to.
            headers: of the columns of pictures and of names.
            encoding: see `Records`.

        Raises:
            InputError: the file is missing, empty, undecodable, has no row, or lacks a column.
        """
        self._pictures, self._folder = PictureFolder(images), images
        records = Records(path, encoding=encoding, wanted=headers.wanted)
        self.header = records.header
        self._columns = headers.places(path, self.header)
        self._records = records.rows(self._columns.values())
        self.remarks = records.remarks
        if not self._records:
            raise InputError(f"{path}: has a header but no products. Add one row a product.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._records)

    def __iter__(self) -> Iterator[Unclassified]:
        """Yield every row in the order of the table."""
        for line, record in self._records:
            if isinstance(record, str):
                yield Unclassified(line, [""] * len(self.header), remarks=(f"line {line} cannot be read, {record}",))
            else:
                yield self._row(line, record)

    def _row(self, line: int, cells: list[str]) -> Unclassified:
        """Return a row with what can be used of it."""
        image, name = (cells[self._columns[kind]] if kind in self._columns else "" for kind in SHOWS)
        image, name = image.strip(), tidy(mend(name, tags=True)[0])
        no_name = why_no_name(name)
        remarks = (f"name left out, {no_name}",) if name and no_name else ()
        row = Unclassified(line, cells, name="" if no_name else name, remarks=remarks)
        if names_no_picture(image, self._pictures):
            return row
        try:
            located = locate_picture(image, self._pictures)
            picture = picture_path(self._folder, located)
            if not self._pictures.has(located):
                raise ValueError(NO_FILE)
        except ValueError as error:
            return replace(row, remarks=(f"picture left out, {error}", *remarks)) if image else row
        return replace(row, picture=picture)
