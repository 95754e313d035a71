"""Builds the semantic graph of the labels, the distances A of HUSE's equation 9.

Reads data/catalogue/classes.json, and what the encoder needs: data/text/word_vectors.npy and words.parquet, with the
weights that `label_graph.weights` names; or a model of sentences. Writes to data/labels: label_vectors.npy, K × E
float32; adjacency.npy, distances, K × K float32; labels.json, the labels and which each class has; pairs.csv, the
nearest and the farthest classes; zero_shot.npy, C × D float32, the classes' sentences by the image-text pair of
`backbone.network`, for zero-shot classification, 0 × 0 without one; and metrics/labels.json.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors

from huse.encoders.contract import Encoder
from huse.encoders.given import open_given
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.sentences import InferSentEncoder, MeanEncoder
from huse.encoders.transformer import open_sentences
from huse.encoders.tree import TreeEncoder
from huse.encoders.use import UseEncoder
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.labels.graph import adjacency, class_distances
from huse.labels.neighbours import nearest_and_farthest
from huse.labels.remarks import remarks
from huse.labels.schemes import label_hops, label_nodes, make_labels
from huse.labels.summary import summarise_distances
from huse.labels.vectors import class_sentences, label_texts, text_vectors, tree_distances
from huse.object_copies import local, local_folder
from huse.run import paths
from huse.run.artifacts import Outputs, manifest_path, read_json
from huse.run.params.label_graph import LabelGraphParams
from huse.run.place import Run
from huse.run.word_store import read_word_vectors
from huse.taxonomy import ClassTree
from huse.text.infersent import doubts, load_infersent, random_infersent
from huse.text.tokens import name_some, without_words
from huse.vision.backbones import BackboneSettings
from huse.vision.network_names import pair_of, place_of
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params, seed = here.section(LabelGraphParams, "label_graph"), here.seed()
    classes = read_json(here / paths.CLASSES, ["classes"])["classes"]
    labels, hops = make_labels(classes, params.scheme), ClassTree.of(classes).hops
    count = len(labels.labels)
    if count < 2:
        raise InputError(f"{here / paths.CLASSES}: expected at least 2 labels, found {count}. A graph needs distances.")
    tree = params.encoder == "tree"
    source: dict[str, Any] = {"encoder": "tree", "weights": None}
    if tree:
        steps = label_hops(labels)
        places = dict(zip(labels.labels, label_nodes(labels), strict=True))
        vectors, distances = TreeEncoder(places, int(steps.max())).encode(labels.labels), tree_distances(steps)
    elif params.encoder == "given":
        given = open_given(params.given, here.root, labels.labels, of="classes")
        source = {"encoder": f"given ({Path(params.given.file or '').name})", "weights": None, "given": given.config}
        vectors = given.encode(labels.labels)
        distances = adjacency(vectors, labels.labels)
    else:
        encoder, source = _encoder(here, params, label_texts(labels, params.label_text), seed)
        vectors = text_vectors(labels, encoder.encode, params.label_text)
        distances = adjacency(vectors, labels.labels)

    zero_shot = _zero_shot(here, params, classes)
    between = class_distances(distances, labels.class_labels)
    summary = summarise_distances(distances, between, hops)
    for remark in remarks(labels, classes, distances, summary["tree_spearman"], from_tree=tree):
        logging.warning("%s", remark)
    with Outputs() as outputs:
        outputs.array(here / paths.LABEL_VECTORS, vectors)
        outputs.array(here / paths.ADJACENCY, distances)
        outputs.described_array(here / paths.ZERO_SHOT, *zero_shot)
        outputs.json(
            here / paths.LABELS, {**vars(labels), "classes": classes, "label_text": params.label_text, **source}
        )
        outputs.table(here / paths.LABEL_PAIRS, nearest_and_farthest(between, classes, hops))
        outputs.json(here / paths.LABEL_METRICS, {"encoder": source["encoder"], "labels": count, **summary})
    return f"label_graph: {count} labels × {vectors.shape[1]} by {source['encoder']}"


def _zero_shot(
    here: Run, params: LabelGraphParams, classes: Sequence[str]
) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Return the vectors of the classes' sentences by the pair that encodes pictures, and what its manifest says.

    Raises:
        InputError: the pair lies in a store that fails.
    """
    networks = [network for network, _ in here.section(BackboneSettings, "backbone").networks]
    number = next((str(number) for number, network in enumerate(networks, 1) if pair_of(network)), None)
    if number is None:
        return np.zeros((0, 0), np.float32), {"network": None}
    local_folder(here.root, place_of(networks[int(number) - 1]) or "")  # a store that fails is no pair without texts
    try:
        pair = open_pair_texts(networks, params.pair.changed(prompt=""), here.root, by="zero-shot classification")
    except InputError as error:  # a pair of which only the half for pictures is there is of use, too
        logging.warning("zero-shot is not measured: %s", error)
        return np.zeros((0, 0), np.float32), {"network": None}
    vectors = pair.encode(class_sentences(classes, params.zero_shot))
    return vectors, {"network": number, "sentence": params.zero_shot, "pair": pair.config}


def _encoder(
    here: Run, params: LabelGraphParams, texts: Sequence[str], seed: int
) -> tuple[Encoder[str], dict[str, Any]]:
    """Return what encodes the texts of the labels, and what labels.json says of it."""
    if params.encoder == "sentences":
        model = open_sentences(params.sentences, here.root)
        name = Path(params.sentences.model).name
        return model, {"encoder": f"sentences ({name})", "weights": None, "sentences": model.config}
    if params.encoder == "pair":
        networks = [network for network, _ in here.section(BackboneSettings, "backbone").networks]
        pair = open_pair_texts(networks, params.pair, here.root, by="label_graph.encoder")
        return pair, {"encoder": "pair", "weights": None, "pair": pair.config}
    if params.encoder == "use":
        use = UseEncoder.of_package()
        return use, {"encoder": "use", "weights": None, "use": use.config}
    words = read_word_vectors(here / paths.WORD_VECTORS, here / paths.WORDS)
    if params.encoder == "word_vectors":
        return MeanEncoder(words, params.infersent.version), {"encoder": "word_vectors", "weights": None}
    return _infersent(here, params, words, texts, seed)


def _infersent(
    here: Run, params: LabelGraphParams, words: KeyedVectors, texts: Sequence[str], seed: int
) -> tuple[Encoder[str], dict[str, Any]]:
    unknown = without_words(texts, words, params.infersent.version)
    if unknown:
        logging.warning("no word of %s has a vector: the sentence marks stand for it", name_some(unknown))
    if params.weights == "random":
        model = random_infersent(words.vector_size, params.infersent.hidden, seed)
        name, weights = f"random, seed {seed}", {"kind": "random", "seed": seed}
    else:
        file = local(here.root, params.weights)
        model = load_infersent(file)
        about = read_json(manifest_path(here / paths.WORD_VECTORS), ["source", "format"])
        of = f"{about['source']} ({about['format']})"
        for doubt in doubts(file.name, params.infersent.version, of, words.key_to_index):
            logging.warning("%s", doubt)
        name, weights = file.name, {"kind": fingerprint_file(file), "seed": None}
    encoder = InferSentEncoder(model, words, **params.infersent.model_dump(exclude={"hidden"}))
    return encoder, {"encoder": f"infersent ({name})", "weights": weights, "infersent": encoder.reading}


if __name__ == "__main__":
    run(main)
