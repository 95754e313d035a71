"""Which columns of a table of products hold what: those that are named, or those under the usual headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from huse.catalogue.records import RIGHT_COLUMN, find_columns, places_of
from huse.errors import InputError
from huse.storage import Place

SHOWS = ("image", "name")  # a table has one of them at least
NEEDED = "classes"  # where it is asked for, a table must have it
OPTION = "--{}-column"  # of commands


@dataclass(frozen=True)
class Headers:
    """Headers of a table of products.

    Attributes:
        of: by what the column holds: `image`, `name`, `classes`, `split` or `product`.
        optional: those of them that are taken only if they are there.
        setting: what names a header, for messages; ``{}`` is what the column holds.
        remedy: what to do about one that is not there, for messages.
    """

    of: Mapping[str, str]
    optional: frozenset[str] = frozenset()
    setting: str = "catalogue.columns.{}"
    remedy: str = RIGHT_COLUMN

    @classmethod
    def of_params(cls, columns: Mapping[str, str | None]) -> Self:
        """Return the headers that parameters name; None: there is no such column."""
        return cls({kind: header for kind, header in columns.items() if header is not None})

    @classmethod
    def of_options(cls, named: Mapping[str, str | None], known: Mapping[str, str] | None = None) -> Self:
        """Return the headers that options of a command name, and for the others the usual ones.

        Args:
            named: by what the column holds; None: the option is not given.
            known: headers of the tables before, such as of the catalogue of an index, which are needed then; None:
                the usual ones, each called as what it holds, are taken if they are there.
        """
        given = {kind: header for kind, header in named.items() if header is not None}
        usual = {kind: kind for kind in named} if known is None else known
        optional = usual.keys() - given.keys() - {NEEDED} if known is None else ()
        options = [OPTION.format(kind) for kind in named]
        remedy = f"Name the columns by {', '.join(options[:-1])} and {options[-1]}, or rename its headers."
        if known is not None:
            remedy += " Where the products have none, add an empty column."
        return cls({**usual, **given}, frozenset(optional), OPTION, remedy)

    @property
    def wanted(self) -> list[str]:
        """The headers by which the header line is known; see `huse.catalogue.records.Records`."""
        return [header for kind, header in self.of.items() if kind not in self.optional] or [*self.of.values()]

    def places(self, path: Place, header: list[str]) -> dict[str, int]:
        """Return the place of each column that is there, by what it holds.

        Args:
            path: of the table, for messages.
            header: of the table.

        Raises:
            InputError: a column that is needed is not there or several times, or is named for two things.
        """
        needed = self._found(path, header, self.of.keys() - self.optional)
        usual = (kind for kind in self.optional if set(places_of(header, self.of[kind])) - set(needed.values()))
        places = {**needed, **self._found(path, header, usual)}
        if not places.keys() & set(SHOWS):
            one, other = (f"`{self.of.get(kind, kind)}`" for kind in SHOWS)
            raise InputError(f"{path}: expected a column {one} or {other}, found: {', '.join(header)}. {self.remedy}")
        return places

    def _found(self, path: Place, header: list[str], kinds: Iterable[str]) -> dict[str, int]:
        kinds = sorted(kinds, key=[*self.of].index)
        settings = [self.setting.format(kind) for kind in kinds]
        wanted = dict(zip(settings, (self.of[kind] for kind in kinds), strict=True))
        places = dict(zip(kinds, find_columns(path, header, wanted, self.remedy), strict=True))
        by_place = dict(zip(places.values(), settings, strict=True))
        for place, setting in zip(places.values(), settings, strict=True):
            if by_place[place] != setting:
                raise InputError(
                    f"{path}: expected different columns by {setting} and {by_place[place]}, found `{header[place]}` "
                    "for both. Name another one."
                )
        return places
