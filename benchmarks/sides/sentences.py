"""Names through a model of sentences: our encoder, beside the library's own `encode`."""

from benchmarks.harness import Work
from benchmarks.sides.cleaning import read_names
from huse.encoders.transformer import SentenceSettings, open_sentences


def ours(model: str, names: str, count: int, different: bool) -> Work:
    """Encode names as the stages do."""
    texts = read_names(names, count, different=different)
    encoder = open_sentences(SentenceSettings(model=model))
    return lambda: encoder.encode(texts)


def library(model: str, names: str, count: int, different: bool) -> Work:
    """Encode names by sentence-transformers alone, with its defaults."""
    texts = read_names(names, count, different=different)
    network = open_sentences(SentenceSettings(model=model)).network
    return lambda: network.encode(texts, show_progress_bar=False)
