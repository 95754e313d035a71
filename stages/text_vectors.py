"""Makes the text vectors of the products: their words' vectors, weighted by TF-IDF.

Reads data/catalogue/products.parquet, data/text/names.parquet, word_vectors.npy and words.parquet, vocabulary.npy and
vocabulary.parquet. The document frequencies come from the training products alone.

Writes data/vectors/text.npy, N × D float32, one row a picture; zeros where there is no name, or a name has no known
word, and how many names those are in metrics/text_vectors.json; and data/text/encoder, by which a new name becomes a
vector later.
HUSE weights BERT's vectors by TF-IDF; here every word has one vector, as in the published notebook.
"""

import logging
from itertools import compress

import numpy as np

from huse.encoders.words import WordsEncoder
from huse.files import fingerprint_file
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, read_names, read_table
from huse.run.place import Run
from huse.run.word_store import read_word_vectors
from huse.text.cleaning import CleaningSettings
from huse.text.tfidf import fit_tfidf
from huse.text.vocabulary import WordVectorSettings
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    products = read_table(here / paths.PRODUCTS, ["row", "image", "name", "classes", "split"])
    names = read_names(here / paths.NAMES, products=products)
    there = halves(products)["text"]
    encoder = WordsEncoder(
        fit_tfidf(compress(names, (products["split"] == "train") & there)),
        read_word_vectors(here / paths.WORD_VECTORS, here / paths.WORDS),
        read_word_vectors(here / paths.VOCABULARY, here / paths.VOCABULARY_WORDS),
        here.section(CleaningSettings, "preprocess_text"),
        here.section(WordVectorSettings, "word_vectors").spellings.steps,
    )
    vectors = encoder.encode_clean(names)
    count, zeros = int(there.sum()), np.flatnonzero(~vectors.any(axis=1) & there)
    if len(zeros):
        example = products["name"].iloc[int(zeros[0])]
        logging.warning("%d of %d names have no known word and get zeros, first %r", len(zeros), count, example)
    with Outputs() as outputs:
        folder = outputs.path(here / paths.TEXT_ENCODER)
        folder.mkdir()
        encoder.save(folder)
        outputs.vectors(
            here / paths.TEXT_VECTORS,
            vectors,
            rows=fingerprint_products(products),
            parameters={
                "word_vectors_sha256": fingerprint_file(here / paths.WORD_VECTORS),
                "words_sha256": fingerprint_file(here / paths.WORDS),
                "names_sha256": fingerprint_file(here / paths.NAMES),
            },
        )
        outputs.json(here / paths.TEXT_VECTOR_METRICS, {"names": count, "names_without_known_word": len(zeros)})
    return (
        f"text_vectors: {count} names × {vectors.shape[1]}, "
        f"{len(encoder.tfidf.document_frequency)} training words, {len(zeros)} names without a known word"
    )


if __name__ == "__main__":
    run(main)
