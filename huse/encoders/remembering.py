"""An encoder of texts that keeps their vectors, so that a catalogue that has grown needs those of its new names alone.

Letters: N texts, D values a vector.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import Encoder, encode_each_once
from huse.encoders.text_reading import Batches
from huse.progress import progress
from huse.vision.cache import VectorCache, vector_key

VIEW = "text"  # in the keys; apart from those of pictures


@runtime_checkable
class EncoderApart(Encoder[str], Protocol):
    """An encoder whose vector of a text can be made to depend on nothing else.

    Attributes:
        determined_by: JSON; together with a text, it determines the vector on this kind of machine.
        fingerprint: of its weights.
    """

    fingerprint: str

    @property
    def determined_by(self) -> Mapping[str, Any]:
        """See above."""

    def encode_apart(self, texts: Sequence[str]) -> Batches:
        """Yield the vectors of different texts: of each the same bytes, whatever the others are."""


@dataclass(frozen=True)
class RememberingEncoder:
    """Encodes texts that are not in the cache, and keeps them there, batch by batch.

    Attributes:
        encoder: of the texts.
        cache: of their vectors.
    """

    encoder: EncoderApart
    cache: VectorCache

    @property
    def dimension(self) -> int:
        """D."""
        return self.encoder.dimension

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return self.encoder.config

    @property
    def fingerprint(self) -> str:
        """Of the weights."""
        return self.encoder.fingerprint

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode N texts as written in a catalogue; see `huse.encoders.contract.encode_each_once`."""
        return encode_each_once(items, self.dimension, self._encode)

    def _encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Return the vectors of N different texts, N × D float32."""
        about = json.dumps(self.encoder.determined_by, sort_keys=True)
        keys = [
            vector_key(about, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), VIEW) for text in texts
        ]
        place = {key: number for number, key in enumerate(keys)}
        vectors, known = np.empty((len(texts), self.dimension), np.float32), np.zeros(len(texts), bool)
        for key, vector in self.cache.get(keys, self.dimension):
            vectors[place[key]], known[place[key]] = vector, True
        new = np.flatnonzero(~known).tolist()
        with progress(total=len(new), description="encode texts", unit="text") as bar:
            for places, found in self.encoder.encode_apart([texts[number] for number in new]):
                vectors[[new[number] for number in places]] = found
                self.cache.put({keys[new[number]]: vector for number, vector in zip(places, found, strict=True)})
                bar.update(len(places))
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`; the vectors stay in the cache."""
        self.encoder.save(folder)


def remembering(encoder: Encoder[str], cache: VectorCache) -> Encoder[str]:
    """Return an encoder that keeps vectors where this is worth it: of networks; others stay as they are."""
    if not isinstance(encoder, EncoderApart):
        return encoder
    return RememberingEncoder(encoder, cache)  # type: ignore[return-value]  # never loaded: `save` writes the other
