"""Reads a table of products that have no class yet: every row of it, whatever is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from huse.catalogue.checking import NO_FILE, locate_picture, names_no_picture, picture_path, why_no_name
from huse.catalogue.finding import PictureFolder
from huse.catalogue.mending import mend
from huse.catalogue.reading import tidy
from huse.catalogue.records import Records, find_columns, places_of
from huse.errors import InputError

IMAGE, NAME = "image", "name"  # headers that need not be given


@dataclass(frozen=True)
class Unclassified:
    """One row of the table.

    Attributes:
        cells: as the table has them, one a column; empty where the row cannot be read.
        picture: its file, which is there but may be damaged; None where the row has none that can be used.
        name: as a catalogue's names are mended; empty where the row has none that says something.
        remark: why the row, its picture or its name cannot be used; empty where nothing is wrong.
    """

    cells: list[str]
    picture: Path | None = None
    name: str = ""
    remark: str = ""


class UnclassifiedTable:
    """A table of products without classes.

    Attributes:
        header: of its columns.
        remarks: on encoding and delimiter.
    """

    def __init__(
        self, path: Path, images: Path, *, image: str | None = None, name: str | None = None, encoding: str = "auto"
    ) -> None:
        """Read the text of the table; pictures are only looked for when a row is asked for.

        Args:
            path: of the table: one header line, then one row a product.
            images: folder that the paths of pictures are relative to.
            image: header of the column of pictures; None: `IMAGE`, where there is one.
            name: header of the column of names; None: `NAME`, where there is one.
            encoding: see `Records`.

        Raises:
            InputError: the file is missing, empty, undecodable, has no row, or lacks a column.
        """
        self._pictures, self._folder = PictureFolder(images), images
        records = Records(path, encoding=encoding, wanted=(image or IMAGE, name or NAME))
        self.header = records.header
        asked = {
            option: column or default
            for option, column, default in (("--image-column", image, IMAGE), ("--name-column", name, NAME))
            if column is not None or places_of(self.header, default)
        }
        if not asked:
            raise InputError(
                f"{path}: expected a column `{IMAGE}` or `{NAME}`, found: {', '.join(self.header)}. "
                "Name the columns by --image-column and --name-column."
            )
        self._columns = dict(zip(asked, find_columns(path, self.header, asked), strict=True))
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
                yield Unclassified([""] * len(self.header), remark=f"line {line} cannot be read, {record}")
            else:
                yield self._row(record)

    def _row(self, cells: list[str]) -> Unclassified:
        """Return a row with what can be used of it."""
        image, name = (
            cells[self._columns[option]] if option in self._columns else ""
            for option in ("--image-column", "--name-column")
        )
        image, name = image.strip(), tidy(mend(name, tags=True)[0])
        no_name = why_no_name(name)
        row = Unclassified(
            cells, name="" if no_name else name, remark=f"name left out, {no_name}" if name and no_name else ""
        )
        if names_no_picture(image, self._pictures):
            return row
        try:
            located = locate_picture(image, self._pictures)
            picture = picture_path(self._folder, located)
            if not self._pictures.has(located):
                raise ValueError(NO_FILE)
        except ValueError as error:
            remark = f"picture left out, {error}" if image else ""
            return replace(row, remark="; ".join(filter(None, (remark, row.remark))))
        return replace(row, picture=picture)
