"""Encoders of label texts: InferSent, or the plain mean of word vectors.

Letters: S texts, E values a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from gensim.models import KeyedVectors
from pydantic import Field

from huse.encoders.contract import read_config, write_config
from huse.encoders.given import GivenLabelSettings
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentenceModelSettings
from huse.encoders.word_table import load_words, save_words
from huse.files import fingerprint_file
from huse.progress import progress
from huse.settings import Settings
from huse.text.infersent import InferSent, InferSentSettings, Pooling, encode, load_infersent
from huse.text.word_table import WordTable
from huse.text.word_vectors import mean_word_vectors
from huse.weights import write_state_dict

WEIGHTS = "weights.safetensors"


class LabelEncoderSettings(Settings):
    """What makes the vectors of labels."""

    encoder: Literal["infersent", "word_vectors", "sentences", "pair", "use", "given", "tree"] = Field(
        default="infersent",
        description=(
            "infersent, word_vectors (their mean), sentences (a model, below), pair (that of backbone.network), use "
            "(Universal Sentence Encoder), given (vectors of your own, by class path), tree (hops between classes)"
        ),
    )
    weights: str = Field(
        default="random",
        min_length=1,
        description="InferSent: random (seeded; Wieting & Kiela 2019) or a published state dict",
    )
    infersent: InferSentSettings = InferSentSettings()
    sentences: SentenceModelSettings = SentenceModelSettings()
    pair: SentenceReading = SentenceReading()
    given: GivenLabelSettings = GivenLabelSettings()


@dataclass(frozen=True)
class MeanEncoder:
    """The mean of the words' vectors.

    Attributes:
        words: vectors of the words.
        version: of InferSent's tokens, 1 or 2.
    """

    family: ClassVar[str] = "mean"

    words: KeyedVectors | WordTable
    version: Literal[1, 2]

    @property
    def dimension(self) -> int:
        """E."""
        return int(self.words.vector_size)

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, "version": self.version}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode texts; see `huse.text.word_vectors.mean_word_vectors`."""
        return mean_word_vectors(items, self.words, self.version)

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        save_words(self.words, folder)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        return cls(load_words(folder), read_config(folder, ("version",))["version"])


@dataclass(frozen=True)
class InferSentEncoder:
    """InferSent over word vectors.

    Attributes:
        network: its weights.
        words: vectors of the words, of the dimension that the weights expect.
        version: 1 or 2; for this and the next two see `huse.text.infersent.encode`.
        pooling: max or mean.
        padding_in_max: whether padding takes part, as in the published code.
    """

    family: ClassVar[str] = "infersent"

    network: InferSent
    words: KeyedVectors | WordTable
    version: Literal[1, 2]
    pooling: Pooling
    padding_in_max: bool

    @property
    def dimension(self) -> int:
        """E, twice the LSTM units each way."""
        return 2 * int(self.network.enc_lstm.hidden_size)

    @property
    def reading(self) -> dict[str, Any]:
        """How texts are read, as in labels.json."""
        return {"version": self.version, "pooling": self.pooling, "padding_in_max": self.padding_in_max}

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, **self.reading}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode texts; see `huse.text.infersent.encode`."""
        track = partial(progress, description="encode labels", unit="chunk")
        return encode(self.network, items, self.words, track=track, **self.reading)

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        write_state_dict(self.network.state_dict(), folder / WEIGHTS)
        save_words(self.words, folder)
        write_config(folder, {**self.config, "weights_sha256": fingerprint_file(folder / WEIGHTS)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("version", "pooling", "padding_in_max"))
        reading = config["version"], config["pooling"], config["padding_in_max"]
        return cls(load_infersent(folder / WEIGHTS), load_words(folder), *reading)
