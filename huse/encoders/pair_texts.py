"""Encoders of names and labels: the text halves of image-text pairs, whose pictures `backbone.network` encodes.

Letters: N texts, D values of the pair's space.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from huse.encoders.contract import Encoder, encode_each_once, read_config, write_config
from huse.encoders.model_folder import copy_model, fingerprint_model
from huse.encoders.text_reading import SentenceReading, TextBatch, encode_in_batches, filled_batches, tell_cut
from huse.encoders.transformer import PROBE, SentencesEncoder, refuse_chance
from huse.errors import InputError
from huse.object_copies import local_folder
from huse.vision.network_names import OPEN_CLIP, pair_of
from huse.vision.pair_networks import folder_of, library, weights_of
from huse.weights import name_first, read_state_dict

MODEL = "model"  # in the folder of the encoder
REMEDY = "Copy the folder again."
PICTURES = "visual."  # how names of the picture half's weights begin


@dataclass(frozen=True, eq=False)
class OpenClipTextEncoder:
    """Encodes texts by the text half of a model of open_clip, on the CPU in float32.

    Attributes:
        folder: of the model; `save` copies it.
        reading: how it reads texts.
        network: the model, without its picture half.
        tokenizer: texts to their tokens.
        fingerprint: see `huse.encoders.model_folder.fingerprint_model`.
        dimension: D.
    """

    family: ClassVar[str] = "open_clip_text"

    folder: Path
    reading: SentenceReading
    network: nn.Module = field(repr=False)
    tokenizer: Any = field(repr=False)
    fingerprint: str
    dimension: int

    @classmethod
    def of(cls, folder: Path, reading: SentenceReading) -> Self:
        """Read a model.

        Raises:
            InputError: the library is not installed, or a file of the folder is missing, damaged or does not fit.
        """
        weights = weights_of(OPEN_CLIP, folder)
        with library(OPEN_CLIP), torch.random.fork_rng(devices=[]):
            import open_clip  # noqa: PLC0415  only where used

            place = f"local-dir:{folder}"
            try:
                network = open_clip.create_model(place, load_weights=False, pretrained_text=False)
                tokenizer = open_clip.get_tokenizer(place)
            except (KeyError, TypeError, ValueError, RuntimeError, OSError, AssertionError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise InputError(
                    f"{folder}: open_clip cannot make the model ({reason}). Copy the folder again."
                ) from None
        del network.visual
        state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith(PICTURES)}
        own = network.state_dict()
        odd = [name for name in {**own, **state} if name not in own or name not in state]
        odd += [name for name in own if name in state and own[name].shape != state[name].shape]
        if odd:
            raise InputError(
                f"{weights}: does not fit the model of its folder: {name_first(odd)}. Copy the folder again."
            )
        network.load_state_dict(state)
        if (reading.max_length or 0) > tokenizer.context_length:
            raise InputError(
                f"{folder}: reads at most {tokenizer.context_length} tokens of a text, found max_length "
                f"{reading.max_length}. Set max_length to less, or to null."
            )
        encoder = cls(folder, reading, network.eval(), tokenizer, fingerprint_model(folder), dimension=0)
        return replace(encoder, dimension=encoder._vectors([PROBE]).shape[1])

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        found = {"family": self.family, "dimension": self.dimension, "model_sha256": self.fingerprint}
        return {**found, **self.reading.model_dump()}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode N texts as written in a catalogue; see `huse.encoders.contract.encode_each_once`."""
        return encode_each_once(items, self.dimension, self._encode)

    def _encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        vectors = encode_in_batches(texts, self.dimension, self.reading.batch_size, self._vectors)
        self._tell_cut(texts)
        return vectors

    def _tell_cut(self, texts: list[str]) -> None:
        if not texts:
            return
        # With room for one token more, a text that is longer has something there.
        ends = self._tokens(texts, self._longest + 1)[:, -1] != self._filling
        tell_cut([text for text, cut in zip(texts, ends.tolist(), strict=True) if cut], len(texts), self._longest)

    @property
    def determined_by(self) -> dict[str, Any]:
        """See `huse.encoders.remembering.EncoderApart`."""
        return {**self.config, "torch": torch.__version__, "open_clip": version("open_clip_torch")}

    def cut_apart(self, texts: Sequence[str]) -> Iterator[TextBatch]:
        """See `huse.encoders.remembering.EncoderApart`; all texts have one length."""
        yield from filled_batches(texts, range(len(texts)), self.reading.batch_size)
        self._tell_cut(list(texts))

    def encode_apart(self, batch: TextBatch) -> npt.NDArray[np.float32]:
        """See `huse.encoders.remembering.EncoderApart`."""
        return self._vectors(batch.texts)[: len(batch.places)]

    @property
    def _longest(self) -> int:
        """Tokens of a text that are read."""
        return self.reading.max_length or int(self.tokenizer.context_length)

    @cached_property
    def _filling(self) -> int:
        """The token that fills texts up."""
        return int(self.tokenizer([""])[0, -1])

    def _tokens(self, texts: list[str], longest: int) -> Tensor:
        """Return N × `longest` tokens."""
        tokens: Tensor = self.tokenizer([self.reading.prompt + text for text in texts], longest)
        return tokens

    @torch.inference_mode()
    def _vectors(self, batch: list[str]) -> npt.NDArray[np.float32]:
        room = (0, self.tokenizer.context_length - self._longest)
        tokens = functional.pad(self._tokens(batch, self._longest), room, value=self._filling)
        vectors: Tensor = self.network.encode_text(tokens)  # type: ignore[operator]
        if self.reading.normalise:
            vectors = functional.normalize(vectors, dim=1)
        return vectors.float().numpy()

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        copy_model(self.folder, folder / MODEL)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("model_sha256", *SentenceReading.model_fields))
        encoder = cls.of(
            folder / MODEL, SentenceReading(**{name: config[name] for name in SentenceReading.model_fields})
        )
        if encoder.fingerprint != config["model_sha256"]:
            raise InputError(f"{folder / MODEL}: not the model that the config describes. Copy the folder again.")
        return encoder


def find_pair(networks: Sequence[str], root: Path, by: str) -> tuple[str, Path]:
    """Return the prefix and the folder of the first pair among networks of pictures.

    Args:
        networks: as `backbone.network` names them.
        root: base of relative folders.
        by: the parameter that asks for it, for messages.

    Raises:
        InputError: there is no pair, or its folder is missing or not complete.
    """
    for network in networks:
        prefix = pair_of(network)
        if prefix is not None:
            place = network.removeprefix(prefix)
            folder = folder_of(prefix, place, root)
            return prefix, folder if prefix == OPEN_CLIP else local_folder(root, place)
    raise InputError(
        f"{by}: pair reads texts by the pair that backbone.network names (open_clip:FOLDER, "
        f"sentence-transformers:FOLDER), found {', '.join(networks)}. Name one, or take another encoder."
    )


def open_pair_texts(networks: Sequence[str], reading: SentenceReading, root: Path, *, by: str) -> Encoder[str]:
    """Make the text half of the first pair among networks of pictures; arguments as in `find_pair`.

    Raises:
        InputError: as `find_pair`, `OpenClipTextEncoder.of` and `SentencesEncoder.of`; or the weights do not fill the
            network, so that a part of it would be random.
    """
    prefix, folder = find_pair(networks, root, by)
    if prefix == OPEN_CLIP:
        return OpenClipTextEncoder.of(folder, reading)
    encoder = SentencesEncoder.of(folder, reading)
    refuse_chance(encoder)
    return encoder
