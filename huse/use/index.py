"""An index of a shop's embeddings: one table in a folder, without a server, that grows with the shop.

LanceDB keeps the table. One row is one embedding: of each picture, of each name, and of each product, which is the mean
of the embeddings of its pictures and of its names (`huse.fusion.mean_direction`). Every change is one commit: a reader
beside it, or after a kill, sees all of it or nothing.

Letters: N embeddings, M products, D dimension of the shared space.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from filelock import FileLock

from huse.errors import InputError
from huse.use.approximate import EXACT, FILE, Approximation, approximate, is_stale, nearest_to

if TYPE_CHECKING:
    from lancedb.table import Table

    from huse.encoders.picture_input import Picture
    from huse.use.model import Model

Floats = npt.NDArray[np.float32]
Kind = Literal["pictures", "names", "products"]
KINDS: tuple[Kind, ...] = get_args(Kind)

TABLE, LOCK = "embeddings", ".writing"
# The columns that every index has; those of the catalogue that people add come after them, then the embedding.
COLUMNS = ("key", "kind", "product", "image", "name", "classes", "split", "origin")
OWN = (*COLUMNS, "embedding")
CATALOGUE, ADDED = "catalogue", "added"  # origins
FORMAT = 1  # of the table; raise it when an older reader would misread a new one
COMMIT = 2000  # products that are written together, at most
KEPT = timedelta(hours=1)  # versions that a reader may still have open
MANY_VERSIONS = 50
READ = 4096  # rows that are read at a time
SHOWN = 500  # characters of a condition in a message
# What LanceDB says where files of the table are gone or damaged.
BROKEN = ("Not found", "LanceError(IO)", "LocalFileSystem", "os error", "Encountered corrupt")


@dataclass(frozen=True)
class Hit:
    """What a search found.

    Attributes:
        product: its id.
        similarity: cosine with the query, -1 to 1.
        image: path of the picture, relative to the folder of the catalogue's pictures; of a name or a product that of
            its first picture; empty where there is none.
        name: empty where there is none.
        class_path: as the shop has filed it; empty where it has not.
        split: of the catalogue; empty for what was added.
        further: the other columns of the catalogue.
        key: of its row, which no other row has.
    """

    product: str
    similarity: float
    image: str
    name: str
    class_path: str
    split: str
    further: dict[str, Any] = field(default_factory=dict)
    key: str = ""


class Index:
    """The index in a folder, for one model; `Index.open` reads one, the stage `index` makes one."""

    def __init__(self, folder: Path, table: "Table", model: "Model | None" = None) -> None:
        self.folder, self._table, self._model = folder, table, model

    @classmethod
    def make(cls, folder: Path, parts: Iterable[tuple[pd.DataFrame, Floats]], about: Mapping[str, Any]) -> Self:
        """Make an index, in place of one that is there: readers see the old one until the new one is whole.

        Args:
            folder: of the index.
            parts: at least one, and all rows of a product in the same; each rows of N embeddings, with `COLUMNS` but
                the key, and further columns of text or numbers, and these embeddings, N × D float32 of unit norm. The
                first says which columns there are. One part is in memory at a time.
            about: JSON; `fingerprint` of the model.
        """
        content = {**about, "format": FORMAT}
        following = iter(parts)
        first = rows, embeddings = next(following)
        schema = pa.Schema.from_pandas(keyed(rows), preserve_index=False).remove_metadata()
        schema = schema.append(pa.field("embedding", pa.list_(pa.float32(), embeddings.shape[1])))
        schema = schema.with_metadata({"huse": json.dumps(content, ensure_ascii=False)})
        tables = (_arrow(keyed(rows), embeddings, schema) for rows, embeddings in chain([first], following))
        data = pa.RecordBatchReader.from_batches(schema, (batch for one in tables for batch in one.to_batches()))
        with alone(folder):
            index = cls(folder, _connect(folder).create_table(TABLE, data, schema=schema, mode="overwrite"))
            index._maintain()
        return index

    @classmethod
    def open(cls, folder: str | Path, model: "Model | None" = None) -> Self:
        """Open an index.

        Args:
            folder: that the stage `index` wrote, ``data/index``, or a copy of it anywhere.
            model: that reads queries; without one, queries are embeddings.

        Raises:
            InputError: there is no index in the folder, or it is of another model or version.
        """
        place = Path(folder)
        if not (place / f"{TABLE}.lance").is_dir():
            raise InputError(f"{place}: no index. Run `dvc repro --force --single-item index`, or copy one there.")
        try:
            index = cls(place, _connect(place).open_table(TABLE), model)
            found = index.about["format"]
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{place}: not a readable index ({reason}). Make it again, or copy all of it.") from None
        if found != FORMAT:
            raise InputError(f"{place}: expected an index of format {FORMAT}, found {found}. Make it again.")
        index._check_model()
        return index

    def _check_model(self) -> None:
        if self._model is not None and self.about["fingerprint"] != self._model.fingerprint:
            raise InputError(
                f"{self.folder}: is of another model than the one given, so their embeddings cannot be compared. "
                "Run `dvc repro --force --single-item index`, or give the model that made it."
            )

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the index: the model's `fingerprint`, and where its catalogue's pictures are."""
        content: dict[str, Any] = json.loads((self._table.schema.metadata or {})[b"huse"])
        return content

    @property
    def dimension(self) -> int:
        """D."""
        return int(self._table.schema.field("embedding").type.list_size)

    @property
    def further(self) -> list[str]:
        """The columns of the catalogue that were added to `COLUMNS`."""
        return [name for name in self._table.schema.names if name not in OWN]

    @property
    def numbers(self) -> list[str]:
        """Those of `further` that hold numbers; the others hold text."""
        types = {name: self._table.schema.field(name).type for name in self.further}
        return [name for name, of in types.items() if pa.types.is_floating(of) or pa.types.is_integer(of)]

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def count(self, kind: Kind) -> int:
        """Return how many embeddings of a kind there are."""
        return self.matching(f"kind = '{kind}'")

    def matching(self, where: str | None = None) -> int:
        """Return how many rows a condition in SQL holds for; all without one."""
        with _asked(self.folder, where):
            return int(self._table.count_rows(where))

    def classes(self) -> dict[str, int]:
        """Return how many products each class path has, sorted; the empty path is that of products without one."""
        found = self._table.search().where("kind = 'products'").select(["classes"]).to_arrow()["classes"]
        counts = found.to_pandas().fillna("").value_counts()
        return {str(path): int(counts[path]) for path in sorted(counts.index)}

    def rows(self, where: str | None = None, *, embeddings: bool = False) -> pd.DataFrame:
        """Return the rows that a condition in SQL holds for, all of them without one; the embeddings only if asked."""
        columns = [name for name in self._table.schema.names if embeddings or name != "embedding"]
        query = self._table.search().select(columns)
        with _asked(self.folder, where):
            found: pd.DataFrame = (query.where(where) if where else query).to_pandas()
        return found

    @property
    def schema(self) -> pa.Schema:
        """The columns, with their types, the embedding last."""
        schema: pa.Schema = self._table.schema
        return schema

    def batches(self, where: str | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows that a condition in SQL holds for, with their embeddings, `READ` at a time."""
        query = self._table.search().select(self.schema.names)
        with _asked(self.folder, where):
            reader = iter((query.where(where) if where else query).to_batches(READ))
        while True:
            with _asked(self.folder, where):  # not what is done with a batch
                batch = next(reader, None)
            if batch is None:
                return
            if batch.num_rows:
                yield batch

    def search(
        self,
        text: str | None = None,
        k: int = 10,
        *,
        picture: "Picture | None" = None,
        embedding: Floats | None = None,
        kind: Kind = "products",
        classes: str | None = None,
        where: str | None = None,
    ) -> list[Hit]:
        """Find what is nearest to a text, to a picture, or to both together, the nearest first.

        Args:
            text: what to look for, such as a name.
            k: hits, at most.
            picture: as in `Model.encode_images`.
            embedding: D float32 of unit norm, in place of both.
            kind: what is compared with the query: `pictures`, `names`, or `products`, the mean of both.
            classes: a class path; ``shoes<*``: all classes below it too.
            where: a condition in SQL on any column, such as ``price < 50 AND split = 'test'``.

        Raises:
            InputError: there is no query, the index was opened without a model, or the condition does not fit.
        """
        if k < 1:
            raise InputError(f"k: expected at least 1, found {k}.")
        if kind not in KINDS:
            raise InputError(f"kind: expected {', '.join(KINDS)}, found {kind!r}.")
        if embedding is None:
            if self._model is None:
                raise InputError(f"{self.folder}: opened without a model, which texts and pictures need.")
            asked = self._model.encode(
                images=None if picture is None else [picture], texts=None if text is None else [text]
            )
            embedding = asked[0]
        if embedding.shape != (self.dimension,):
            raise InputError(f"embedding: expected {self.dimension} numbers, found {embedding.shape}.")
        conditions = [
            f"kind = '{kind}'",
            *([class_condition(classes)] if classes else []),
            *([f"({where})"] if where else []),
        ]
        found = self._nearest(embedding, k, conditions)
        named = {"product": "product", "image": "image", "name": "name", "classes": "class_path", "split": "split"}
        return [
            Hit(
                **{attribute: row[column] for column, attribute in named.items()},
                similarity=1 - float(row["_distance"]),
                further={name: row[name] for name in self.further},
                key=row["key"],
            )
            for row in found.to_pylist()
        ]

    def _nearest(self, embedding: Floats, k: int, conditions: Sequence[str]) -> pa.Table:
        columns = [name for name in self._table.schema.names if name != "embedding"]
        where, how = " AND ".join(conditions), self._approximation

        def ask(how: Approximation) -> pa.Table:
            query = how.applied(nearest_to(self._table, embedding, columns))
            return query.where(where, prefilter=True).limit(k).to_arrow()

        with _asked(self.folder, conditions[-1]):
            # What is left of few may lie in partitions that are not read.
            if how.partitions and len(conditions) > 1 and self._table.count_rows(where) < EXACT:
                how = Approximation()
            found = ask(how)
            return ask(Approximation()) if how.partitions and len(found) < k else found

    @cached_property
    def _approximation(self) -> Approximation:
        """How this table is searched; read once, as the table stays what it is until this object writes to it."""
        return Approximation.read(self.folder)

    def put(self, rows: pd.DataFrame, embeddings: Floats) -> None:
        """Write products, each in place of what there is of it; commit by commit, and each product in one.

        Args:
            rows: of N embeddings, as in `make`; rows of a product are adjacent. Columns that the index lacks are left
                out; those that it has more are empty.
            embeddings: N × D float32, unit norm.
        """
        products = rows["product"].to_numpy()
        starts = np.flatnonzero(np.r_[True, products[1:] != products[:-1]])[::COMMIT]
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            part = keyed(rows.iloc[start:end])
            replaced = in_list("product", part["product"].unique().tolist())
            with self._writing():
                (
                    self._table.merge_insert("key")
                    .when_matched_update_all()
                    .when_not_matched_insert_all()
                    .when_not_matched_by_source_delete(replaced)
                    .execute(_arrow(part, embeddings[start:end], self._table.schema))
                )
        with self._writing():
            self._maintain()

    def no_numbers(self, cells: pd.DataFrame) -> dict[str, list[str]]:
        """Return by column of numbers the cells that are none, which `put` leaves empty; empty cells do not count.

        Args:
            cells: of text, some of the columns.
        """
        numbers = [name for name in self.numbers if name in cells]
        found = {name: _finite(cells[name]).isna() & (cells[name] != "") for name in numbers}
        return {name: cells.loc[bad, name].tolist() for name, bad in found.items() if bad.any()}

    def remove(self, products: Sequence[str]) -> int:
        """Remove products, all in one commit; return how many of them were there."""
        with self._writing():
            there = self.known(products)
            if there:
                self._table.delete(in_list("product", sorted(there)))
                self._maintain()
        return len(there)

    def known(self, products: Sequence[str]) -> set[str]:
        """Return which of some products are there."""
        return set(self.rows(f"kind = 'products' AND {in_list('product', products)}")["product"]) if products else set()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write alone, to the table as others have left it: two that write at a time would both insert a product."""
        with alone(self.folder):
            self._table.checkout_latest()  # type: ignore[no-untyped-call]
            self.__dict__.pop("_approximation", None)
            self._check_model()  # it may have been made again, by another model
            yield

    def _maintain(self) -> None:
        """Keep queries fast: join small files, and where there are many rows, build the approximate index anew.

        LanceDB's `optimize` would make an approximate index that is there slow, so it runs without one.
        """
        stale = is_stale(self._table)
        if stale or (not self._table.list_indices() and len(self._table.list_versions()) > MANY_VERSIONS):
            for one in self._table.list_indices():
                self._table.drop_index(one.name)
            self._table.optimize(cleanup_older_than=KEPT)
        if stale and len(self) >= EXACT:
            approximate(self._table, KINDS).write(self.folder)
            self.__dict__.pop("_approximation", None)


def state_of(folder: Path) -> frozenset[tuple[str, int]]:
    """Return what differs whenever the index in a folder has changed, without opening it; empty: there is none."""
    files = [*(folder / f"{TABLE}.lance" / "_versions").glob("*"), folder / FILE]
    state = set()
    for file in files:
        with suppress(OSError):  # old versions are removed at any time
            state.add((file.name, file.stat().st_mtime_ns))
    return frozenset(state)


def keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their key: kind and number within the product, and the product's id."""
    number = rows.groupby(["product", "kind"], sort=False).cumcount()
    key = rows["kind"] + " " + number.astype(str) + " " + rows["product"]
    others = [name for name in rows.columns if name not in COLUMNS]
    return rows.assign(key=key)[[*COLUMNS, *others]]


def class_condition(classes: str) -> str:
    """Return the SQL of a class path; that of ``shoes<*`` holds for all classes below ``shoes`` too."""
    above = classes.removesuffix("<*")
    if above == classes:
        return f"classes = {quoted(classes)}"
    return f"(classes = {quoted(above)} OR starts_with(classes, {quoted(above + '<')}))"


def in_list(column: str, values: Sequence[str]) -> str:
    """Return the SQL of a column being one of some texts."""
    return f"{column} IN ({', '.join(map(quoted, values))})"


def quoted(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + str(text).replace("'", "''") + "'"


def alone(folder: Path) -> FileLock:
    """Return what keeps others from writing; a killed process leaves it open. Whoever has it may take it again."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / LOCK, is_singleton=True)


def _connect(folder: Path) -> Any:
    os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table that is new
    import lancedb  # noqa: PLC0415  half a second that the other uses do without

    return lancedb.connect(folder)


def _arrow(rows: pd.DataFrame, embeddings: Floats, schema: pa.Schema) -> pa.Table:
    """Return rows and embeddings as the table has them."""
    given = rows.reindex(columns=[name for name in schema.names if name != "embedding"])
    flat = pa.array(np.ascontiguousarray(embeddings, np.float32).ravel())
    vectors = pa.FixedSizeListArray.from_arrays(flat, schema.field("embedding").type.list_size)
    columns = [_column(given[name], schema.field(name).type) for name in given.columns]
    return pa.Table.from_arrays([*columns, vectors], schema=schema)


def _column(values: "pd.Series[Any]", kind: pa.DataType) -> pa.Array:
    """Return a column in the type that the table has: what is no finite number is none in a column of numbers."""
    if pa.types.is_floating(kind):
        return pa.Array.from_pandas(_finite(values), type=kind)
    return pa.array([None if pd.isna(value) else str(value) for value in values], type=kind)


def _finite(values: "pd.Series[Any]") -> "pd.Series[float]":
    """Return the numbers of a column; NaN for what is none, or not finite."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.where(np.isfinite(numbers))


@contextmanager
def _asked(folder: Path, where: str | None) -> Iterator[None]:
    """Ask LanceDB; a condition that does not fit is the user's, and so is a folder that is not whole."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0].partition(", /")[0]
        if any(sign in reason for sign in BROKEN):
            raise InputError(f"{folder}: not a readable index ({reason}). Make it again, or copy all of it.") from None
        shown = str(where) if len(str(where)) <= SHOWN else f"{str(where)[:SHOWN]}…"
        raise InputError(f"{shown}: no condition that fits the index ({reason}).") from None
