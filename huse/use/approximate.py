"""Approximate search in an index of many embeddings, held to exact search.

An inverted file of scalar-quantised embeddings (IVF_SQ): a query reads the nearest of P partitions, and the nearest
embeddings of these are compared again as they are. How many partitions that takes is found out at every build, in each
direction, since an index that fits pictures may not fit the names that ask for them.

Letters: P partitions.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from huse.files import PARTIAL_PREFIX

if TYPE_CHECKING:
    from lancedb.table import Table

Floats = npt.NDArray[np.float32]

EXACT = 200_000  # embeddings; fewer are compared with the query one by one
TAIL = 0.05  # share of the embeddings that came after the build; with more, it is built again
ENOUGH, NEAREST, ASKED = 0.95, 10, 50  # recall of the 10 nearest, of so many queries a direction
FEWEST = 8  # partitions that a query reads
MOST = 1024  # P; a build compares every embedding with all of them, so its time grows as the embeddings do
SAMPLE = 64  # embeddings that each is learned from; 256, as LanceDB has it, takes longer and finds no more
BATCH = 10_000  # embeddings that are compared exactly at a time
EQUAL = 1e-5  # difference of two cosines that may be one of arithmetic
REFINED = 16  # times as many as asked for are compared again; 4 leave out what quantisation confuses
GAIN = 0.005  # of recall; where twice the partitions gain less, it is not what is not read that is lacking
FILE, NAME = "approximation.json", "inverted"  # of what a query reads; of the index in LanceDB


@dataclass(frozen=True)
class Approximation:
    """How an index is searched.

    Attributes:
        partitions: that a query reads; 0: all embeddings are compared.
        recall: by direction, such as ``pictures → names``, the share of the ten nearest that are found.
    """

    partitions: int = 0
    recall: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read that of an index; where there is none, or it is damaged, all embeddings are compared."""
        try:
            return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write it beside the table, whole or not at all."""
        partial = folder / f"{PARTIAL_PREFIX}{FILE}"
        partial.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / FILE)

    def applied(self, query: Any) -> Any:
        """Return a query of LanceDB that searches so."""
        if not self.partitions:
            return query.bypass_vector_index()
        return query.nprobes(self.partitions).refine_factor(REFINED)


def nearest_to(table: "Table", embedding: Floats, columns: Sequence[str]) -> Any:
    """Return a query of LanceDB for what is nearest to an embedding: these columns, and `_distance`, 1 - cosine."""
    query: Any = table.search(embedding, vector_column_name="embedding")
    return query.distance_type("dot").select([*columns, "_distance"])


def is_stale(table: "Table") -> bool:
    """Return whether a table is to be built again: it has outgrown exact search, or too much came after the build."""
    count = table.count_rows()
    if NAME not in {one.name for one in table.list_indices()}:
        return bool(count >= EXACT)
    found = table.index_stats(NAME)
    return found is None or found.num_unindexed_rows > TAIL * count


def approximate(table: "Table", kinds: Sequence[str]) -> Approximation:
    """Build the inverted file of a table, and find out how many partitions a query must read."""
    from lancedb.index import Bitmap, IvfSq  # noqa: PLC0415  half a second that the other uses do without

    count = min(int(np.sqrt(table.count_rows())), MOST)
    table.create_index("kind", config=Bitmap(), replace=True)  # or every query reads the kinds of all embeddings
    config = IvfSq(distance_type="dot", num_partitions=count, sample_rate=SAMPLE)
    table.create_index("embedding", config=config, replace=True, name=NAME)
    queries = {kind: drawn for kind in kinds if len(drawn := _drawn(table, kind))}
    exact = _exact(table, queries)
    return _enough(count, lambda partitions: _recalls(table, queries, exact, partitions))


def _enough(count: int, recalls: Callable[[int], dict[str, float]]) -> Approximation:
    """Return how many of the partitions a query must read, found by doubling them.

    Args:
        count: P.
        recalls: of so many partitions, by direction.
    """
    partitions = min(FEWEST, count)
    found = Approximation(partitions, recalls(partitions))
    while partitions < count and (lacking := [one for one, recall in found.recall.items() if recall < ENOUGH]):
        partitions = min(2 * partitions, count)
        more = Approximation(partitions, recalls(partitions))
        if all(more.recall[one] < found.recall[one] + GAIN for one in lacking):
            break
        found = more
    return found


def _drawn(table: "Table", kind: str) -> Floats:
    """Return some embeddings of a kind, evenly spaced over the table."""
    query: Any = table.search()
    rows = query.where(f"kind = '{kind}'").select(["kind"]).with_row_id(True).to_arrow()["_rowid"].to_numpy()
    if not len(rows):
        return np.empty((0, 0), np.float32)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, ASKED).astype(int))].tolist()
    found = table.take_row_ids(chosen).select(["embedding"]).to_arrow()["embedding"]
    return np.stack(found.to_numpy()).astype(np.float32)


def _exact(table: "Table", queries: Mapping[str, Floats]) -> dict[tuple[str, str], list[Floats]]:
    """Return the cosines of the nearest, of each kind for the queries of each kind, in one pass over the table.

    A list for each direction: of each query the highest, in falling order.
    """
    kinds, every = list(queries), np.concatenate(list(queries.values()))
    best = {kind: np.full((len(every), NEAREST), -np.inf, np.float32) for kind in kinds}
    for batch in table.search().select(["kind", "embedding"]).to_batches(BATCH):
        flat = batch["embedding"].flatten().to_numpy(zero_copy_only=False)
        cosines = every @ flat.reshape(batch.num_rows, -1).T
        of = np.array(batch["kind"].to_pylist(), object)
        for kind, values in best.items():
            both = np.concatenate([values, cosines[:, of == kind]], axis=1)
            best[kind] = -np.sort(-both, axis=1)[:, :NEAREST]
    starts = np.cumsum([0, *map(len, queries.values())])
    return {
        (asked, kind): [row[np.isfinite(row)] for row in best[kind][start:end]]
        for asked, start, end in zip(kinds, starts, starts[1:], strict=False)
        for kind in kinds
    }


def _recalls(
    table: "Table", queries: Mapping[str, Floats], exact: Mapping[tuple[str, str], list[Floats]], partitions: int
) -> dict[str, float]:
    """Return in each direction the share of the nearest that are found by reading so many partitions.

    What is as near as the last of the nearest is one of them: many products may have one name, and one embedding.
    """
    how, recalls = Approximation(partitions), {}
    for (asked, kind), nearest in exact.items():
        shares = []
        for embedding, cosines in zip(queries[asked], nearest, strict=True):
            query = how.applied(nearest_to(table, embedding, ["key"])).where(f"kind = '{kind}'", prefilter=True)
            found = 1 - query.limit(NEAREST).to_arrow()["_distance"].to_numpy()
            shares.append(np.count_nonzero(found >= cosines[-1] - EQUAL) / len(cosines))
        recalls[f"{asked} → {kind}"] = round(float(np.mean(shares)), 4)
    return recalls
