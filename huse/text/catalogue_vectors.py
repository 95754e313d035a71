"""Word vectors trained on a catalogue's own names and class paths, where there is no file of vectors.

D word dimension.
"""

import itertools
from collections.abc import Iterable, Sequence

from gensim.models import Word2Vec

from huse.text.tokens import SENTENCE_MARKS, tokenize
from huse.text.word_files.found import Found

WINDOW = 10  # words on each side; longer than any name, so all words of a name see each other
EPOCHS, FEWEST_EPOCHS = 30, 5
ENOUGH = 3_000_000  # sentences read in all; of a large shop each is read fewer times, as its words stand in many
NEGATIVES = 5  # random words for each true one


def catalogue_sentences(names: Iterable[str], paths: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return training sentences: a name's words, then the tokens of its class path, between sentence marks.

    Class paths are included so that label words get vectors. InferSent's two pairs of marks alternate, so that both
    versions get theirs. An empty name leaves only the class path.
    """
    marks = itertools.cycle(SENTENCE_MARKS.items())
    return [
        [start, *name.split(), *(token for level in levels for token in tokenize(level, version)), end]
        for (version, (start, end)), name, levels in zip(marks, names, paths, strict=False)
    ]


def train_word_vectors(sentences: Sequence[Sequence[str]], dimension: int, seed: int) -> Found:
    """Train word vectors: skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546).

    Uses one thread, so that the same sentences and seed give the same bytes.

    Returns:
        Vectors of all tokens, the most frequent first; no word is too rare, since a catalogue has few.
    """
    model = Word2Vec(
        [list(sentence) for sentence in sentences],
        vector_size=dimension,
        sg=1,
        window=WINDOW,
        negative=NEGATIVES,
        min_count=1,
        epochs=epochs_of(len(sentences)),
        seed=seed,
        workers=1,
    )
    vectors = dict(zip(model.wv.index_to_key, model.wv.vectors, strict=True))
    return Found(dimension, f"trained on the catalogue, seed {seed}", vectors, leading=len(vectors))


def epochs_of(count: int) -> int:
    """Return how often each of so many sentences is read."""
    return max(FEWEST_EPOCHS, min(EPOCHS, ENOUGH // max(count, 1)))
