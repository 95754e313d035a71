"""What makes the vectors of names: one encoder, or several side by side."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from huse.encoders.blocks import BlocksEncoder, block_scale, join_blocks
from huse.encoders.contract import Encoder
from huse.encoders.given import GivenSettings
from huse.encoders.ngrams import NgramVectorSettings
from huse.encoders.transformer import SentenceSettings
from huse.settings import Settings

Floats = npt.NDArray[np.float32]


class TextVectorSettings(Settings):
    """What makes the vectors of names."""

    encoders: list[Literal["words", "ngrams", "sentences", "given"]] = Field(
        default=["words", "ngrams"],
        min_length=1,
        description=(
            "several side by side: words: TF-IDF weighted word vectors; ngrams: of words and of characters; sentences: "
            "a model; given: your own"
        ),
    )
    ngrams: NgramVectorSettings = NgramVectorSettings()
    sentences: SentenceSettings = SentenceSettings()
    given: GivenSettings = GivenSettings()

    @field_validator("encoders")
    @classmethod
    def _once(cls, encoders: list[str]) -> list[str]:
        if len(set(encoders)) < len(encoders):
            raise ValueError("expected each encoder once")
        return encoders


def join_encoders(
    encoders: Mapping[str, Encoder[str]], vectors: Mapping[str, Floats], training: npt.NDArray[np.bool_]
) -> tuple[Encoder[Any], Floats]:
    """Make one encoder of several, and one array of their vectors; a single one stays as it is.

    Args:
        encoders: by name.
        vectors: by name, N × D' float32 of all names.
        training: N, which names are those of the training split.
    """
    if len(encoders) == 1:
        return next(iter(encoders.values())), next(iter(vectors.values()))
    scales = {name: block_scale(block[training]) for name, block in vectors.items()}
    return BlocksEncoder(encoders, scales), join_blocks(vectors, scales)
