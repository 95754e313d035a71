"""Label vectors ψ: from the labels' texts, or from the class tree.

K labels, E dimension of the encoder.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from huse.labels.schemes import Labels, Scheme
from huse.settings import Settings
from huse.taxonomy import ClassTree, Hops, split_path

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
LabelText = Literal["mean", "path", "leaf"]


class LabelSettings(Settings):
    """What a label is, and which text stands for it."""

    scheme: Scheme = Field(
        default="leaf", description="leaf: a label is a whole class path; levels: every level name is a label"
    )
    label_text: LabelText = Field(
        default="mean",
        description="leaf scheme: mean of the levels' vectors, path (read as one sentence), leaf (last name)",
    )
    zero_shot: str = Field(
        default="a photo of {path}",
        description="by a pair, the sentence of a class: {path}: its levels, coarse to fine; {leaf}: the last",
    )

    @field_validator("zero_shot")
    @classmethod
    def _names_the_class(cls, sentence: str) -> str:
        if class_sentences(["a<b"], sentence) == class_sentences(["c<d"], sentence):
            raise ValueError("expected {path} or {leaf} in the sentence, where the class stands")
        return sentence


def _parts(labels: Labels, label_text: LabelText) -> list[tuple[str, ...]]:
    """Return for each label the texts whose vectors are averaged; see `text_vectors`."""
    if labels.scheme == "levels":
        return [(label,) for label in labels.labels]
    paths = [split_path(label) for label in labels.labels]
    if label_text == "path":
        return [(" ".join(levels),) for levels in paths]
    return [levels[-1:] for levels in paths] if label_text == "leaf" else paths


def label_texts(labels: Labels, label_text: LabelText) -> list[str]:
    """Return the texts that `text_vectors` encodes, each once."""
    return list(dict.fromkeys(text for texts in _parts(labels, label_text) for text in texts))


def class_sentences(classes: Sequence[str], sentence: str) -> list[str]:
    """Return what stands for class paths in zero-shot classification, the place of each class filled in."""
    levels = [split_path(path) for path in classes]
    return [sentence.replace("{path}", " ".join(those)).replace("{leaf}", those[-1]) for those in levels]


def text_vectors(labels: Labels, encode: Encode, label_text: LabelText) -> npt.NDArray[np.float32]:
    """Encode the text of every label.

    HUSE encodes "the class name" and leaves open what that is for a class in a tree. The mean of the levels includes
    the coarse levels and weights all equally; the last name alone can give two classes the same vector.

    Args:
        labels: K labels.
        encode: S texts → S × E float32.
        label_text: the text of a class path in the scheme ``leaf``: ``mean``, the mean of the levels' vectors;
            ``path``, all levels as one text; ``leaf``, the last level. No effect in the scheme ``levels``, where a
            label is one name.

    Returns:
        K × E float32.
    """
    texts = label_texts(labels, label_text)
    number = {text: index for index, text in enumerate(texts)}
    encoded = encode(texts)
    return np.stack([encoded[[number[text] for text in those]].mean(axis=0) for those in _parts(labels, label_text)])


def tree_distances(hops: Hops) -> npt.NDArray[np.float32]:
    """Return the distances of labels in the class tree, K × K float32 in [0, 1]: hops, not all 0, by the largest."""
    distances: npt.NDArray[np.float32] = np.divide(hops, hops.max(), dtype=np.float32)
    return distances


def unit_sphere_vectors(tree: ClassTree) -> npt.NDArray[np.float32]:
    """Vectors ψ of unit norm whose inner products are `ClassTree.similarity` (Barz & Denzler 2019, arXiv 1809.09924).

    The similarity grows with the depth of the common ancestor, so its matrix has a Cholesky factor: the published
    solution, class by class, row by row. A class above others has unit norm too.

    Args:
        tree: of C different class paths.

    Returns:
        C × C float32, lower triangular.
    """
    vectors: npt.NDArray[np.float32] = np.linalg.cholesky(tree.similarity).astype(np.float32)
    return vectors
