"""What makes the vectors of names: one encoder, or several side by side."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.given import GivenSettings
from huse.encoders.ngrams import NgramVectorSettings, draw_evenly
from huse.encoders.scales import block_scale
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentenceSettings
from huse.settings import Settings

SCALED_BY = 2_000  # training names, by which the scales of blocks are known to a per cent


class TextVectorSettings(Settings):
    """What makes the vectors of names."""

    encoders: list[Literal["words", "ngrams", "sentences", "pair", "given"]] = Field(
        default=["words", "ngrams"],
        min_length=1,
        description=(
            "several side by side: words: TF-IDF weighted word vectors; ngrams: of words and of characters; sentences: "
            "a model; pair: that of backbone.network; given: your own"
        ),
    )
    start: str | None = Field(
        default=None,
        description="folder of an earlier model, whose encoder of names is used as it is; null: fitted anew",
    )
    ngrams: NgramVectorSettings = NgramVectorSettings()
    sentences: SentenceSettings = SentenceSettings()
    pair: SentenceReading = SentenceReading()
    given: GivenSettings = GivenSettings()

    @field_validator("encoders")
    @classmethod
    def _once(cls, encoders: list[str]) -> list[str]:
        if len(set(encoders)) < len(encoders):
            raise ValueError("expected each encoder once")
        return encoders


def join_encoders(encoders: Mapping[str, Encoder[str]], training_names: Sequence[str]) -> Encoder[Any]:
    """Make one encoder of several; a single one stays as it is.

    Args:
        encoders: by name.
        training_names: as in the catalogue; their vectors, or those of some of them, say how much a block varies.
    """
    if len(encoders) == 1:
        return next(iter(encoders.values()))
    drawn = draw_evenly(training_names, SCALED_BY)
    return BlocksEncoder(encoders, {name: block_scale(each.encode(drawn)) for name, each in encoders.items()})
