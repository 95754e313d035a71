"""Torchvision's classification models, and those of `huse.vision.networks`, without their classifiers.

The vector is the input of the last linear layer. SqueezeNet's classifier is a convolution, so its vector is the mean of
the features over space.
"""

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.vision.networks import NETWORKS
from huse.vision.skeleton import MEAN, Skeleton
from huse.vision.torchvision_ops import import_torchvision

# Heads beside the classifier, used only in training on its classes; they are removed, and their weights ignored.
AUXILIARY = ("aux1", "aux2", "AuxLogits")
AUXILIARY_HEADS = tuple(f"{name}." for name in AUXILIARY)

# Their published weights expect input between -1 and 1; torchvision converts it inside the network.
NEED_INPUT_TRANSFORM = ("googlenet", "inception_v3")
TRANSFORM = "transform_input"


def _models() -> Any:
    return import_torchvision().models


def build(name: str, options: Mapping[str, Any], seed: int) -> Skeleton:
    """Make a network with random weights; torch's global generator is not touched.

    Args:
        name: a classification model of torchvision, such as ``resnet18``, or one of `huse.vision.networks`.
        options: ``transform_input``: whether the network converts its input first; see `NEED_INPUT_TRANSFORM`.
        seed: of the weights.

    Raises:
        InputError: the model is unknown.
    """
    refuse_unknown(name)
    # These two warn unless their (slower) initialisation is asked for.
    config = {"init_weights": True} if name in NEED_INPUT_TRANSFORM else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module: nn.Module = NETWORKS[name]() if name in NETWORKS else _models().get_model(name, weights=None, **config)
    if name in NEED_INPUT_TRANSFORM:
        setattr(module, TRANSFORM, options.get(TRANSFORM, False))
        module.aux_logits = False  # type: ignore[assignment]
        for head in AUXILIARY:
            if hasattr(module, head):
                setattr(module, head, None)
    classifier = _classifier_name(module)
    dimension = _strip(module, classifier)
    return Skeleton(module, dimension, (f"{classifier}.",), AUXILIARY_HEADS, options=options)


def options_of(name: str, weights: str) -> dict[str, Any]:
    """Return the options of a network with these weights."""
    return {TRANSFORM: weights != "random"} if name in NEED_INPUT_TRANSFORM else {}


def refuse_unknown(name: str) -> None:
    """Raise an `InputError` where there is no such network."""
    if name in NETWORKS:
        return
    models = _models()
    if name not in models.list_models(module=models):
        near = get_close_matches(name, models.list_models(module=models), 3) or ["resnet18"]
        own = f", or one of {', '.join(NETWORKS)}" if NETWORKS else ""
        raise InputError(
            f"backbone.network: expected a classification model of torchvision, such as {', '.join(near)}{own}; "
            f"found {name!r}. Those of other families are named timm:NAME, open_clip:FOLDER and so on."
        )


def named_weights(name: str) -> dict[str, Any]:
    """Return the weights that torchvision has a name for; none is fetched."""
    return {} if name in NETWORKS else dict(_models().get_model_weights(name).__members__)


def _classifier_name(model: nn.Module) -> str:
    """Return the name of the last linear layer, or ``classifier`` if there is none (SqueezeNet)."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else "classifier"


def _strip(model: nn.Module, name: str) -> int:
    """Replace the classifier so that the model returns the classifier's input.

    Returns:
        D, the length of that input.
    """
    classifier = model.get_submodule(name)
    if isinstance(classifier, nn.Linear):
        model.set_submodule(name, nn.Identity())
        return classifier.in_features
    convolution = next(module for module in classifier.modules() if isinstance(module, nn.Conv2d))
    model.set_submodule(name, nn.AdaptiveAvgPool2d(1))
    return convolution.in_channels


def hub_file(name: str, weights: str) -> Path:
    """Return the path of torchvision's file of named weights, after checking that it is complete.

    Raises:
        InputError: it is missing or damaged.
    """
    entry = named_weights(name)[weights]
    mean = tuple(entry.transforms().mean)
    if mean != MEAN:
        logging.warning("%s %s was trained on pictures normalised by mean %s, not %s.", name, weights, mean, MEAN)
    url: str = entry.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        raise InputError(
            f"{path}: the weights {weights} of {name} are not on this machine, and nothing is "
            f"downloaded for you. Get {url} and put it there, or set `weights` to the path of the file."
        )
    expected = path.stem.rpartition("-")[2]  # the name has the first digits of the SHA-256
    digest = fingerprint_file(path)
    if not digest.startswith(expected):
        raise InputError(
            f"{path}: expected a file whose SHA-256 begins with {expected}, found {digest[: len(expected)]}. "
            "The file is damaged; get it again."
        )
    return path
