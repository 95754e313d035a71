"""The result of every import: rows of a catalogue, what was left out, and remarks."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from huse.catalogue.checking import NO_NAMES, why_no_name
from huse.catalogue.mending import mend, says_nothing
from huse.catalogue.reading import tidy
from huse.errors import InputError
from huse.kinds import HEAD, PICTURES, kind_of
from huse.taxonomy import LEVEL_SEPARATOR, split_path
from huse.wording import counted

# Of the formats that `huse.vision.decoding` reads; a file without an ending is told by its first bytes.
ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif")
OF_SYSTEMS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")  # folders of computers, not of shops
FILES_OF_SYSTEMS = ("Thumbs.db", "desktop.ini")
FEW = 3  # products that a class needs to be in every split
COLUMNS = ["image", "name", "classes", "split", "product"]


class Lost(NamedTuple):
    """A row without its picture, its place and its repairs."""

    place: str
    row: tuple[str, str, str, str, str]
    repairs: list[str]


@dataclass
class Imported:
    """A catalogue under construction.

    Attributes:
        images: the picture folder.
        rows: image (relative to the folder), name, class path, and split and product, each empty where there is none.
        left_out: reasons, one for each row or picture left out.
        in_part: reasons, one for each row kept by its name alone, since its picture is not there.
        emptied: names that say nothing, one for each row that is kept without.
        repaired: repairs, one for each row repaired.
        remarks: anything else to report.
        tables: files that were read, which must not be written over.
        source: the file that has the rows, for messages; None: the picture folder has them.
        lost: rows whose picture is not there; see `keep_by_name`.
    """

    images: Path
    source: Path | None = None
    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    in_part: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    lost: list["Lost"] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)

    def add(
        self,
        where: str,
        image: str,
        name: str,
        levels: Sequence[str],
        *,
        found: bool = True,
        split: str | None = None,
        product: str = "",
    ) -> None:
        """Add a row, or leave it out if it is invalid.

        Args:
            where: its place, for messages.
            image: relative to the picture folder; empty: the row names none.
            name: of the product; empty: it has none.
            levels: of the class, coarse to fine.
            found: whether the picture is there.
            split: if the layout has one.
            product: its id, if the layout has one.
        """
        (name, repairs), mended = mend(name), [mend(level) for level in levels]
        name, levels = tidy(name), [tidy(level) for level, _ in mended]
        said, name = name, "" if says_nothing(name, NO_NAMES) else name
        lost = bool(image) and not found
        problem = "no picture" if lost and why_no_name(name) else _problem(image, name, levels)
        place = f"{where}, {image}" if image and image != where else where
        if problem:
            self.left_out.append(f"{problem}: {place}")
            return
        row = ("" if lost else image, name, LEVEL_SEPARATOR.join(levels), split or "", tidy(product))
        of_class = dict.fromkeys(kind for _, kinds_of_level in mended for kind in kinds_of_level)
        repaired = [f"{kind} in the name: {where}" for kind in repairs]
        repaired += [f"{kind} in the class: {where}" for kind in of_class]
        if lost:
            self.lost.append(Lost(place, row, repaired))
            return
        self.rows.append(row)
        self.repaired += repaired
        if said != name:
            self.emptied.append(f"a name that says nothing: {where}, {said!r}")

    def keep_by_name(self) -> None:
        """Keep the rows whose picture is not there by their names, unless another row of the same id has the name.

        Where there are no ids, unless any other row has it.
        """
        known = {(*row[1:3], row[4]) for row in self.rows}
        for place, row, repairs in self.lost:
            said = (*row[1:3], row[4])
            if said in known:
                self.left_out.append(f"no picture, and another row has the name: {place}")
            else:
                known.add(said)
                self.rows.append(row)
                self.repaired += repairs
                self.in_part.append(f"no picture, kept by its name: {place}")
        self.lost.clear()

    def table(self) -> pd.DataFrame:
        """Return the catalogue: `image`, `name`, `classes`, and `split` and `product` if the layout has them.

        Raises:
            InputError: no row is left.
        """
        if not self.rows:
            first = f" The first: {self.left_out[0]}." if self.left_out else ""
            said = "".join(f" {remark}." for remark in self.remarks)
            raise InputError(
                f"{self.source or self.images}: expected products, found none; {len(self.left_out)} left out."
                f"{first}{said}"
            )
        table = pd.DataFrame(self.rows, columns=COLUMNS)
        return table.drop(columns=[column for column in ("split", "product") if not table[column].any()])

    def actions(self) -> dict[str, list[str]]:
        """Return the reasons by what was done with the rows."""
        return {
            "left out": self.left_out,
            "kept in part": self.in_part,
            "taken as empty": self.emptied,
            "repaired": self.repaired,
        }

    def odd_rows(self) -> pd.DataFrame:
        """Return what was left out, kept in part and so on: `action`, `reason`, `where`."""
        rows = [
            (action, *reason.partition(": ")[::2]) for action, reasons in self.actions().items() for reason in reasons
        ]
        return pd.DataFrame(rows, columns=["action", "reason", "where"])


def _problem(image: str, name: str, levels: Sequence[str]) -> str:
    """Return why a row cannot be in the catalogue; empty: it can. Of halves, `catalogue.missing` decides."""
    if not image and not name:
        return "neither picture nor name"
    if not levels or not all(levels):
        return "no class, or an empty level"
    if any(LEVEL_SEPARATOR in level for level in levels):
        return f"a class name with {LEVEL_SEPARATOR}, which separates levels"
    return ""


def spoken(name: str) -> str:
    """Return the name of a file or folder as words: ``apple_pie`` as ``apple pie``."""
    return tidy(re.sub(r"[_\-]+", " ", name))


def list_pictures(folder: Path) -> list[str]:
    """Return the pictures below a folder; see `list_files`."""
    return list_files(folder)[0]


def list_files(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the pictures below a folder, the other files, and pictures that no table can name; relative to it, sorted.

    No table can name those whose path is not UTF-8; bytes that are not become a replacement character. Hidden files and
    folders, and those that computers make for themselves, are passed over; linked folders are not followed.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Give the folder that holds the pictures.")
    found: tuple[list[str], list[str], list[str]] = [], [], []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in OF_SYSTEMS]
        above = Path(place).relative_to(folder)
        for name in files:
            if not name.startswith(".") and name not in FILES_OF_SYSTEMS:
                path = (above / name).as_posix()
                readable = os.fsencode(path).decode("utf-8", "replace")
                kind = 1 if not _is_picture(Path(place, name)) else 0 if readable == path else 2
                found[kind].append(readable)
    return sorted(found[0]), sorted(found[1]), sorted(found[2])


def _is_picture(path: Path) -> bool:
    if path.suffix:
        return path.suffix.lower() in ENDINGS
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD)) in PICTURES
    except OSError:
        return False


def summarise(table: pd.DataFrame) -> dict[str, str]:
    """Return the counts to check an import by, with their names."""
    by_name = table["name"].str.casefold().mask(table["name"] == "", table["image"])
    known_by = table["product"].mask(table["product"] == "", by_name) if "product" in table else by_name
    counts = known_by.groupby(table["classes"]).nunique().sort_values(kind="stable")
    levels = {len(split_path(path)) for path in counts.index}
    few, depths = int((counts < FEW).sum()), " and ".join(map(str, sorted(levels)))
    facts = {
        "pictures": f"{(table['image'] != '').sum():,}",
        f"products, told by their {'ids' if 'product' in table else 'names'}": f"{known_by.nunique():,}",
        "classes": f"{len(counts):,}, of {depths} {'level' if levels == {1} else 'levels'}",
        "largest class": f"{counts.index[-1]}: {counted(int(counts.iloc[-1]), 'product')}",
        "smallest class": f"{counts.index[0]}: {counted(int(counts.iloc[0]), 'product')}",
    }
    for half, other in (("picture", "name"), ("name", "image")):
        if lacking := (table[other] == "").sum():
            facts[f"rows with a {half} only"] = f"{lacking:,}; see catalogue.missing"
    if few:
        facts[f"classes of fewer than {FEW} products"] = f"{few:,}, which cannot stand in every split"
    if "split" in table:
        sizes = table["split"].value_counts()
        facts["split, kept"] = ", ".join(f"{sizes[name]:,} {name}" for name in sizes.index)
    return facts


def kinds(reasons: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return kinds of reasons, their counts, and the first place of each; the most frequent first."""
    counts = Counter(reason.partition(": ")[0] for reason in reasons)
    first: dict[str, str] = {}
    for reason in reasons:
        kind, _, where = reason.partition(": ")
        first.setdefault(kind, where)
    return [(kind, count, first[kind]) for kind, count in counts.most_common()]
