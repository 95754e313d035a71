"""Makes the text vectors of the products: their words' vectors, weighted by TF-IDF.

Reads data/catalogue/products.parquet, data/text/names.parquet, word_vectors.npy and words.parquet. The document
frequencies come from the training products alone.

Writes data/vectors/text.npy, N × D float32, one row a picture; zeros where no word of a name has both a vector and a
document frequency, and how many those are in metrics/text_vectors.json; and data/text/tfidf.json, the frequencies, by
which a new name becomes a vector later.
HUSE weights BERT's vectors by TF-IDF; here every word has one vector, as in the published notebook.
"""

import logging
from itertools import compress

import numpy as np

from huse.files import fingerprint_file
from huse.run.artifacts import Outputs, fingerprint_products, read_names, read_table
from huse.run.paths import NAMES, PRODUCTS, TEXT_VECTOR_METRICS, TEXT_VECTORS, TFIDF, WORD_VECTORS, WORDS
from huse.run.word_store import read_word_vectors
from huse.text.tfidf import fit_tfidf, weighted_mean
from stages.runner import run


def main() -> str:
    """Run the stage."""
    products = read_table(PRODUCTS, ["row", "image", "name", "classes", "split"])
    names = read_names(NAMES, products=products)
    words = read_word_vectors(WORD_VECTORS, WORDS)

    tfidf = fit_tfidf(compress(names, products["split"] == "train"))
    vectors = weighted_mean(names, tfidf, words)
    zeros = np.flatnonzero(~vectors.any(axis=1))
    if len(zeros):
        example = products["name"].iloc[int(zeros[0])]
        logging.warning("%d of %d names have no known word and get zeros, first %r", len(zeros), len(vectors), example)
    with Outputs() as outputs:
        outputs.json(TFIDF, vars(tfidf))
        outputs.vectors(
            TEXT_VECTORS,
            vectors,
            rows=fingerprint_products(products),
            parameters={
                "word_vectors_sha256": fingerprint_file(WORD_VECTORS),
                "words_sha256": fingerprint_file(WORDS),
                "names_sha256": fingerprint_file(NAMES),
            },
        )
        outputs.json(TEXT_VECTOR_METRICS, {"names": len(vectors), "names_without_known_word": len(zeros)})
    return (
        f"text_vectors: {len(vectors)} names × {vectors.shape[1]}, {len(tfidf.document_frequency)} training words, "
        f"{len(zeros)} names without a known word"
    )


if __name__ == "__main__":
    run(main)
