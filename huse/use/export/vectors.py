"""The embeddings of an index as files for other programs: Parquet, and points of Qdrant as JSON lines.

Both are written some rows at a time, so an index need not fit in memory.

Letters: N embeddings, D dimension of the shared space.
"""

import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from huse.use.index import Index

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "huse")  # of the points' ids: a key has the same id in every export
DIGITS = "%.9g"  # as many as a float32 has
Advance = Callable[[int], object]


def write_parquet(index: Index, file: Path, where: str | None, advance: Advance = lambda rows: None) -> int:
    """Write embeddings with all columns of the index; `embedding` is a list of D float32.

    Args:
        index: which.
        file: to write.
        where: a condition in SQL; None: all rows.
        advance: called with the number of rows of each part that is written.

    Returns:
        N.
    """
    schema = index.schema.with_metadata({"huse": json.dumps({"fingerprint": index.about["fingerprint"]})})
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        for batch in index.batches(where):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            count += batch.num_rows
            advance(batch.num_rows)
    return count


def write_qdrant(index: Index, file: Path, where: str | None, advance: Advance = lambda rows: None) -> int:
    """Write embeddings as points of Qdrant, one JSON object a line: `id`, `vector`, `payload`; see `write_parquet`."""
    count = 0
    with file.open("w", encoding="utf-8") as lines:
        for batch in index.batches(where):
            vectors = batch.column("embedding").flatten().to_numpy().reshape(batch.num_rows, index.dimension)
            payloads = batch.drop_columns(["embedding"]).to_pylist()
            for vector, payload in zip(vectors.tolist(), payloads, strict=True):
                lines.write(_point(payload, vector) + "\n")
            count += batch.num_rows
            advance(batch.num_rows)
    return count


def _point(row: dict[str, Any], vector: list[float]) -> str:
    """Return the JSON of a point; what is empty is left out of its payload."""
    key = row.pop("key")
    payload = {name: value for name, value in row.items() if not _is_empty(value)}
    numbers = ", ".join(DIGITS % value for value in vector)
    told = json.dumps(payload, ensure_ascii=False)
    return f'{{"id": "{uuid.uuid5(SPACE, key)}", "vector": [{numbers}], "payload": {told}}}'


def _is_empty(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, float) and math.isnan(value))
