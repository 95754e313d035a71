"""An index of a million embeddings: size, build, opening, queries, growth, and its recall beside exact search.

Run as ``python -m benchmarks.index`` from the root of the repository; ``--embeddings`` makes it smaller. Embeddings are
drawn around centres, as those of a shop lie around its classes. Exact search is NumPy's, over all of them in memory.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from huse.use.approximate import Approximation
from huse.use.index import ADDED, CATALOGUE, KINDS, Index

Floats = npt.NDArray[np.float32]
CENTRES = 1_000
QUERIES, NEAREST = 200, 10
ADDED_ROWS = 10_000


def draw(count: int, dimension: int, seed: int) -> Floats:
    """Return N × D float32 of unit norm around `CENTRES` centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CENTRES, dimension)).astype(np.float32)
    rows = centres[random.integers(0, CENTRES, count)]
    rows += 0.7 * random.standard_normal(rows.shape, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def rows_of(count: int, first: int, origin: str) -> pd.DataFrame:
    """Return rows of products, each with a picture, a name and the product itself."""
    product = np.arange(first, first + count) // len(KINDS)
    names = pd.Series(product.astype(str))
    return pd.DataFrame(
        {
            "kind": np.array(KINDS)[np.arange(count) % len(KINDS)],
            "product": names,
            "image": names + ".jpg",
            "name": "name " + names,
            "classes": "class<" + pd.Series((product % 100).astype(str)),
            "split": "train",
            "origin": origin,
            "price": product % 500.0,
        }
    )


def main(
    embeddings: Annotated[int, typer.Option(min=3_000, help="In the index.")] = 1_000_000,
    dimension: Annotated[int, typer.Option(min=2, help="Numbers of an embedding.")] = 512,
) -> None:
    """Measure and print one table."""
    table = Table("work", "found", title=f"An index of {embeddings:,} embeddings of {dimension}")
    vectors = draw(embeddings, dimension, seed=1)
    rows = rows_of(embeddings, 0, CATALOGUE)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "index"
        start = time.perf_counter()
        Index.make(place, [(rows, vectors)], {"fingerprint": "", "images": "", "columns": {}})
        table.add_row("build, recall measured", f"{time.perf_counter() - start:.0f} s")
        table.add_row("on disk", f"{_size(place) / 2**30:.2f} GiB, {_size(place) / vectors.nbytes:.2f} of the numbers")
        start = time.perf_counter()
        index = Index.open(place)
        table.add_row("open", f"{time.perf_counter() - start:.2f} s")
        how = Approximation.read(place)
        table.add_row("partitions a query reads", str(how.partitions or "all"))
        table.add_row(
            "recall@10 by direction, at the build", json.dumps(how.recall, ensure_ascii=False, indent=1) or "1"
        )
        table.add_row(*_queries(index, vectors, rows))
        new = rows_of(ADDED_ROWS, 3 * embeddings, ADDED)
        start = time.perf_counter()
        index.put(new, draw(ADDED_ROWS, dimension, seed=2))
        table.add_row(f"add {ADDED_ROWS:,} embeddings", f"{time.perf_counter() - start:.1f} s")
        work, found = _queries(index, vectors, rows)
        table.add_row(f"{work}, after that", found)
    Console(width=130).print(table)


def _queries(index: Index, vectors: Floats, rows: pd.DataFrame) -> tuple[str, str]:
    """Return what was done, and milliseconds and recall of queries by pictures for products."""
    queries = draw(QUERIES, vectors.shape[1], seed=3)
    there = np.flatnonzero(rows["kind"] == "products")
    seconds, shares = [], []
    for query in queries:
        start = time.perf_counter()
        found = {hit.product for hit in index.search(embedding=query, k=NEAREST)}
        seconds.append(time.perf_counter() - start)
        exact = there[np.argpartition(-(vectors[there] @ query), NEAREST)[:NEAREST]]
        shares.append(len(found & set(rows["product"].iloc[exact])) / NEAREST)
    middle, late = 1000 * np.median(seconds), 1000 * np.quantile(seconds, 0.99)
    return f"{QUERIES} queries", f"p50 {middle:.1f} ms, p99 {late:.1f} ms, recall@{NEAREST} {np.mean(shares):.3f}"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    typer.run(main)
