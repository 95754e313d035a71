"""How models read texts: settings, batches, what is said of long ones. Nothing here imports torch.

Letters: N texts, B texts of a batch, D values a vector.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from huse.encoders.contract import CONFIG
from huse.errors import InputError
from huse.progress import progress
from huse.settings import Settings
from huse.text.cleaning import Cleaning
from huse.text.salience import Salience
from huse.text.tfidf import TfIdf

SALIENCE = "tfidf.json"  # in the folder of an encoder


@dataclass(frozen=True)
class TextBatch:
    """Texts that go through a network together, filled up, so that a vector does not depend on the other texts.

    Attributes:
        places: of n texts among others.
        texts: B, those texts and then the last one again.
        length: tokens that each is filled up to; 0: as the encoder does it.
    """

    places: list[int]
    texts: list[str]
    length: int = 0


class SentenceReading(Settings):
    """How a model reads texts."""

    prompt: str = Field(
        default="", description="put before every text, such as `query: ` of E5 models; empty: the model's own, if any"
    )
    normalise: bool = Field(default=True, description="scale vectors to unit norm; false: as the model gives them")
    max_length: int | None = Field(
        default=None, ge=3, description="tokens of a text, the rest is cut off; null: what the model was made for"
    )
    batch_size: int = Field(default=32, ge=1, description="texts; affects speed, memory and rounding only")


def tell_cut(cut: Sequence[str], count: int, longest: float) -> None:
    """Say which of so many texts a model has cut off, if any."""
    if cut:
        said = "%d of %d texts are longer than max_length, %d tokens, and are cut off, first %.80r"
        logging.warning(said, len(cut), count, longest, cut[0])


def encode_in_batches(
    texts: list[str], dimension: int, batch_size: int, encode: Callable[[list[str]], npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    """Encode N texts, B at a time, behind a bar; N × D float32."""
    vectors = np.empty((len(texts), dimension), np.float32)
    with progress(total=len(texts), description="encode texts", unit="text") as bar:
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            vectors[start : start + len(batch)] = encode(batch)
            bar.update(len(batch))
    return vectors


def filled_batches(texts: Sequence[str], places: Sequence[int], size: int, length: int = 0) -> Iterator[TextBatch]:
    """Yield those of the texts that have such places, `size` after the other."""
    for start in range(0, len(places), size):
        some = list(places[start : start + size])
        filled = some + [some[-1]] * (size - len(some))
        yield TextBatch(some, [texts[place] for place in filled], length)


def read_reading(config: Mapping[str, Any], folder: Path) -> SentenceReading:
    """Return how texts are read, from the config of an encoder in a folder."""
    try:
        return SentenceReading(**{name: config[name] for name in SentenceReading.model_fields})
    except (ValueError, KeyError) as error:
        raise InputError(f"{folder / CONFIG}: missing or damaged ({error}). Copy the folder again.") from None


def save_salience(salience: Salience, folder: Path) -> None:
    """Write weights of tokens into the folder of an encoder."""
    (folder / SALIENCE).write_text(_as_json(salience), encoding="utf-8")


def fingerprint_salience(salience: Salience) -> str:
    """Return what weights of tokens are known by."""
    return hashlib.sha256(_as_json(salience).encode()).hexdigest()


def _as_json(salience: Salience) -> str:
    content = {"cleaning": salience.cleaning.model_dump(include=set(Cleaning.model_fields)), **vars(salience.tfidf)}
    return json.dumps(content, ensure_ascii=False)


def load_salience(folder: Path) -> Salience:
    """Read what `save_salience` wrote; raises an `InputError` where it is missing or damaged."""
    file = folder / SALIENCE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Salience(TfIdf(content["names"], content["document_frequency"]), Cleaning(**content["cleaning"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: missing or damaged ({error}). Copy the folder again.") from None
