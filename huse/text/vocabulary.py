"""The words of names and labels: which are needed, which vector each gets, how many have one.

D word dimension.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from huse.settings import Settings
from huse.text.spelling import MARKS, Spelled, Spellings, find_spelling, hash_vector, spellings
from huse.text.tokens import SENTENCE_MARKS, tokenize
from huse.text.word_files.found import Found

SUBWORDS, HASH = "subwords", "hash"  # sources of a vector where no spelling has one

MOST_FREQUENT = 20  # missing words to name


class WordVectorSettings(Settings):
    """Where the vectors of words come from, and what becomes of words without one."""

    source: str = Field(
        default="catalogue",
        min_length=1,
        description=(
            "catalogue: trained on the training names; or a file: GloVe or word2vec text (.gz, .zip too), word2vec "
            ".bin, fastText .vec or .bin; or a name of gensim's downloader (glove-wiki-gigaword-300)"
        ),
    )
    download: bool = Field(default=False, description="true: gensim may fetch a set that its own folder lacks")
    dimension: int = Field(
        default=100, ge=1, le=16384, description="of vectors trained on the catalogue; a file has its own"
    )
    vocabulary: int = Field(
        default=100_000,
        ge=0,
        description=(
            "first words of the file that the model keeps for new names; 400 MB at 1,000,000 words of 100 "
            "numbers; 0: only the catalogue's words"
        ),
    )
    spellings: Spellings = Spellings()
    oov: Literal["skip", "hash"] = Field(
        default="skip", description="words without any vector: skip, or hash: a random one that depends on the word"
    )


def label_words(classes: Iterable[Sequence[str]]) -> set[str]:
    """Return the words that labels may need: tokens of level names and whole paths, for both versions of InferSent."""
    texts = {text for levels in classes for text in (*levels, " ".join(levels))}
    return {token for text in texts for version in SENTENCE_MARKS for token in tokenize(text, version)}


def choose_vectors(
    words: Iterable[str],
    found: Found,
    settings: WordVectorSettings,
    *,
    seed: int,
    aside: Collection[str] = (),
) -> dict[str, Spelled]:
    """Choose the vector of every word.

    That is the vector of the first spelling that has one; else fastText's vector made of the word's parts; else none,
    or with ``hash`` a random vector that depends on the word, at the mean norm of the others, so that brands and rare
    words stay distinct. Sentence marks and tokens without a letter or digit never get a random one.

    Args:
        words: any.
        found: the vectors of their spellings in the source.
        settings: `spellings` and `oov`.
        seed: of the random vectors.
        aside: words left out of the mean norm, because nothing may be learned from them.

    Returns:
        Word → vector, sorted by word; words without one are missing.
    """
    whole = {word: vector for word, vector in found.vectors.items() if word not in found.composed}
    chosen: dict[str, Spelled] = {}
    without = []
    for word in sorted(set(words)):
        spelled = find_spelling(word, whole, settings.spellings.steps)
        if spelled is None and word in found.composed:
            spelled = Spelled(found.vectors[word], SUBWORDS, word)
        if spelled is not None:
            chosen[word] = spelled
        else:
            without.append(word)
    if settings.oov == "hash":
        norms = [np.linalg.norm(spelled.vector) for word, spelled in chosen.items() if word not in aside]
        norm = float(np.mean(norms)) if norms else 1.0
        for word in without:
            if word not in MARKS and any(map(str.isalnum, word)):
                chosen[word] = Spelled(hash_vector(word, found.dimension, norm, seed), HASH, word)
    return dict(sorted(chosen.items()))


def stack(chosen: Mapping[str, Spelled]) -> tuple[pd.DataFrame, npt.NDArray[np.float32]]:
    """Return V words and their vectors, from `choose_vectors`, as a table and an array, row by row.

    Returns:
        `word`, `step` (how it was found) and `spelling` (under which); V × D float32.
    """
    rows = [(word, spelled.step, spelled.spelling) for word, spelled in chosen.items()]
    table = pd.DataFrame(rows, columns=["word", "step", "spelling"], dtype=str)
    return table, np.stack([spelled.vector for spelled in chosen.values()])


def vocabulary(found: Found, words: Iterable[str]) -> tuple[pd.DataFrame, npt.NDArray[np.float32]]:
    """Return the words that a model keeps for names it has never seen, spelled as in the source.

    Those are the first words of the source, and all spellings of the words of the catalogue.

    Returns:
        `word`; V × D float32. Only vectors that stand in the source: none composed or random.
    """
    leading, asked = islice(found.vectors, found.leading), spellings(words)
    own = (word for word in found.vectors if word in asked and word not in found.composed)
    kept = list(dict.fromkeys((*leading, *own)))
    vectors = np.array([found.vectors[word] for word in kept], np.float32).reshape(-1, found.dimension)
    return pd.DataFrame({"word": kept}, dtype=str), vectors


def coverage(names: Iterable[str], labels: Set[str], chosen: Mapping[str, Spelled]) -> dict[str, Any]:
    """Count the words of cleaned names and of labels that have a vector; random ones do not count.

    Returns:
        `coverage`: shares of the names' running words and distinct words, and of the labels' distinct words;
            `names_without`: share of names without any vector; `names_emptied`: number of those without any word,
            each of which counts as one word without a vector; `found_by`: distinct words found by each step;
            `most_frequent_missing`: words of names without a vector and their counts, ties in alphabetical order;
            `label_words_missing`: their number, and `missing_label_words`: the first ones. A share of nothing is 0.
    """
    known = {word for word, spelled in chosen.items() if spelled.step != HASH}
    running: Counter[str] = Counter()
    count = without = 0
    for name in names:
        words = name.split() or [""]  # cleaning left none: counted as one word that has no vector
        running.update(words)
        count += 1
        without += known.isdisjoint(words)
    missing = sorted((word for word in running if word not in known), key=lambda word: (-running[word], word))
    shown = running.keys() | labels
    steps = Counter(spelled.step for word, spelled in chosen.items() if word in shown)
    return {
        "coverage": {
            "running": sum(times for word, times in running.items() if word in known) / max(running.total(), 1),
            "distinct": 1 - len(missing) / len(running) if running else 0.0,
            "labels": sum(word in known for word in labels) / max(len(labels), 1),
        },
        "names_without": without / max(count, 1),
        "names_emptied": running[""],
        "found_by": dict(sorted(steps.items())),
        "most_frequent_missing": {word: running[word] for word in [*filter(None, missing)][:MOST_FREQUENT]},
        "label_words_missing": len(labels - known),
        "missing_label_words": sorted(labels - known)[:MOST_FREQUENT],
    }


def remarks(found: Found, metrics: Mapping[str, Any], oov: Literal["skip", "hash"]) -> list[str]:
    """Return what a user should know about a source, given its `coverage`: texts without a full stop."""
    told = [f"passed over: {found.fault_summary()}"] if found.faults else []
    missing = metrics["missing_label_words"]
    if missing:
        fate = "drawn at random" if oov == "hash" else "left out"
        told.append(
            f"words of labels without a vector, {fate}, {metrics['label_words_missing']} in all: {', '.join(missing)}. "
            "A graph of InferSent or of word vectors knows nothing of them; label_graph.encoder: tree needs none"
        )
    return told
