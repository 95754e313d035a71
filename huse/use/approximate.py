"""Approximate search in an index of many embeddings, held to exact search.

An inverted file of scalar-quantised embeddings (IVF_SQ): a query reads the nearest of P partitions, and the nearest
embeddings of these are compared again as they are. How many partitions that takes is found out at every build, in each
direction, since an index that fits pictures may not fit the names that ask for them.

Letters: P partitions.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from lancedb.table import Table

EXACT = 200_000  # embeddings; fewer are compared with the query one by one
TAIL = 0.05  # share of the embeddings that came after the build; with more, it is built again
ENOUGH, NEAREST, ASKED = 0.95, 10, 50  # recall of the 10 nearest, of so many queries a direction
REFINED = 4  # times as many as asked for are compared again
FILE = "approximation.json"


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
        partial = folder / f".partial-{FILE}"
        partial.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / FILE)

    def applied(self, query: Any) -> Any:
        """Return a query of LanceDB that searches so."""
        if not self.partitions:
            return query.bypass_vector_index()
        return query.nprobes(self.partitions).refine_factor(REFINED)


def nearest_to(table: "Table", embedding: np.ndarray, columns: Sequence[str]) -> Any:
    """Return a query of LanceDB for what is nearest to an embedding: these columns, and `_distance`, 1 - cosine."""
    query: Any = table.search(embedding, vector_column_name="embedding")
    return query.distance_type("dot").select([*columns, "_distance"])


def is_stale(table: "Table") -> bool:
    """Return whether a table is to be built again: it has outgrown exact search, or too much came after the build."""
    indices, count = list(table.list_indices()), table.count_rows()
    if not indices:
        return bool(count >= EXACT)
    found = table.index_stats(indices[0].name)
    return found is None or found.num_unindexed_rows > TAIL * count


def approximate(table: "Table", kinds: Sequence[str]) -> Approximation:
    """Build the inverted file of a table, and find out how many partitions a query must read."""
    from lancedb.index import IvfSq  # noqa: PLC0415  half a second that the other uses do without

    count = int(np.sqrt(table.count_rows()))
    table.create_index("embedding", config=IvfSq(distance_type="dot", num_partitions=count), replace=True)
    queries = {kind: _drawn(table, kind) for kind in kinds}
    found = Approximation(partitions=8)
    while True:
        found = Approximation(found.partitions, _recalls(table, queries, found))
        if found.partitions >= count or all(recall >= ENOUGH for recall in found.recall.values()):
            return found
        found = Approximation(min(2 * found.partitions, count))


def _drawn(table: "Table", kind: str) -> np.ndarray:
    """Return some embeddings of a kind, evenly spaced over the table."""
    total = table.count_rows(f"kind = '{kind}'")
    rows = [
        table.search().where(f"kind = '{kind}'").select(["embedding"]).offset(place).limit(1).to_arrow()
        for place in np.unique(np.linspace(0, total - 1, ASKED).astype(int)).tolist()
        if total
    ]
    return np.array([row["embedding"][0].as_py() for row in rows], np.float32)


def _recalls(table: "Table", queries: dict[str, np.ndarray], how: Approximation) -> dict[str, float]:
    """Return in each direction the share of the nearest that are found, by exact search."""
    recalls = {}
    for asked, embeddings in queries.items():
        for kind in queries:
            shares = []
            for embedding in embeddings:
                both = [_keys(table, embedding, kind, each) for each in (Approximation(), how)]
                shares.append(len(both[0] & both[1]) / max(len(both[0]), 1))
            if shares:
                recalls[f"{asked} → {kind}"] = float(np.mean(shares))
    return recalls


def _keys(table: "Table", embedding: np.ndarray, kind: str, how: Approximation) -> set[str]:
    found = how.applied(nearest_to(table, embedding, ["key"])).where(f"kind = '{kind}'", prefilter=True).limit(NEAREST)
    return set(found.to_arrow()["key"].to_pylist())
