"""Names to embeddings as a folder of sentence-transformers, which other people's tools load.

Letters: F values of a vector, D dimension of the shared space.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from huse.encoders.contract import Encoder
from huse.encoders.transformer import SentencesEncoder, quiet_library
from huse.errors import InputError
from huse.model.network import Network
from huse.use.export.onnx_model import FOUND_EXPORT
from huse.use.export.parity import ODD, Parity, names_of, refuse_far
from huse.use.model import Model

PROMPT = "huse"  # name of the prompt that is put before every text
ABOUT = "huse.json"  # in the folder, by which an export is known


def export_sentence_transformers(model: Model, folder: Path) -> Parity:
    """Write the text encoder and the text tower as modules of sentence-transformers, and compare them.

    Args:
        model: with towers of torch.
        folder: existing and empty.

    Raises:
        InputError: the encoder or the tower is none that these modules can express; or they compute something else.
    """
    encoder, network = _expressed(model)
    with quiet_library():
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  only where used: seconds
        from sentence_transformers.sentence_transformer.modules import Dense, Normalize  # noqa: PLC0415

        modules: list[nn.Module] = list(encoder.network)
        if encoder.reading.normalise:
            modules.append(Normalize())
        for weight, bias, activated in _layers(network):
            activation = nn.ReLU() if activated else nn.Identity()
            dense = Dense(weight.shape[1], weight.shape[0], activation_function=activation)
            dense.linear.load_state_dict({"weight": weight, "bias": bias})
            modules.append(dense)
        modules.append(Normalize())
        prompted: dict[str, Any] = {"prompts": {PROMPT: encoder.prompt}, "default_prompt_name": PROMPT}
        made = SentenceTransformer(modules=modules, device="cpu", **(prompted if encoder.prompt else {}))
        made.save_pretrained(str(folder), create_model_card=False)
        read = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        names = [*names_of(model.classes), *filter(None, ODD)]
        found = read.encode(names, show_progress_bar=False)
    parity = Parity(len(names), float(np.abs(model.encode_texts(names) - found).max()), 0.0)
    refuse_far(parity, "text")
    about = {"export": {"source": model.fingerprint, "parity": asdict(parity)}}
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return parity


def _expressed(model: Model) -> tuple[SentencesEncoder, Network]:
    """Return encoder and network of a model that modules can express; raise an `InputError` for another one."""
    encoder, network = model.text_encoder, model.network
    if not isinstance(network, Network):
        raise InputError(FOUND_EXPORT)
    if not isinstance(encoder, SentencesEncoder):
        raise InputError(
            f"names are read by {_named(encoder)}, which sentence-transformers has no module for. It can be exported "
            "with text_vectors.encoders: [sentences], or [pair] of transformers. `huse export onnx` takes any encoder."
        )
    if encoder.salience is not None:
        raise InputError(
            "text_vectors.sentences.pooling: tfidf weighs tokens by the words of the catalogue, which "
            "sentence-transformers has no module for. Set it to model, or use `huse export onnx`."
        )
    if network.class_means is not None:
        raise InputError(
            "train.class_pull moves embeddings by the classes' scores, which sentence-transformers has no module for. "
            "Set it to 0, or use `huse export onnx`."
        )
    return encoder, network


def _named(encoder: Encoder[Any]) -> str:
    config = encoder.config
    return ", ".join(config["blocks"]) if "blocks" in config else str(config["family"])


@torch.no_grad()
def _layers(network: Network) -> list[tuple[Tensor, Tensor, bool]]:
    """Return weight, bias, and whether a ReLU follows, of each layer of the text tower.

    The first one standardises its input: W (x - m) / s + b = (W / s) x + (b - W (m / s)).
    """
    tower = network.tower("text")
    layers: list[tuple[Tensor, Tensor, bool]] = []
    for place, linear in enumerate(tower.linears):
        tensors = linear.state_dict()
        weight, bias = tensors["weight"].double(), tensors["bias"].double()
        if place == 0:
            weight = weight / tower.deviation.double()
            bias = bias - weight @ tower.mean.double()
        last = place == len(tower.linears) - 1
        layers.append((weight.float(), bias.float(), tower.relu_last if last else True))
    return layers
