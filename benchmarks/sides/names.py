"""Names as benchmarks take them."""

import csv
import random
from pathlib import Path


def read_names(path: str, count: int, *, different: bool) -> list[str]:
    """Return the names of a catalogue, the second column of its CSV, repeated until there are enough.

    Args:
        path: of the CSV.
        count: names to return.
        different: shuffle the words of every name, so that few names are equal.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        names = [row[1] for row in csv.reader(file)][1:]
    names = (names * (count // len(names) + 1))[:count]
    if not different:
        return names
    order = random.Random(0)
    return [" ".join(order.sample(words, len(words))) for words in map(str.split, names)]
