"""Whether an export computes what its source computes, measured on inputs that are made for it.

Letters: N inputs, F values of a vector, D dimension of the shared space, K labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.given import GivenEncoder
from huse.errors import InputError
from huse.model.contract import MODALITIES, Floats, Modality, Towers
from huse.taxonomy import LEVEL_SEPARATOR

MOST = 1e-4  # difference of a number of an embedding, or of a score
INPUTS = 16
SMALLEST, LARGEST = 40, 300  # pixels a side of the pictures
ODD = ["", "?", "XL 38/40 №5", "ЖЕНСКАЯ обувь", "赤い 靴", "a " * 200]  # names


@dataclass(frozen=True)
class Parity:
    """How far an export is from its source.

    Attributes:
        inputs: N.
        embeddings: the largest difference of a number of an embedding.
        scores: the largest difference of a score.
    """

    inputs: int
    embeddings: float
    scores: float


def probes(encoder: Encoder[Any], modality: Modality, names: Sequence[str]) -> list[Any]:
    """Return N items that an encoder takes: drawn pictures, names, or those whose vectors were given."""
    if isinstance(encoder, GivenEncoder):
        return [encoder.keys[number % len(encoder.keys)] for number in range(INPUTS)]
    if modality == "image":
        return drawn_pictures(INPUTS)
    return [*names, *ODD, *names[::-1]][:INPUTS]


def drawn_pictures(count: int) -> list[npt.NDArray[np.uint8]]:
    """Return smooth random pictures of different shapes, always the same ones; each H × W × 3 uint8."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        small = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        width, height = random.integers(SMALLEST, LARGEST, 2).tolist()
        pictures.append(np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)))
    return pictures


def names_of(classes: Sequence[str]) -> list[str]:
    """Return names as the classes suggest them; half of `INPUTS`, so that odd ones are among them too."""
    return [" ".join(reversed(path.split(LEVEL_SEPARATOR))) for path in classes][: INPUTS - len(ODD)]


def vectors_of(
    source: Encoder[Any], exported: Encoder[Any], modality: Modality, names: Sequence[str]
) -> tuple[Floats, Floats]:
    """Return N × F vectors by both encoders; of several side by side, each with items that it takes."""
    if isinstance(source, BlocksEncoder) and isinstance(exported, BlocksEncoder):
        both = [
            tuple(found / np.float32(source.scales[name]) for found in vectors_of(part, own, modality, names))
            for (name, part), own in zip(source.encoders.items(), exported.encoders.values(), strict=True)
        ]
        least = min(len(found) for found, _ in both)
        ours, theirs = (np.concatenate([found[:least] for found in each], axis=1) for each in zip(*both, strict=True))
        return ours, theirs
    items = probes(source, modality, names)
    return source.encode(items), exported.encode(items)


def compare(
    encoders: tuple[Encoder[Any], Encoder[Any]],
    towers: tuple[Towers, Towers],
    modality: Modality,
    names: Sequence[str],
) -> Parity:
    """Measure one modality; of each pair the source comes first."""
    vectors = vectors_of(*encoders, modality, names)
    found = [of.embed_arrays(modality, each) for of, each in zip(towers, vectors, strict=True)]
    embeddings, scores = (float(np.abs(ours - theirs).max()) for ours, theirs in zip(*found, strict=True))
    return Parity(len(vectors[0]), embeddings, scores)


def refuse_far(parity: Parity, modality: Modality) -> None:
    """Raise an `InputError` for an export that computes something else than its source."""
    near = parity.embeddings <= MOST and parity.scores <= MOST  # NaN is not
    if not near:
        what = dict(zip(MODALITIES, ("pictures", "names"), strict=True))[modality]
        raise InputError(
            f"export: embeddings or scores of {what} differ by {parity.embeddings:.1e} and {parity.scores:.1e} from "
            f"the model's, more than {MOST:g}, so nothing is written. Use the model's own folder, with torch."
        )
