"""A model of an earlier run as the start of this one: part of the edge.

The folder is one that the stage `model` wrote. Its encoders must be those of this run: towers have learned to read
their vectors.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.model.network import CONFIG, WEIGHTS, Network
from huse.model.starting import known_labels, misfit, start_from
from huse.run.earlier_model import IMAGE_ENCODER, TEXT_ENCODER, read_earlier

ENCODER_CONFIG = "config.json"  # says how pictures are batched, which changes nothing


def start_network(network: Network, labels: Mapping[str, Any], folder: Path, *, images: Path, texts: Path) -> list[str]:
    """Give a network the weights of an earlier model; return the class paths that are new to it.

    Args:
        network: with random weights.
        labels: the content of labels.json.
        folder: of the earlier model.
        images: what encodes pictures here, the folder of the stage `finetune_backbone`.
        texts: what encodes names here.

    Raises:
        InputError: there is no model, it does not fit, or it reads vectors of other encoders.
    """
    content = read_earlier(folder)
    weights = folder / IMAGE_ENCODER / "weights.safetensors"
    for encoder, own, remedy in (
        (TEXT_ENCODER, texts, f"Set text_vectors.start: {folder} too"),
        (IMAGE_ENCODER, images, f"Set backbone.weights: {weights} and finetune_backbone.epochs: 0"),
    ):
        if _digests(content, encoder) != _found(own):
            raise InputError(
                f"{folder}: its towers have learned from another {encoder.replace('_', ' ')} than {own} (train.start). "
                f"{remedy}."
            )
    earlier = Network.load(folder / WEIGHTS, folder / CONFIG)
    difference = misfit(network, earlier)
    if difference:
        raise InputError(
            f"{folder}: does not fit params.yaml, section train: {difference} (train.start). Set what the model was "
            "trained with, or start: null."
        )
    try:
        places, new = known_labels(
            dict(zip(labels["classes"], labels["class_labels"], strict=True)),
            dict(zip(content["classes"], content["class_labels"], strict=True)),
        )
    except ValueError:
        raise InputError(
            f"{folder}: has another label_graph.scheme (train.start). Set the scheme back, or start: null."
        ) from None
    start_from(network, earlier, places)
    return new


def _digests(content: Mapping[str, Any], encoder: str) -> list[str]:
    """Return the SHA-256 of an encoder's weights in a model, whatever folders they are in."""
    return sorted(
        digest
        for name, digest in content["sha256"].items()
        if name.startswith(f"{encoder}/") and Path(name).name != ENCODER_CONFIG
    )


def _found(folder: Path) -> list[str]:
    """Return the SHA-256 of an encoder's weights in this run."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ENCODER_CONFIG]
    return sorted(map(fingerprint_file, files))
