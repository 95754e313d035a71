"""Gets the vectors of the words that names and labels need.

Reads data/catalogue/products.parquet and classes.json, data/text/names.parquet, and the set of word vectors that
`word_vectors.source` names; `catalogue` trains the vectors on the training names instead, each followed by its class
path, so that label words have vectors too. What was read of a source is kept in data/cache, and the source is read
again only for words that were not asked for before, or when it has changed.

Writes data/text/word_vectors.npy, V × D float32, words.parquet, which word is in which row and how it was found;
vocabulary.npy and vocabulary.parquet, the first words of the source and those of the catalogue as the source spells
them; and metrics/word_vectors.json.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import chain, compress

import pandas as pd

from huse.errors import InputError
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs, halves, read_json, read_names, read_table
from huse.run.place import Run
from huse.run.word_cache import read_source
from huse.taxonomy import split_path
from huse.text.catalogue_vectors import catalogue_sentences, train_word_vectors
from huse.text.spelling import MARKS
from huse.text.vocabulary import WordVectorSettings, choose_vectors, coverage, label_words, remarks, stack, vocabulary
from huse.text.word_files.blocks import MEGABYTE
from huse.text.word_files.found import Found
from huse.text.word_files.source import Source, find_source
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    logging.getLogger("gensim").setLevel(logging.WARNING)  # it logs every epoch
    params, seed = here.section(WordVectorSettings, "word_vectors"), here.seed()
    products = read_table(here / paths.PRODUCTS, ["row", "image", "name", "classes", "split"])
    names = read_names(here / paths.NAMES, products=products)
    levels = [split_path(one) for one in read_json(here / paths.CLASSES, ["classes"])["classes"]]
    labels = label_words(levels)
    needed = labels | MARKS | _words(names)
    aside = needed - labels - MARKS - _words(compress(names, products["split"] != "unseen"))

    if params.source == "catalogue":
        found, name = _train(products, names, levels, params.dimension, seed), "catalogue"
    else:
        source = find_source(params.source, here.root, download=params.download)
        found, name = _read(here, source, needed, params.vocabulary), source.name
    chosen = choose_vectors(needed, found, params, seed=seed, aside=aside)
    metrics = coverage(compress(names, halves(products)["text"]), labels, chosen)
    if not any(metrics["coverage"].values()):
        raise InputError(f"{name}: expected words of the names or classes, found none. Name another source.")
    for remark in remarks(found, metrics, params.oov):
        logging.warning("%s: %s", name, remark)
    with Outputs() as outputs:
        about = {
            "source": name,
            "format": found.format,
            "source_sha256": found.sha256,
            **params.model_dump(include={"spellings", "oov"}),
            "seed": seed,
        }
        words, vectors = stack(chosen)
        outputs.described_array(here / paths.WORD_VECTORS, vectors, about)
        outputs.table(here / paths.WORDS, words)
        words, vectors = vocabulary(found, needed)
        outputs.described_array(here / paths.VOCABULARY, vectors, about)
        outputs.table(here / paths.VOCABULARY_WORDS, words)
        outputs.json(here / paths.WORD_VECTOR_METRICS, {"words": len(chosen), "dimension": found.dimension, **metrics})
    covered = metrics["coverage"]
    return (
        f"word_vectors: {len(chosen)} words × {found.dimension} from {name} ({found.format}), "
        f"{covered['running']:.1%} of the running and {covered['distinct']:.1%} of the distinct words of the names, "
        f"{covered['labels']:.1%} of the labels' words; {metrics['names_without']:.1%} of the names without any, "
        f"{metrics['names_emptied']} emptied by cleaning"
    )


def _words(names: Iterable[str]) -> set[str]:
    return set(chain.from_iterable(map(str.split, names)))


def _train(
    products: pd.DataFrame, names: list[str], levels: Sequence[Sequence[str]], dimension: int, seed: int
) -> Found:
    training = (products["split"] == "train") & halves(products)["text"]
    # Each class path once more by itself: a class without a training product needs its words too.
    texts = [*compress(names, training), *("" for _ in levels)]
    class_paths = [*map(split_path, products.loc[training, "classes"]), *levels]
    return train_word_vectors(catalogue_sentences(texts, class_paths), dimension, seed)


def _read(here: Run, source: Source, needed: set[str], first: int) -> Found:
    megabytes = source.path.stat().st_size // MEGABYTE
    with progress(total=megabytes, description=f"read {source.name}", unit="megabyte") as shown:
        return read_source(source, needed, here.cache / paths.WORD_CACHE, shown.update, first=first)


if __name__ == "__main__":
    run(main)
