"""Cleaning names: all at once, and by the notebook's loop."""

import re

from benchmarks.harness import Work
from benchmarks.sides.names import read_names
from huse.text.cleaning import clean_names
from huse.text.stopwords import DROPPED


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
    return lambda: clean_names(raw, fold_accents=False)
