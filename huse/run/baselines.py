"""What the baselines of `huse.evaluation.baselines` see of the artefacts: part of the edge.

Letters: M products, R of them that baselines see, F features.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from huse.evaluation.baselines import Inputs, rows_in_use
from huse.evaluation.linear import Block
from huse.run.artifacts import halves
from huse.text.ngrams import Ngrams, NgramSettings

Floats = npt.NDArray[np.float32]


def baseline_inputs(products: pd.DataFrame, images: Floats, texts: Floats, *, most: int) -> Inputs:
    """Return what the baselines learn from and are measured on.

    Args:
        products: of the catalogue, with `name`, `image`, `class_index` and `split`.
        images: M × F float32, the plain view of the image vectors.
        texts: M × F float32.
        most: training products.
    """
    classes = products["class_index"].to_numpy(np.int64)
    rows = rows_in_use(products["split"].to_numpy(), classes, most)
    used = np.concatenate(list(rows.values()))
    ends = np.cumsum([0, *map(len, rows.values())])
    there = {modality: those[used] for modality, those in halves(products).items()}
    names = products["name"].iloc[used]
    return Inputs(
        {"image": images[used], "text": texts[used]},
        _ngrams(names.tolist(), names[: ends[1]][there["text"][: ends[1]]].tolist()),
        there,
        classes[used],
        {name: np.arange(start, end) for name, start, end in zip(rows, ends, ends[1:], strict=False)},
    )


def _ngrams(names: list[str], training_names: list[str]) -> list[Block]:
    """Return the TF-IDF of the n-grams of words and of characters; no features if no name is learned from."""
    if not training_names:
        return [[csr_matrix(np.zeros((len(names), 1), np.float32))]]
    found = Ngrams.fit(training_names, NgramSettings(min_names=1)).weigh(names)
    return [[found.words], [found.counts, found.spelled]]
