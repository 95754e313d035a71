"""What an image-text pair gives untouched: zero-shot classification, and retrieval by the pair's own vectors.

The class of a picture, or of a name, is the one whose sentence has the highest cosine with it (Radford et al. 2021,
arXiv 2103.00020). Nothing is learned, and nothing is chosen.

Letters: N items of a split, R of all three splits, D dimension of the pair's space, K labels, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huse.evaluation.classification import Floats, Integers, label_shares
from huse.evaluation.linear import softmax
from huse.evaluation.results import MODALITIES, SplitResults
from huse.evaluation.retrieval import no_references, retrieval_metrics
from huse.evaluation.summary import EMBEDDING, Catalogue, Choices, Measured, measure_baseline, metrics_by_scores
from huse.fusion import LogLinear

SCALE = 100.0  # of cosines before the softmax, the most that CLIP learns; changes no predicted class of a picture
EQUAL = Choices(0.5, LogLinear(1.0, 1.0, 0.5), "log_linear", 0.0)  # nothing says whether picture or name is better


@dataclass(frozen=True)
class Pair:
    """The space of an image-text pair.

    Attributes:
        vectors: `image` and `text`, R × D float32; rows of NaN where there is none.
        classes: C × D float32, of the classes' sentences.
    """

    vectors: Mapping[str, Floats]
    classes: Floats

    @classmethod
    def of(cls, images: Floats, names: Floats | None, classes: Floats) -> "Pair":
        """Build it from vectors of any length, R × D; without `names` the pair read none."""
        none = np.full((len(images), classes.shape[1]), np.nan, np.float32)
        if images.shape[1] != classes.shape[1] or none.shape != (none if names is None else names).shape:
            raise ValueError("pictures, names and classes have vectors of different lengths")
        return cls({"image": unit(images), "text": none if names is None else unit(names)}, unit(classes))

    def rows(self, rows: Integers) -> "Pair":
        """Return some rows of it."""
        return Pair({name: vectors[rows] for name, vectors in self.vectors.items()}, self.classes)


def unit(vectors: Floats) -> Floats:
    """Scale rows to unit norm; a row of zeros, of something that is not there, becomes NaN."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = np.divide(vectors, norms, out=np.full_like(vectors, np.nan), where=norms > 0)
    return scaled


def measure_zero_shot(pair: Pair, rows: Integers, classes: Integers, catalogue: Catalogue, labels: int) -> Measured:
    """Measure the items of a split.

    In the scheme `levels` the score of a label is the sum over its classes, as for the baselines.

    Args:
        pair: its space.
        rows: N of the R rows.
        classes: N class numbers.
        catalogue: the classes.
        labels: K.
    """
    vectors = {name: pair.vectors[name][rows] for name in MODALITIES}
    shares = label_shares(catalogue.class_labels, labels)
    scores = {name: softmax(SCALE * (those @ pair.classes.T)) @ shares for name, those in vectors.items()}
    return measure_baseline(SplitResults(vectors, scores, classes), catalogue, EQUAL)


def zero_shot_metrics(measured: Measured) -> dict[str, Any]:
    """Return accuracies, and retrieval by the pair's own vectors; what a pair without names lacks is left out."""
    retrieval = retrieval_metrics(measured.found[EMBEDDING], {}, no_references)
    return {**metrics_by_scores(measured), "retrieval": retrieval}
