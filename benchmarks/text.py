"""Text and labels at the scale of a real shop, each compared with what it replaces.

Run as ``python -m benchmarks.text`` after the pipeline, or with ``--names CATALOGUE.csv``. Each side runs in its own
process. Results are compared before a ratio is shown; memory is the peak of the whole process, libraries and prepared
input included.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measured, measure
from huse.progress import progress
from huse.run.paths import SAMPLE_CSV

NAMES = 65_714  # of the catalogue that took the notebook ten hours
FILE_WORDS, NEEDED_WORDS = 200_000, 5_000
DIMENSION = 300
LABELS, LABEL_DIMENSION = 10_000, 4096
TIMED_NAMES, TIMED_LABELS = 200, 1_000  # for the slow sides; their seconds are scaled up

DIFFERENT = {False: "names", True: "different names"}

Row = tuple[str, str, str, str, str, str]


def equal(ours: npt.NDArray[Any], theirs: npt.NDArray[Any], tolerance: float) -> None:
    """Fail if two results differ."""
    if ours.dtype.kind == "U":
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def row(work: str, beside: str, ours: Measured, theirs: Measured, scale: float = 1) -> Row:
    """Return a line of the table.

    Args:
        work: what is done.
        beside: how the other side does it.
        ours: the package's side.
        theirs: the other side.
        scale: the whole work divided by the part that the other side did.
    """
    seconds = theirs.seconds * scale
    shown = f"{seconds:,.1f}{' (scaled)' if scale != 1 else ''}"
    memory = f"{ours.megabytes:,.0f}", f"{theirs.megabytes:,.0f}"
    return (work, beside, f"{ours.seconds:.2f}", shown, f"{seconds / ours.seconds:,.1f} ×", " / ".join(memory))


def cleaning(names: str) -> Iterator[Row]:
    """Measure cleaning names."""
    for different in (False, True):
        arguments: dict[str, Any] = {"names": names, "count": NAMES, "different": different}
        ours = measure("cleaning:at_once", repeats=3, **arguments)
        theirs = measure("cleaning:loop", repeats=3, **arguments)
        equal(ours.result, theirs.result, 0)
        yield row(f"clean {NAMES:,} {DIFFERENT[different]}", "loop, list of stop words", ours, theirs)


def glove(folder: str) -> Iterator[Row]:
    """Measure getting words out of a GloVe file."""
    path = Path(folder, "glove.txt")
    write_glove(path)
    words = [f"word{index}" for index in range(0, FILE_WORDS, FILE_WORDS // NEEDED_WORDS)]
    ours = measure("glove:in_need", repeats=3, path=str(path), words=words)
    theirs = measure("glove:by_gensim", path=str(path), words=words)
    equal(ours.result, theirs.result, 0)
    yield row(f"{NEEDED_WORDS:,} of {FILE_WORDS:,} words × {DIMENSION}", "gensim, whole file", ours, theirs)


def write_glove(path: Path) -> None:
    """Write a GloVe file of 200,000 different words; 2,000 rows of numbers take turns."""
    numbers = np.random.default_rng(0).normal(scale=0.4, size=(2_000, DIMENSION))
    rows = [" ".join(f"{number:.5g}" for number in one) for one in numbers.tolist()]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"word{index} {rows[index % len(rows)]}\n" for index in range(FILE_WORDS))


def name_vectors(names: str) -> Iterator[Row]:
    """Measure names to vectors."""
    slow: dict[str, Any] = {"names": names, "count": NAMES, "different": True, "vocabulary": FILE_WORDS}
    ours = measure("name_vectors:by_product", repeats=3, **slow)
    theirs = measure("name_vectors:by_list", **slow, timed=TIMED_NAMES)
    once = measure("name_vectors:distinct_words", names=names, count=TIMED_NAMES, different=True).result
    equal(ours.result[:TIMED_NAMES][once], theirs.result[once], 1e-5)
    work = f"vectors of {NAMES:,} {DIFFERENT[True]}"
    yield row(work, f"loop, list of {FILE_WORDS:,} words", ours, theirs, NAMES / TIMED_NAMES)
    for different in (False, True):
        arguments: dict[str, Any] = {"names": names, "count": NAMES, "different": different}
        ours = measure("name_vectors:by_product", repeats=3, **arguments)
        theirs = measure("name_vectors:by_dictionary", repeats=2, **arguments)
        equal(ours.result, theirs.result, 1e-5)
        yield row(f"vectors of {NAMES:,} {DIFFERENT[different]}", "loop, dictionaries", ours, theirs)


def many_names(names: str) -> Iterator[Row]:
    """Measure names to vectors from ten thousand to a million."""
    for count in (10_000, 100_000, 1_000_000):
        ours = measure("name_vectors:by_product", repeats=2, names=names, count=count, different=True)
        rate = f"{count / ours.seconds:,.0f} names/s"
        yield (f"vectors of {count:,} {DIFFERENT[True]}", rate, f"{ours.seconds:.2f}", "", "", f"{ours.megabytes:,.0f}")


def infersent() -> Iterator[Row]:
    """Measure InferSent."""
    ours = measure("infersent:grouped", labels=LABELS)
    theirs = measure("infersent:as_they_come", labels=LABELS)
    equal(ours.result, theirs.result, 1e-4)
    yield row(f"InferSent, {LABELS:,} labels", "batches of 64 as they come", ours, theirs)


def adjacency() -> Iterator[Row]:
    """Measure the distances of labels."""
    ours = measure("adjacency:by_blocks", labels=LABELS, dimension=LABEL_DIMENSION)
    theirs = measure("adjacency:by_cdist", labels=LABELS, dimension=LABEL_DIMENSION, timed=TIMED_LABELS)
    equal(ours.result[:TIMED_LABELS], theirs.result, 1e-6)
    work = f"adjacency, {LABELS:,} × {LABEL_DIMENSION:,}"
    yield row(work, "SciPy's cdist", ours, theirs, LABELS / TIMED_LABELS)


def main(
    names: Annotated[
        Path, typer.Option(exists=True, help="CSV with a header; names are its second column.")
    ] = SAMPLE_CSV,
) -> None:
    """Measure and print one table."""
    table = Table(title="Text and labels beside what they replace; seconds and peak memory in MB")
    table.add_column("work")
    table.add_column("beside")
    for column in ("s", "s beside", "ratio", "MB / beside"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        works: list[Callable[[], Iterator[Row]]] = [
            lambda: cleaning(str(names)),
            lambda: glove(folder),
            lambda: name_vectors(str(names)),
            lambda: many_names(str(names)),
            infersent,
            adjacency,
        ]
        for work in progress(works, description="benchmark", unit="comparison"):
            for line in work():
                table.add_row(*line)
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
