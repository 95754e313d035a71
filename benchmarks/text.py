"""Text and labels at the scale of a real shop, each compared with what it replaces.

Run as ``python -m benchmarks.text`` after the pipeline, or with ``--names CATALOGUE.csv``. Each side runs in its own
process. Results are compared before a ratio is shown; memory is the peak of the whole process, libraries and prepared
input included.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.comparisons import add, near, new_table
from benchmarks.harness import measure
from huse.progress import progress
from huse.run.paths import SAMPLE_CSV

NAMES = 65_714  # of the catalogue that took the notebook ten hours
FILE_WORDS, NEEDED_WORDS = 200_000, 5_000
DIMENSION = 300
LABELS, LABEL_DIMENSION = 10_000, 4096
SENTENCES = 1_000
NGRAM_NAMES = 20_000
TIMED_NAMES = 200  # for the slow side

DIFFERENT = {False: "names", True: "different names"}


def cleaning(names: str, table: Table) -> None:
    """Measure cleaning names."""
    for different in (False, True):
        run: dict[str, Any] = {"names": names, "count": NAMES, "different": different}
        both = (measure(f"cleaning:{side}", repeats=3, **run) for side in ("at_once", "loop"))
        work = f"clean {NAMES:,} {DIFFERENT[different]}"
        add(table, (work, "loop, list of stop words"), both, np.testing.assert_array_equal)


def glove(table: Table) -> None:
    """Measure getting words out of a GloVe file of 200,000 different words; 2,000 rows of numbers take turns."""
    numbers = np.random.default_rng(0).normal(scale=0.4, size=(2_000, DIMENSION))
    rows = [" ".join(f"{number:.5g}" for number in one) for one in numbers.tolist()]
    words = [f"word{index}" for index in range(0, FILE_WORDS, FILE_WORDS // NEEDED_WORDS)]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.writelines(f"word{index} {rows[index % len(rows)]}\n" for index in range(FILE_WORDS))
        file.flush()
        ours = measure("glove:in_need", repeats=3, path=file.name, words=words)
        theirs = measure("glove:by_gensim", path=file.name, words=words)
    work = f"{NEEDED_WORDS:,} of {FILE_WORDS:,} words × {DIMENSION}"
    add(table, (work, "gensim, whole file"), (ours, theirs), near(0, 0))


def name_vectors(names: str, table: Table) -> None:
    """Measure names to vectors, and then from ten thousand to a million of them."""
    slow: dict[str, Any] = {"names": names, "count": NAMES, "different": True, "vocabulary": FILE_WORDS}
    ours = measure("name_vectors:by_product", repeats=3, **slow)
    theirs = measure("name_vectors:by_list", **slow, timed=TIMED_NAMES)
    work = f"vectors of {NAMES:,} {DIFFERENT[True]}"
    add(table, (work, f"loop, list of {FILE_WORDS:,} words"), (ours, theirs), near(1e-5, 1e-5))
    for different in (False, True):
        run: dict[str, Any] = {"names": names, "count": NAMES, "different": different}
        both = (measure(f"name_vectors:{side}", repeats=2, **run) for side in ("by_product", "by_dictionary"))
        add(table, (f"vectors of {NAMES:,} {DIFFERENT[different]}", "loop, dictionaries"), both, near(1e-5, 1e-5))
    for count in (10_000, 100_000, 1_000_000):
        ours = measure("name_vectors:by_product", repeats=2, names=names, count=count, different=True)
        rate, work = f"{count / ours.seconds:,.0f} names/s", f"vectors of {count:,} {DIFFERENT[True]}"
        table.add_row(work, rate, f"{ours.seconds:.2f}", "", "", f"{ours.megabytes:,.0f}")


def ngrams(names: str, table: Table) -> None:
    """Measure names to vectors by n-grams, 1,024 values each, and then up to a million of them."""
    for different in (False, True):
        run: dict[str, Any] = {"names": names, "count": NGRAM_NAMES, "different": different}
        both = (measure(f"ngrams:{side}", repeats=2, **run) for side in ("ours", "scikit_learn"))
        add(table, (f"n-grams of {NGRAM_NAMES:,} {DIFFERENT[different]}", "scikit-learn"), both, near(1e-5, 1e-5))
    for count in (10_000, 100_000, 300_000):
        ours = measure("ngrams:ours", names=names, count=count, different=True)
        rate, work = f"{count / ours.seconds:,.0f} names/s", f"n-grams of {count:,} {DIFFERENT[True]}"
        table.add_row(work, rate, f"{ours.seconds:.2f}", "", "", f"{ours.megabytes:,.0f}")


def sentences(model: str, names: str, table: Table) -> None:
    """Measure names through a model of sentences; the library encodes equal names each by itself."""
    for different in (False, True):
        run: dict[str, Any] = {"model": model, "names": names, "count": SENTENCES, "different": different}
        both = (measure(f"sentences:{side}", repeats=3, **run) for side in ("ours", "library"))
        work = f"model of sentences, {SENTENCES:,} {DIFFERENT[different]}"
        add(table, (work, "sentence-transformers"), both, near(0, 1e-5))


def labels(table: Table) -> None:
    """Measure InferSent, and the distances of labels."""
    both = (measure(f"infersent:{side}", labels=LABELS) for side in ("grouped", "as_they_come"))
    add(table, (f"InferSent, {LABELS:,} labels", "batches of 64 as they come"), both, near(1e-4, 1e-4))
    both = (
        measure(f"adjacency:{side}", labels=LABELS, dimension=LABEL_DIMENSION) for side in ("by_blocks", "by_cdist")
    )
    add(table, (f"adjacency, {LABELS:,} × {LABEL_DIMENSION:,}", "SciPy's cdist"), both, near(1e-6, 1e-6))


def main(
    names: Annotated[
        Path, typer.Option(exists=True, help="CSV with a header; names are its second column.")
    ] = SAMPLE_CSV,
    sentence_model: Annotated[
        str | None, typer.Option(help="Compare a model of sentences too: a folder, package or name.")
    ] = None,
) -> None:
    """Measure and print one table."""
    table = new_table("Text and labels beside what they replace; seconds and peak memory in MB", "s")
    works: list[Callable[[Table], None]] = [
        partial(cleaning, str(names)),
        glove,
        partial(name_vectors, str(names)),
        partial(ngrams, str(names)),
        labels,
        *([partial(sentences, sentence_model, str(names))] if sentence_model else []),
    ]
    for work in progress(works, description="benchmark", unit="comparison"):
        work(table)
    Console(width=130).print(table)


if __name__ == "__main__":
    typer.run(main)
