"""Label vectors ψ: from the labels' texts, or from the class tree.

C classes, K labels, E dimension of the encoder.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from huse.errors import InputError
from huse.labels.taxonomy import Labels, split_path

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
LabelText = Literal["mean", "path", "leaf"]

# Smaller eigenvalues, relative to the largest, are rounding.
_EIGENVALUE_TOLERANCE = 1e-9


def label_texts(labels: Labels, label_text: LabelText) -> list[str]:
    """Texts that `text_vectors` encodes, each once.

    Args:
        labels: K labels.
        label_text: see `text_vectors`.
    """
    if labels.scheme == "levels":
        return labels.labels
    paths = [split_path(label) for label in labels.labels]
    if label_text == "path":
        return list(dict.fromkeys(" ".join(levels) for levels in paths))
    if label_text == "leaf":
        return list(dict.fromkeys(levels[-1] for levels in paths))
    return list(dict.fromkeys(level for levels in paths for level in levels))


def text_vectors(labels: Labels, encode: Encode, label_text: LabelText) -> npt.NDArray[np.float32]:
    """Encode the text of every label.

    HUSE encodes "the class name" and leaves open which text that is for a class in a tree. The mean of the
    levels keeps what the coarse levels say and lets every level weigh the same; the last name alone can make
    two classes one.

    Args:
        labels: K labels.
        encode: S texts → S × E float32.
        label_text: what stands for a class path in the ``leaf`` scheme: ``mean``, each level encoded by itself,
            their mean; ``path``, all levels read as one text; ``leaf``, the last level alone. In the ``levels``
            scheme a label is one name, and this has no effect.

    Returns:
        K × E float32.
    """
    texts = label_texts(labels, label_text)
    number = {text: index for index, text in enumerate(texts)}
    encoded = encode(texts)
    if labels.scheme == "levels":
        return encoded
    paths = [split_path(label) for label in labels.labels]
    if label_text == "path":
        return encoded[[number[" ".join(levels)] for levels in paths]]
    if label_text == "leaf":
        return encoded[[number[levels[-1]] for levels in paths]]
    return np.stack([encoded[[number[level] for level in levels]].mean(axis=0) for levels in paths])


def tree_distances(hops: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Distances of classes in their tree: hops divided by the largest.

    Args:
        hops: C × C.

    Returns:
        C × C float32 in [0, 1].
    """
    distances: npt.NDArray[np.float32] = (hops / hops.max()).astype(np.float32)
    return distances


def tree_vectors(labels: Labels, hops: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Vectors whose inner products are 1 - A, with A the distances in the class tree.

    A factor of the positive semi-definite part of 1 - A. Where all paths are equally deep, A is an ultrametric,
    nothing is lost, and the vectors are those of Barz & Denzler 2019 (arXiv 1809.09924) up to a rotation. With
    unequal depths the vectors come as near to A as vectors can.

    Args:
        labels: of the ``leaf`` scheme.
        hops: C × C between their classes.

    Returns:
        C × rank float32; where nothing is lost, of unit length.

    Raises:
        InputError: the scheme is ``levels``.
    """
    if labels.scheme == "levels":
        raise InputError(
            "label_graph: encoder tree does not go with scheme levels, because a level name can stand in several "
            "places of the tree and has no one distance. Use scheme leaf, or encoder infersent or word_vectors."
        )
    values, directions = np.linalg.eigh(1 - hops / hops.max())
    kept = values > _EIGENVALUE_TOLERANCE * values[-1]
    vectors: npt.NDArray[np.float32] = (directions[:, kept] * np.sqrt(values[kept])).astype(np.float32)
    return vectors
