"""An encoder of names: a model of sentences in an ONNX file, run by onnxruntime on the CPU. No torch is imported.

The library tokenizers makes the tokens: the one that transformers has beneath.

Letters: N texts, B texts of a batch, T tokens of its longest, D values a vector.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import CONFIG, encode_each_once, read_config, write_config
from huse.encoders.text_reading import (
    SentenceReading,
    encode_in_batches,
    load_salience,
    read_reading,
    save_salience,
    tell_cut,
)
from huse.engine.onnx import open_graph, run_graph
from huse.errors import InputError
from huse.text.salience import Salience

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"  # in the folder of the encoder
IDS, MASK, KINDS, WEIGHTS = "input_ids", "attention_mask", "token_type_ids", "weights"  # inputs of a graph
VECTORS = "vectors"
OWN = ("dimension", "pooling", "inputs", "longest")


@dataclass(frozen=True, eq=False)
class OnnxTextsEncoder:
    """Encodes texts by a graph that has the model's pooling, and unit norm, in it.

    Attributes:
        folder: of the graph and the tokenizer; `save` copies them.
        reading: how it reads texts; its prompt is the one in use, the model's own too.
        inputs: of the graph, some of `IDS`, `MASK`, `KINDS`, `WEIGHTS`; each B × T.
        longest: tokens of a text that are read.
        salience: weights of tokens, where the graph takes them; or None.
        dimension: D.
    """

    family: ClassVar[str] = "onnx_texts"

    folder: Path
    reading: SentenceReading
    inputs: tuple[str, ...]
    longest: int
    salience: Salience | None
    dimension: int

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {
            "family": self.family,
            "dimension": self.dimension,
            "pooling": "model" if self.salience is None else "tfidf",
            "inputs": list(self.inputs),
            "longest": self.longest,
            **self.reading.model_dump(),
        }

    @cached_property
    def graph(self) -> "InferenceSession":
        """The graph, which is read at its first use."""
        return open_graph(self.folder / GRAPH)

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """Makes tokens of any number, which fill up the shorter texts of a batch."""
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415  only where used

            tokenizer = Tokenizer.from_file(str(self.folder / TOKENIZER))
        except ImportError:
            raise InputError("tokenizers: not installed, which names need. Run `pip install tokenizers`.") from None
        except Exception as error:  # the library raises plain ones
            raise InputError(f"{self.folder / TOKENIZER}: damaged ({error}). Export the model again.") from None
        tokenizer.no_truncation()
        return tokenizer

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode N texts as written in a catalogue; see `huse.encoders.contract.encode_each_once`."""
        return encode_each_once(items, self.dimension, self._encode)

    def _encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        cut: list[str] = []
        vectors = encode_in_batches(
            texts, self.dimension, self.reading.batch_size, lambda batch: self._vectors(batch, cut)
        )
        tell_cut(cut, len(texts), self.longest)
        return vectors

    def _vectors(self, batch: list[str], cut: list[str]) -> npt.NDArray[np.float32]:
        """Return the vectors of B texts, B × D; add those that are cut off to a list."""
        prompt = self.reading.prompt
        whole = self.tokenizer.encode_batch([prompt + text for text in batch])
        cut += [text for text, tokens in zip(batch, whole, strict=True) if sum(tokens.attention_mask) > self.longest]
        tokens = self._truncated.encode_batch([prompt + text for text in batch]) if cut else whole
        made: dict[str, npt.NDArray[Any]] = {
            IDS: np.array([each.ids for each in tokens], np.int64),
            MASK: np.array([each.attention_mask for each in tokens], np.int64),
            KINDS: np.array([each.type_ids for each in tokens], np.int64),
        }
        if self.salience is not None:
            made[WEIGHTS] = np.stack(
                [self.salience.weights(text, _spans(each, prompt)) for text, each in zip(batch, tokens, strict=True)]
            )
        vectors: npt.NDArray[np.float32] = run_graph(self.graph, **{name: made[name] for name in self.inputs})[0]
        return vectors

    @cached_property
    def _truncated(self) -> "Tokenizer":
        from tokenizers import Tokenizer  # noqa: PLC0415  as above

        tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        tokenizer.enable_truncation(self.longest)
        return tokenizer

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        for name in (GRAPH, TOKENIZER):
            shutil.copyfile(self.folder / name, folder / name)
        if self.salience is not None:
            save_salience(self.salience, folder)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, (*OWN, *SentenceReading.model_fields))
        known = {IDS, MASK, KINDS, WEIGHTS}
        if not isinstance(config["inputs"], list) or not known.issuperset(config["inputs"]):
            named = ", ".join(sorted(known))
            raise InputError(f"{folder / CONFIG}: expected inputs of {named}. Export the model again.")
        salience = load_salience(folder) if config["pooling"] == "tfidf" else None
        reading = read_reading(config, folder)
        return cls(folder, reading, tuple(config["inputs"]), int(config["longest"]), salience, int(config["dimension"]))


def _spans(tokens: "Encoding", prompt: str) -> list[tuple[int, int]]:
    """Return the first character of each token and the one after its last, without the prompt."""
    return [(max(start - len(prompt), 0), max(end - len(prompt), 0)) for start, end in tokens.offsets]
