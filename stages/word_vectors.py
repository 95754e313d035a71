"""Gets the vectors of the words that names and labels need.

Reads data/catalogue/products.parquet and classes.json, data/text/names.parquet, and the file that
`text_vectors.word_vectors` names; `catalogue` trains the
vectors on the training names instead, each followed by its class path, so that label words have vectors too.

Writes data/text/word_vectors.txt, a word and its D numbers a line, GloVe's format; and metrics/word_vectors.json.
"""

import logging
from functools import partial
from itertools import compress
from pathlib import Path

import pandas as pd
from gensim.models import KeyedVectors

from huse.artifacts import Outputs, read_json, read_names, read_table
from huse.errors import InputError
from huse.labels.taxonomy import split_path
from huse.params.reader import read_section, read_seed
from huse.params.text import TextVectorsParams
from huse.paths import CLASSES, NAMES, PRODUCTS, WORD_VECTOR_METRICS, WORD_VECTORS
from huse.progress import progress
from huse.text.word_vectors import (
    catalogue_sentences,
    coverage,
    label_words,
    read_glove,
    train_word_vectors,
    write_glove,
)
from stages.runner import run


def main() -> str:
    """Run the stage."""
    logging.getLogger("gensim").setLevel(logging.WARNING)  # it logs every epoch
    params, seed = read_section(TextVectorsParams, "text_vectors"), read_seed()
    products = read_table(PRODUCTS, ["row", "name", "classes", "split"])
    names = read_names(NAMES, products=products)
    classes = read_json(CLASSES, ["classes"])["classes"]

    if params.word_vectors == "catalogue":
        vectors = _train(products, names, classes, params.dimension, seed)
    else:
        vectors = _read(Path(params.word_vectors), names, classes, params.dimension)
    covered = coverage(names, vectors.key_to_index)
    with Outputs() as outputs:
        write_glove(outputs.path(WORD_VECTORS), vectors)
        outputs.json(WORD_VECTOR_METRICS, {"words": len(vectors), **covered})
    return (
        f"word_vectors: {len(vectors)} words × {params.dimension}, "
        f"{covered['coverage']['running']:.1%} of the running and {covered['coverage']['distinct']:.1%} of the "
        f"distinct words of the names, {covered['names_without']:.1%} of the names without any"
    )


def _train(products: pd.DataFrame, names: list[str], classes: list[str], dimension: int, seed: int) -> KeyedVectors:
    training = products["split"] == "train"
    # Each class path once more by itself: a class without a training product needs its words too.
    texts = [*compress(names, training), *("" for _ in classes)]
    paths = map(split_path, [*products.loc[training, "classes"], *classes])
    return train_word_vectors(catalogue_sentences(texts, paths), dimension, seed)


def _read(path: Path, names: list[str], classes: list[str], dimension: int) -> KeyedVectors:
    levels = [split_path(one) for one in classes]
    needed = label_words((name for one in levels for name in one), (" ".join(one) for one in levels))
    needed.update(*(name.split() for name in names))
    track = partial(progress, description="read word vectors", unit="line")
    vectors = read_glove(path, dimension, needed, track=track)
    if not len(vectors):
        raise InputError(f"{path}: expected words of the names or classes, found none. Name another file.")
    return vectors


if __name__ == "__main__":
    run(main)
