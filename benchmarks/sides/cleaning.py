"""Cleaning names: all at once, and by the notebook's loop."""

import csv
import random
import re
from pathlib import Path

from benchmarks.harness import Work
from huse.text.cleaning import Cleaning, clean_names
from huse.text.stopwords import DROPPED


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


def loop(names: str, count: int, different: bool) -> Work:
    """Clean names one by one, looking up each word in a list of stop words, as the notebook did."""
    raw, stop_words = read_names(names, count, different=different), sorted(DROPPED)

    def work() -> list[str]:
        cleaned = []
        for name in raw:
            text = re.sub("[^A-Za-z0-9]+", " ", name)
            text = re.sub("[0-9]", "", text)
            text = " ".join(word for word in text.split() if word not in stop_words)
            cleaned.append(text.lower().strip())
        return cleaned

    return work


def at_once(names: str, count: int, different: bool) -> Work:
    """Clean all names at once."""
    raw = read_names(names, count, different=different)
    return lambda: clean_names(raw, Cleaning(letters="ascii", fold_accents=False))
