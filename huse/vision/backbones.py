"""Networks that turn a picture into a vector: torchvision's classification models without their classifier.

The vector is the input of the last linear layer. SqueezeNet's classifier is a convolution, so its vector is the mean of
the features over space.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.settings import Settings
from huse.vision.geometry import Geometry
from huse.vision.networks import NETWORKS
from huse.vision.torchvision_ops import import_torchvision
from huse.weights import name_first, read_state_dict

models = import_torchvision().models

# Mean and deviation of ImageNet's RGB values in 0 to 1, which torchvision's models were trained with.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

LEAST_BLOCKS = 4

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

# Heads used only in training; their weights are ignored.
AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")

# Their published weights expect input between -1 and 1; torchvision converts it inside the network.
NEED_INPUT_TRANSFORM = ("googlenet", "inception_v3")


class BackboneSettings(Settings):
    """Network, weights, and the geometry of its input."""

    network: str = Field(default="resnet18", min_length=1, description="a torchvision classification model")
    weights: str = Field(
        default="random",
        min_length=1,
        description="random (seeded), a torchvision name (IMAGENET1K_V1), or a file of torch.save or safetensors",
    )
    geometry: Geometry = Field(
        default="squash",
        description="squash: to size × size; crop: shorter side to 256/224 of size, centre; pad: to a square first",
    )
    size: int = Field(
        default=64,
        ge=32,
        le=1024,
        description="pixels a side of its input; 224 is what published weights were made for",
    )


@dataclass(frozen=True)
class Backbone:
    """A network for vectors of pictures.

    Attributes:
        name: of the torchvision model.
        module: N × 3 × S × S float32, normalised, to N × D; in evaluation mode, on the CPU, float32.
        dimension: D.
        fingerprint: identifies the weights: ``weights``, and ``seed`` (random) or ``weights_sha256``.
        origin: where the weights come from: the fingerprint when they were loaded first, and how they were fine-tuned.
        transform_input: the network converts its input first; see `NEED_INPUT_TRANSFORM`.
    """

    name: str
    module: nn.Module
    dimension: int
    fingerprint: dict[str, str | int]
    origin: dict[str, Any]
    transform_input: bool


def load_backbone(name: str, weights: str, seed: int, folder: Path = Path()) -> Backbone:
    """Make a backbone; nothing is ever downloaded.

    Args:
        name: a classification model of torchvision, such as ``resnet18``, or one of `huse.vision.networks`.
        weights: ``random``; a torchvision name such as ``IMAGENET1K_V1``, whose file must lie in torch hub's
            folder; or a file with the model's state dict, see `read_state_dict`. The file's classifier may have
            another number of classes, or be missing.
        seed: of random weights; torch's global generator is not touched.
        folder: that the path of a file is relative to.

    Raises:
        InputError: the model or the name of the weights is unknown; the file is missing, damaged, or of another
            network.
    """
    path = weights_file(name, weights, folder)
    model = _build(name, seed)
    if path is None:
        fingerprint: dict[str, str | int] = {"weights": weights, "seed": seed}
    else:
        model.load_state_dict(_read_weights(name, model, path), strict=False)
        fingerprint = {"weights": Path(weights).name, "weights_sha256": fingerprint_file(path)}
    transform_input = weights != "random" and name in NEED_INPUT_TRANSFORM
    return _backbone(name, model, fingerprint, fingerprint, transform_input=transform_input)


def weights_file(name: str, weights: str, folder: Path = Path()) -> Path | None:
    """Return the file that holds some weights of a backbone; None for random ones. Arguments as in `load_backbone`.

    Raises:
        InputError: the model or the name of the weights is unknown; or the file is missing, or of torchvision's and
            damaged.
    """
    if name not in NETWORKS and name not in models.list_models(module=models):
        near = get_close_matches(name, models.list_models(module=models), 3) or ["resnet18"]
        own = f", or one of {', '.join(NETWORKS)}" if NETWORKS else ""
        raise InputError(
            f"backbone.network: expected a classification model of torchvision, such as {', '.join(near)}{own}; "
            f"found {name!r}."
        )
    if weights == "random":
        return None
    known: Any = {} if name in NETWORKS else models.get_model_weights(name).__members__
    if weights in known:
        return _hub_file(name, weights, known[weights])
    if not (folder / weights).is_file():
        named = f", to a name that torchvision has for {name} ({', '.join(known)})" if known else ""
        raise InputError(
            f"{folder / weights}: weights not found. Put the file there, or set backbone.weights to another file"
            f"{named}, or to random."
        )
    return folder / weights


def check_weights(name: str, path: Path) -> None:
    """Check that a file holds the weights of a network, without making the network.

    Raises:
        InputError: as in `load_backbone`.
    """
    with torch.device("meta"):
        _read_weights(name, _build(name, seed=0), path)


def _backbone(
    name: str, model: nn.Module, fingerprint: dict[str, str | int], origin: dict[str, Any], *, transform_input: bool
) -> Backbone:
    if name in NEED_INPUT_TRANSFORM:
        setattr(model, "transform_input", transform_input)  # noqa: B010  nn.Module declares no bool
    dimension = _strip_classifier(model)
    return Backbone(name, model.eval(), dimension, fingerprint, origin, transform_input)


def restore_backbone(name: str, weights: Path, origin: dict[str, Any], *, transform_input: bool) -> Backbone:
    """Make a backbone of weights that were saved without a classifier.

    Args:
        name: as in `load_backbone`.
        weights: the ``.safetensors`` with the state of a backbone's module.
        origin: of that backbone.
        transform_input: of that backbone.

    Raises:
        KeyError, ValueError: there is no such network.
        InputError: the file is missing or damaged, or of another network.
    """
    model = _build(name, seed=0)
    fingerprint: dict[str, str | int] = {"weights_sha256": fingerprint_file(weights)} if weights.is_file() else {}
    backbone = _backbone(name, model, fingerprint, origin, transform_input=transform_input)
    try:
        backbone.module.load_state_dict(read_state_dict(weights))
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{weights}: not the weights of {name} ({reason}). Run `dvc repro` to make them.") from None
    return backbone


def blocks(backbone: Backbone) -> list[list[nn.Parameter]]:
    """Return the parameters of a backbone by block, from the input on.

    A block is a child module. While there are fewer than `LEAST_BLOCKS`, the largest is replaced by its children.
    Modules with only vectors, such as norms, join the block before; parameters outside all children join the first.

    Args:
        backbone: any; each of its parameters comes once.
    """
    modules = list(backbone.module.children())
    while len(found := _grouped(modules)) < LEAST_BLOCKS:
        with_children = [module for module in modules if any(True for _ in module.children())]
        if not with_children:
            break
        largest = modules.index(max(with_children, key=_size))
        modules[largest : largest + 1] = modules[largest].children()
    held = {id(parameter) for block in found for parameter in block}
    loose = [parameter for parameter in backbone.module.parameters() if id(parameter) not in held]
    return [loose + found[0], *found[1:]]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _grouped(modules: Sequence[nn.Module]) -> list[list[nn.Parameter]]:
    found: list[list[nn.Parameter]] = []
    for module in modules:
        parameters = list(module.parameters())
        if found and all(parameter.ndim < 2 for parameter in parameters):
            found[-1] += parameters
        elif parameters:
            found.append(parameters)
    return found


def norms_are_placeholders(backbone: Backbone) -> bool:
    """Whether loaded batch norms have no statistics of data: all are 0 and 1, as when new.

    This happens if they were folded into the convolutions. Training would then start from wrong statistics.

    Args:
        backbone: from `load_backbone`; False for random weights, whose statistics are still to be learned.
    """
    norms = [module for module in backbone.module.modules() if isinstance(module, BATCH_NORMS)]
    return bool(norms) and backbone.origin.get("weights") != "random" and all(map(_is_new, norms))


def _is_new(norm: nn.Module) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    return isinstance(mean, Tensor) and isinstance(variance, Tensor) and not mean.any() and bool((variance == 1).all())


def _build(name: str, seed: int) -> nn.Module:
    # These two warn unless their (slower) initialisation is asked for.
    config = {"init_weights": True} if name in NEED_INPUT_TRANSFORM else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in NETWORKS:
            return NETWORKS[name]()
        model: nn.Module = models.get_model(name, weights=None, **config)
    return model


def _classifier_name(model: nn.Module) -> str:
    """Return the name of the last linear layer, or ``classifier`` if there is none (SqueezeNet)."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else "classifier"


def _strip_classifier(model: nn.Module) -> int:
    """Replace the classifier so that the model returns the classifier's input.

    Returns:
        D, the length of that input.
    """
    name = _classifier_name(model)
    classifier = model.get_submodule(name)
    if isinstance(classifier, nn.Linear):
        model.set_submodule(name, nn.Identity())
        return classifier.in_features
    convolution = next(module for module in classifier.modules() if isinstance(module, nn.Conv2d))
    model.set_submodule(name, nn.AdaptiveAvgPool2d(1))
    return convolution.in_channels


def _read_weights(name: str, model: nn.Module, path: Path) -> dict[str, Tensor]:
    """Read the state dict of a model, without its classifier.

    Raises:
        InputError: see `load_backbone`.
    """
    unneeded = (_classifier_name(model) + ".", *AUXILIARY_HEADS)
    wanted = {key: value for key, value in model.state_dict().items() if not key.startswith(unneeded)}
    read = read_state_dict(path, list(wanted))
    state = {key: value for key, value in read.items() if not key.startswith(unneeded)}
    # A counter of training steps, unused in evaluation; older files lack it.
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} ({_shape(state[key])}, expected {_shape(tensor)})"
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    problems = [
        f"{len(keys)} {what}: {name_first(keys)}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if keys
    ]
    if problems:
        raise InputError(
            f"{path}: expected the {len(wanted)} weights of {name}, found {len(state)} that do not fit. "
            f"{'; '.join(problems)}. Set backbone.network to the network that the file was saved from."
        )
    return state


def _shape(tensor: torch.Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "scalar"


def _hub_file(name: str, weights: str, entry: Any) -> Path:
    """Return the path of torchvision's file of named weights, after checking that it is complete."""
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
