"""What the baselines of `huse.evaluation.baselines` see of the artefacts: part of the edge.

Letters: M products, R of them that baselines see, F features.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from huse.errors import InputError
from huse.evaluation.baselines import Inputs, rows_in_use
from huse.evaluation.beside import Tried
from huse.evaluation.linear import Block
from huse.evaluation.zero_shot import Pair
from huse.run import paths
from huse.run.artifacts import halves, manifest_path, read_described_array, read_json
from huse.run.place import Run
from huse.text.ngrams import Ngrams, NgramSettings

Floats = npt.NDArray[np.float32]


def baseline_inputs(
    products: pd.DataFrame, images: Floats, texts: Floats, *, most: int, pair: Pair | None = None
) -> Inputs:
    """Return what the baselines learn from and are measured on.

    Args:
        products: of the catalogue, with `name`, `image`, `class_index` and `split`.
        images: M × F float32, the plain view of the image vectors.
        texts: M × F float32.
        most: training products.
        pair: from `read_pair`.
    """
    classes = products["class_index"].to_numpy(np.int64)
    rows = rows_in_use(products["split"].to_numpy(), classes, most)
    used = np.concatenate(list(rows.values()))
    ends = np.cumsum([0, *map(len, rows.values())])
    there = {modality: those[used] for modality, those in halves(products).items()}
    names = products["name"].iloc[used]
    return Inputs(
        {"image": images[used], "text": texts[used]},
        ngram_blocks(names.tolist(), names[: ends[1]][there["text"][: ends[1]]].tolist()),
        there,
        classes[used],
        {name: np.arange(start, end) for name, start, end in zip(rows, ends, ends[1:], strict=False)},
        None if pair is None else pair.rows(used),
    )


def read_pair(here: Run, images: Floats, texts: Floats) -> Pair | None:
    """Return the products in the space of the pair that encodes their pictures; None where none does so untouched.

    Args:
        here: where the classes' sentences are, and what the manifests of the vectors say.
        images: M × F float32, the plain view of the image vectors.
        texts: M × F float32.

    Raises:
        InputError: they were not made together.
    """
    classes, about = read_described_array(here / paths.ZERO_SHOT, shape=(None, None))
    if about["network"] is None:
        return None
    made = read_json(manifest_path(here / paths.IMAGE_VECTORS), ["parameters"])["parameters"]
    of_texts = read_json(manifest_path(here / paths.TEXT_VECTORS), ["parameters"])["parameters"]
    try:
        if made["blocks"][about["network"]]["finetuned"]:
            logging.warning("zero-shot is not measured: finetune_backbone has changed the pair's half for pictures")
            return None
        pictures = _columns(images, made["blocks"], about["network"])
        encoders = of_texts.get("blocks") or dict.fromkeys(of_texts["fingerprints"], of_texts)
        names = _columns(texts, encoders, "pair") if "pair" in encoders else None
        return Pair.of(pictures, names, classes)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{here / paths.ZERO_SHOT}: does not fit data/vectors ({error!r}). Run `dvc repro` to make both."
        ) from None


def read_tried(here: Run) -> Tried:
    """Return what the run has of the remedies that `evaluate` names where a baseline is ahead."""
    towers = read_json(here / paths.TOWERS_CONFIG, []).get("params", {})
    names = read_json(manifest_path(here / paths.TEXT_VECTORS), []).get("parameters", {})
    return Tried(towers.get("method", ""), towers.get("image_layers"), list(names.get("fingerprints", ())))


def _columns(vectors: Floats, blocks: Mapping[str, Mapping[str, Any]], name: str) -> Floats:
    """Return the columns of one encoder among several."""
    ends = dict(zip(blocks, np.cumsum([each["dimension"] for each in blocks.values()]), strict=True))
    return vectors[:, ends[name] - blocks[name]["dimension"] : ends[name]]


def ngram_blocks(names: list[str], training_names: list[str]) -> list[Block]:
    """Return the TF-IDF of the n-grams of words and of characters; no features if no name is learned from."""
    if not training_names:
        return [[csr_matrix(np.zeros((len(names), 1), np.float32))]]
    found = Ngrams.fit(training_names, NgramSettings(min_names=1)).weigh(names)
    return [[found.words], [found.counts, found.spelled]]
