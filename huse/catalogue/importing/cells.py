"""What the cells of shops' tables hold: several pictures, several class paths, lists, words for nothing."""

import ast
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal

from huse.catalogue.importing.entries import ENDINGS
from huse.catalogue.mending import ENTITY, mend, says_nothing
from huse.errors import InputError

NOTHING = ("__EMPTY__", "__EMPTY__VALUE__", "no_selection", r"\N")  # words of Magento and MySQL for an empty cell
SEPARATORS = (",", ";", "|", " ")  # between pictures in a cell

SeveralClasses = Literal["first", "deepest", "longest", "all"]


@dataclass(frozen=True)
class Cells:
    """How the cells of a table are read.

    Attributes:
        separator: between the levels of a class path in one column.
        split_images: between several pictures in a cell; None: there is one.
        split_classes: between several class paths in a cell; None: there is one.
        several_classes: which of them to take: the ``first``; the ``deepest``, of most levels; the ``longest``, of
            most letters; or ``all`` but those that lie above another.
        skip_levels: how many levels to leave out at the top, such as Magento's ``Default Category``.
        levels: how many of the others to keep; None: all.
        fill_down: whether empty cells take what stands above.
        repeated: whether a list in a cell is a field that stands several times, so never the levels of one class.
    """

    separator: str = "<"
    split_images: str | None = None
    split_classes: str | None = None
    several_classes: SeveralClasses = "deepest"
    skip_levels: int = 0
    levels: int | None = None
    fill_down: bool = False
    repeated: bool = False

    def pictures(self, cells: Sequence[str]) -> list[str]:
        """Return the pictures that cells name, each once."""
        return list(dict.fromkeys(text for cell in cells for text in _values(cell, self.split_images) if text))

    def mend(self, cell: str) -> tuple[str, tuple[str, ...]]:
        """Undo what exports do to a cell of whole class paths, before it is split; see `huse.catalogue.mending.mend`.

        An entity has a ``;`` of its own, which may be a separator. An export may have escaped even the separators; but
        beside a separator that it has not, as in ``Hats < Size &lt; 40``, the entity is part of a level.
        """
        bare = ENTITY.sub("", cell)
        if _list(cell) is not None:  # an entity may be a quotation mark in it: its values are mended one by one
            mended, repairs = mend(cell)
            return (cell, ()) if self.separator in bare or _list(mended) is None else (mended, repairs)
        separators = [text for text in (self.separator, self.split_classes) if text and text in bare]
        kept = ENTITY.sub(lambda entity: _escaped(entity[0], separators), cell)
        mended, repairs = mend(kept)
        return mended, repairs if kept == cell else tuple(dict.fromkeys(("HTML entities", *repairs)))

    def classes(self, cells: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the class paths of a row, before some are chosen; none: there is no class.

        Args:
            cells: one with whole paths, or one for each level. A list in a cell holds whole paths if they have the
                separator, else the levels of one; a broken one holds none.
        """
        kept = [_trimmed(path)[self.skip_levels :][: self.levels] for path in self.paths(cells)]
        return list(dict.fromkeys(tuple(path) for path in kept if path))

    def paths(self, cells: Sequence[str]) -> list[list[str]]:
        """Return the levels of each class path of a row, as the cells have them; see `classes`."""
        if len(cells) > 1:
            return [list(cells)]
        cell = cells[0]
        if is_broken_list(cell):
            return []
        listed, values = _list(cell), _values(cell, self.split_classes)
        if listed and all(isinstance(path, list) for path in listed):
            return [[str(level).strip() for level in path] for path in listed]
        if self.holds_levels(cell):
            return [values]
        return [pieces(value.removeprefix(self.separator), self.separator) for value in values]

    def holds_levels(self, cell: str) -> bool:
        """Return whether a cell has a list of levels, not of whole paths: none of several values has the separator."""
        listed = _list(cell) or []
        paths = any(isinstance(value, list) or self.separator in str(value) for value in listed)
        return len(listed) > 1 and not paths and not self.repeated

    def choose(self, paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Choose among several class paths; of equals the first."""
        if self.several_classes == "all":
            return [path for path in paths if not any(path == other[: len(path)] and path != other for other in paths)]
        if self.several_classes == "first":
            return paths[:1]
        size = len if self.several_classes == "deepest" else lambda path: len("".join(path))
        return sorted(paths, key=size, reverse=True)[:1]


def pieces(text: str, separator: str) -> list[str]:
    r"""Split a text, but not at separators that a backslash escapes: ``Tea\, loose, Sets`` has two pieces."""
    parts = re.split(rf"(?<!\\){re.escape(separator)}", text)
    return [part.replace(f"\\{separator}", separator).strip() for part in parts]


def is_broken_list(cell: str) -> bool:
    """Return whether a cell begins as a list of texts, but cannot be read as one; ``[Sale]`` is a name like others."""
    return re.match(r"\s*(\[\s*)+[\"']", cell) is not None and _list(cell) is None


def between_pictures(cell: str) -> str | None:
    """Return what separates the pictures in a cell, where each piece has the ending of one; None: it holds one."""
    if cell.count(".") < 2:
        return None
    for separator in SEPARATORS:
        values = [value for value in _values(cell, separator) if value]
        if len(values) > 1 and all(value.partition("?")[0].lower().endswith(ENDINGS) for value in values):
            return separator
    return None


def _escaped(entity: str, separators: Sequence[str]) -> str:
    """Return an entity, or a backslash and the separator that it stands for; see `pieces`."""
    meant = html.unescape(entity)
    return f"\\{meant}" if meant in separators else entity


def _values(cell: str, separator: str | None) -> list[str]:
    listed = _list(cell)
    if listed is not None:
        return [str(value).strip() for value in listed if value is not None]
    if separator and re.match(r"\s*(?:https?:)?//", cell):  # a URL may hold the separator: …/w_400,h_400/hat.jpg
        return [part.strip() for part in re.split(rf"{re.escape(separator)}\s*(?=(?:https?:)?//)", cell)]
    return pieces(cell, separator) if separator else [cell.strip()]


def _list(cell: str) -> list[Any] | None:
    """Return a list that stands in a cell, as JSON or as Python writes it; None: there is none."""
    if not cell.lstrip().startswith("["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(cell.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else None
    return None


def _trimmed(levels: list[str]) -> list[str]:
    """Drop levels at the end that are empty or say nothing."""
    while levels and says_nothing(levels[-1]):
        levels = levels[:-1]
    return levels


def ends_in_nothing(levels: list[str]) -> bool:
    """Return whether a class path ends in a word for nothing, such as ``nan``; not whether in an empty level."""
    return any(level.strip() for level in levels[len(_trimmed(levels)) :])


@dataclass(frozen=True)
class Pattern:
    """Composes a picture's path of columns: ``{id:.3}/{id}.jpg`` is 010/0108775015.jpg for id 0108775015.

    Attributes:
        parts: a text, the column after it, and how its cell is formatted; no column after the last text.
    """

    parts: tuple[tuple[str, str | None, str], ...]

    @classmethod
    def of(cls, text: str) -> "Pattern":
        """Read a pattern.

        Raises:
            InputError: it is none, or names no column.
        """
        try:
            found = list(Formatter().parse(text))
            _ = [format("", spec or "") for _, _, spec, _ in found]
        except ValueError as error:
            raise InputError(f"--image-pattern: {text!r} cannot be read ({error}). {EXAMPLE}") from None
        pattern = cls(tuple((text, f"{name}!{how}" if how else name, spec or "") for text, name, spec, how in found))
        if not pattern.columns():
            raise InputError(f"--image-pattern: {text!r}: it names no column. {EXAMPLE}")
        return pattern

    def columns(self) -> list[str]:
        """Return the columns that it names."""
        return [column for _, column, _ in self.parts if column is not None]

    def spelled(self, headers: Mapping[str, str]) -> "Pattern":
        """Return the pattern with the headers that the table has, given for each that it names."""
        return Pattern(tuple((text, column and headers[column], spec) for text, column, spec in self.parts))

    def compose(self, row: Mapping[str, str]) -> str:
        """Return the path for a row; empty if a column is."""
        if not all(row[column].strip() for column in self.columns()):
            return ""
        return "".join(
            text if column is None else text + format(row[column].strip(), spec) for text, column, spec in self.parts
        )


EXAMPLE = "Columns stand in braces, as in '{id:.3}/{id}.jpg'; {id:.3} is the first 3 characters."
