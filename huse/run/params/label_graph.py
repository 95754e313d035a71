"""Parameters of the stage `label_graph`."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class InferSentParams(Settings):
    """How InferSent reads a sentence; see `huse.text.infersent`."""

    version: Literal[1, 2]
    pooling: Literal["max", "mean"]
    padding_in_max: bool
    hidden: int = Field(ge=1, le=16384)


class LabelGraphParams(Settings):
    """What a label is, what its vector is, and from what the distances of labels come."""

    scheme: Literal["leaf", "levels"]
    encoder: Literal["infersent", "word_vectors", "tree"]
    weights: str = Field(min_length=1)
    label_text: Literal["mean", "path", "leaf"]
    infersent: InferSentParams
