"""Makes the text vectors of the products, by the encoders that `text_vectors.encoders` names.

Reads data/catalogue/products.parquet, data/text/names.parquet, word_vectors.npy and words.parquet, vocabulary.npy and
vocabulary.parquet. Whatever is fitted, such as document frequencies, is fitted on the training products alone.

Writes data/vectors/text.npy, N × D float32, one row a picture; zeros where there is no name, or nothing of a name is
known, and how many names those are in metrics/text_vectors.json; and data/text/encoder, by which a new name becomes a
vector later.
HUSE weights BERT's vectors by TF-IDF; the words here have one vector each, as in the published notebook.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.families import load_encoder
from huse.encoders.given import open_given
from huse.encoders.names import TextVectorSettings, join_encoders
from huse.encoders.ngrams import NgramsEncoder
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.remembering import remembering
from huse.encoders.transformer import open_sentences
from huse.encoders.words import WordsEncoder
from huse.engine.machine import Machine
from huse.engine.work import Spread, open_for_several
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.run import paths
from huse.run.artifacts import Blocks, Outputs, fingerprint_products, halves, read_names, read_table
from huse.run.earlier_model import TEXT_ENCODER, read_earlier
from huse.run.place import Run
from huse.run.word_store import read_word_vectors
from huse.text.cleaning import CleaningSettings
from huse.text.tfidf import TfIdf, fit_tfidf
from huse.text.vocabulary import WordVectorSettings
from huse.vision.backbones import BackboneSettings
from huse.vision.cache import VectorCache
from stages.runner import run

BLOCK = 65_536  # names whose vectors are in memory


def main(here: Run) -> str:
    """Run the stage."""
    with open_for_several(here.section(Machine, "machine")) as spread:
        return _main(here, spread)


def _main(here: Run, spread: Spread) -> str:
    """Run the stage; texts that go through a network are encoded by `spread`."""
    params = here.section(TextVectorSettings, "text_vectors")
    products = read_table(here / paths.PRODUCTS, ["row", "image", "name", "classes", "split"])
    clean, names = read_names(here / paths.NAMES, products=products), products["name"].tolist()
    there = halves(products)["text"]
    training = (products["split"] == "train").to_numpy() & there
    training_names = list(compress(names, training))

    @cache
    def tfidf() -> TfIdf:
        return fit_tfidf(compress(clean, training))

    def fit(kind: str) -> Encoder[str]:
        if kind == "ngrams":
            return NgramsEncoder.fit(training_names, params.ngrams, here.seed())
        if kind == "given":
            return open_given(params.given, here.root, names)
        if kind == "pair":
            networks = [network for network, _ in here.section(BackboneSettings, "backbone").networks]
            return open_pair_texts(networks, params.pair, here.root, by="text_vectors.encoders")
        cleaning = here.section(CleaningSettings, "preprocess_text")
        if kind == "sentences":
            weights = tfidf() if params.sentences.pooling == "tfidf" else None
            return open_sentences(params.sentences, here.root, weights, cleaning)
        return WordsEncoder(
            tfidf(),
            read_word_vectors(here / paths.WORD_VECTORS, here / paths.WORDS),
            read_word_vectors(here / paths.VOCABULARY, here / paths.VOCABULARY_WORDS),
            cleaning,
            here.section(WordVectorSettings, "word_vectors").spellings.steps,
        )

    vector_cache = VectorCache(here.cache / paths.TEXT_VECTOR_CACHE)
    if params.start is None:
        encoders = {str(kind): remembering(fit(kind), vector_cache, spread) for kind in params.encoders}
        encoder = join_encoders(encoders, training_names)
    else:
        encoder, encoders = _earlier(here.model(params.start), params.encoders, vector_cache, spread)
    ends = np.cumsum([part.dimension for part in encoders.values()])
    known = np.zeros((len(names), len(encoders)), bool)

    def encode() -> Iterator[npt.NDArray[np.float32]]:
        for start in range(0, len(names), BLOCK):
            rows = slice(start, start + BLOCK)
            vectors = encoder.encode(names[rows])
            known[rows] = np.transpose([part.any(axis=1) for part in np.split(vectors, ends[:-1], axis=1)])
            yield vectors

    with Outputs() as outputs:
        folder = outputs.path(here / paths.TEXT_ENCODER)
        folder.mkdir()
        encoder.save(folder)
        outputs.vectors(
            here / paths.TEXT_VECTORS,
            Blocks((len(names), encoder.dimension), encode()),
            rows=fingerprint_products(products),
            parameters={
                **encoder.config,
                # by which `huse check` sees that a file has changed
                "fingerprints": {kind: getattr(part, "fingerprint", None) for kind, part in encoders.items()},
                **{
                    f"{path.stem}_sha256": fingerprint_file(here / path)
                    for path in (paths.WORD_VECTORS, paths.WORDS, paths.NAMES)
                },
            },
        )
        unknown = {kind: int((there & ~column).sum()) for kind, column in zip(encoders, known.T, strict=True)}
        count, zeros = int(there.sum()), np.flatnonzero(there & ~known.any(axis=1))
        metrics = {"names": count, "names_unknown": len(zeros), "names_unknown_by_encoder": unknown}
        outputs.json(here / paths.TEXT_VECTOR_METRICS, metrics)
    vector_cache.tell_fault()
    if len(zeros):
        example = names[int(zeros[0])]
        logging.warning("nothing of %d of %d names is known; they get zeros, first %r", len(zeros), count, example)
    of = " + ".join(f"{kind} ({part.dimension})" for kind, part in encoders.items())
    return f"text_vectors: {count} names × {encoder.dimension}: {of}; {len(zeros)} names of which nothing is known"


def _earlier(
    folder: Path, kinds: Sequence[str], cache: VectorCache, spread: Spread
) -> tuple[Encoder[str], dict[str, Encoder[str]]]:
    """Return the encoder of names of an earlier model, and its parts by kind.

    Raises:
        InputError: there is no model, or its encoder has other parts.
    """
    read_earlier(folder)
    encoder = load_encoder(folder / TEXT_ENCODER)
    parts = dict(encoder.encoders) if isinstance(encoder, BlocksEncoder) else {kinds[0]: encoder}
    if list(parts) != list(kinds):
        raise InputError(
            f"{folder}: reads names by {', '.join(parts)}, and text_vectors.encoders has {', '.join(kinds)} "
            "(text_vectors.start). Set the encoders of the model, or start: null."
        )
    parts = {kind: remembering(part, cache, spread) for kind, part in parts.items()}
    return replace(encoder, encoders=parts) if isinstance(encoder, BlocksEncoder) else parts[kinds[0]], parts


if __name__ == "__main__":
    run(main)
