"""An encoder of texts that keeps their vectors, so that a catalogue that has grown needs those of its new names alone.

Letters: N texts, D values a vector.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import Encoder, encode_each_once, files_of, from_files
from huse.encoders.families import load_encoder
from huse.encoders.text_reading import TextBatch
from huse.engine.arithmetic import of_torch, refuse_other
from huse.engine.work import Spread, here
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

    def cut_apart(self, texts: Sequence[str]) -> Iterator[TextBatch]:
        """Cut N different texts into batches; each has what its vectors depend on."""

    def encode_apart(self, batch: TextBatch) -> npt.NDArray[np.float32]:
        """Return the vectors of the n texts of a batch, n × D: of each text the same bytes, whatever the others are."""


@dataclass(frozen=True)
class EncodingTexts:
    """The work of computing vectors of texts; see `huse.engine.work.Work`.

    Attributes:
        encoder: computes them.
        arithmetic: of the machine where the stage runs; where the work has come to, it must be the same.
    """

    gpus: ClassVar[int] = 0
    cpus: ClassVar[int] = 1

    encoder: EncoderApart
    arithmetic: str = field(default_factory=of_torch)

    def __call__(self, batches: Iterable[TextBatch], /) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the vectors of each batch, n × D.

        Raises:
            InputError: this machine may round otherwise, or lacks a library that the encoder needs.
        """
        refuse_other(self.arithmetic, of_torch())
        return map(self.encoder.encode_apart, batches)

    def packed(self, batch: TextBatch, /) -> TextBatch:
        """Return the batch: it has all that is needed."""
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it with the files that the encoder's `save` writes."""
        return _unpacked, (files_of(self.encoder.save), self.arithmetic)


def _unpacked(files: dict[str, bytes], arithmetic: str) -> EncodingTexts:
    return EncodingTexts(from_files(load_encoder, files), arithmetic)  # type: ignore[arg-type]  # as saved


@dataclass(frozen=True)
class RememberingEncoder:
    """Encodes texts that are not in the cache, and keeps them there, batch by batch.

    Attributes:
        encoder: of the texts.
        cache: of their vectors.
        spread: has batches of texts done.
    """

    encoder: EncoderApart
    cache: VectorCache
    spread: Spread = here

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
            batches = list(self.encoder.cut_apart([texts[number] for number in new]))
            for batch, found in zip(batches, self.spread(EncodingTexts(self.encoder), batches), strict=True):
                places = [new[number] for number in batch.places]
                vectors[places] = found
                self.cache.put({keys[place]: vector for place, vector in zip(places, found, strict=True)})
                bar.update(len(places))
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`; the vectors stay in the cache."""
        self.encoder.save(folder)


def remembering(encoder: Encoder[str], cache: VectorCache, spread: Spread = here) -> Encoder[str]:
    """Return an encoder that keeps vectors where this is worth it: of networks; others stay as they are."""
    if not isinstance(encoder, EncoderApart):
        return encoder
    return RememberingEncoder(encoder, cache, spread)  # type: ignore[return-value]  # never loaded: `save` writes the other
