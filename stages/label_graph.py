"""Builds the semantic graph of the labels, the distances A of HUSE's equation 9.

Reads data/catalogue/classes.json, data/text/word_vectors.txt and the weights that `label_graph.weights` names.
Writes to data/labels: label_vectors.npy, K × E float32; adjacency.npy, their distances, K × K float32;
labels.json, what a label is and which labels each class has; and metrics/labels.json.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from gensim.models import KeyedVectors

from huse.artifacts import Outputs, read_json
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.labels.graph import adjacency, class_distances, duplicate_labels, remarks, summarise_distances
from huse.labels.taxonomy import class_hops, make_labels
from huse.labels.vectors import Encode, label_texts, text_vectors, tree_distances, tree_vectors
from huse.params.label_graph import LabelGraphParams
from huse.params.reader import read_section, read_seed
from huse.params.text import TextVectorsParams
from huse.paths import ADJACENCY, CLASSES, LABEL_METRICS, LABEL_VECTORS, LABELS, WORD_VECTORS
from huse.text.infersent import encode, load_infersent, random_infersent
from huse.text.tokens import name_some, without_words
from huse.text.word_vectors import mean_word_vectors, read_glove
from stages.runner import run


def main() -> str:
    """Run the stage."""
    params, seed = read_section(LabelGraphParams, "label_graph"), read_seed()
    classes = read_json(CLASSES, ["classes"])["classes"]
    labels, hops = make_labels(classes, params.scheme), class_hops(classes)
    count = len(labels.labels)
    if count < 2:
        raise InputError(f"{CLASSES}: expected at least 2 labels, found {count}. A graph needs distances.")
    source: dict[str, Any] = {"encoder": "tree", "weights": None}
    if params.encoder == "tree":
        vectors, distances = tree_vectors(labels, hops), tree_distances(hops)
    else:
        words = read_glove(WORD_VECTORS, read_section(TextVectorsParams, "text_vectors").dimension, words=None)
        unknown = without_words(label_texts(labels, params.label_text), words, params.infersent.version)
        encoder, source = _encoder(params, words, seed)
        vectors = text_vectors(labels, encoder, params.label_text)
        distances = adjacency(vectors, labels.labels)
        if unknown:
            logging.warning("no word of %s has a vector: the sentence marks stand for it", name_some(unknown))
    for remark in remarks(distances, labels.labels):
        logging.warning("%s", remark)

    metrics = {"labels": count, "classes": len(classes), "encoder": source["encoder"]}
    metrics |= summarise_distances(distances, class_distances(distances, labels.class_labels), hops)
    metrics["duplicates"] = len(duplicate_labels(distances, labels.labels))
    with Outputs() as outputs:
        outputs.array(LABEL_VECTORS, vectors)
        outputs.array(ADJACENCY, distances)
        outputs.json(LABELS, {**vars(labels), "classes": classes, "label_text": params.label_text, **source})
        outputs.json(LABEL_METRICS, metrics)
    return (
        f"label_graph: {count} labels × {vectors.shape[1]} by {source['encoder']}, "
        f"mean distance {metrics['adjacency']['mean']:.3f}, {metrics['duplicates']} duplicates"
    )


def _encoder(params: LabelGraphParams, words: KeyedVectors, seed: int) -> tuple[Encode, dict[str, Any]]:
    """Return what encodes texts, and what labels.json says of it."""
    reading = params.infersent.model_dump(exclude={"hidden"})
    if params.encoder == "word_vectors":
        encoder: Encode = partial(mean_word_vectors, vectors=words, version=params.infersent.version)
        return encoder, {"encoder": "word_vectors", "weights": None}
    if params.weights == "random":
        model = random_infersent(words.vector_size, params.infersent.hidden, seed)
        name, weights = f"random, seed {seed}", {"kind": "random", "seed": seed}
    else:
        model = load_infersent(Path(params.weights))
        name, weights = Path(params.weights).name, {"kind": fingerprint_file(Path(params.weights)), "seed": None}
    described = {"encoder": f"infersent ({name})", "weights": weights, "infersent": reading}
    return partial(encode, model, vectors=words, **reading), described


if __name__ == "__main__":
    run(main)
