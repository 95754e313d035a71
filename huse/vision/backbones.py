"""Networks that turn a picture into a vector: of torchvision or timm, without their classifiers.

The family stands before a network's name: ``timm:NAME``, ``open_clip:FOLDER``; without one it is torchvision's.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.object_copies import local
from huse.settings import Settings
from huse.vision import pair_networks, timm_networks, torchvision_networks
from huse.vision.geometry import Geometry, Interpolation
from huse.vision.given_pictures import GivenPictureSettings
from huse.vision.network_names import TIMM, pair_of, place_of
from huse.vision.skeleton import IMAGENET, InputFormat, Skeleton
from huse.weights import is_safetensors, name_first, read_state_dict

LEAST_BLOCKS = 4

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

Name = Annotated[str, Field(min_length=1)]
OneOrMore = Name | Annotated[list[Name], Field(min_length=1)]
OneOrMoreWeights = Name | None | Annotated[list[Name | None], Field(min_length=1)]


class BackboneSettings(Settings):
    """Network, weights, and the geometry of its input."""

    network: OneOrMore = Field(
        default="resnet18",
        description=(
            "a torchvision classification model; timm:NAME; timm:local-dir:FOLDER; open_clip:FOLDER; "
            "sentence-transformers:FOLDER; given:FILE, vectors of your own; or a list of these, side by side"
        ),
    )
    weights: OneOrMoreWeights = Field(
        default="random",
        description=(
            "random (seeded), a torchvision name (IMAGENET1K_V1), or a file of torch.save or safetensors; null: the "
            "network brings them; one of each for a list"
        ),
    )
    geometry: Geometry | None = Field(
        default="squash",
        description=(
            "squash: to size × size; crop: the centre, its shorter side 256/224 of size; pad: to a square first; null: "
            "what the network was made for"
        ),
    )
    size: int | None = Field(
        default=64,
        ge=32,
        le=1024,
        description="pixels a side of its input; null: what the network was made for, 224 as a rule",
    )
    crop: float | None = Field(
        default=None,
        gt=0.2,
        le=1,
        description="share of the resized side that is seen; null: as it was made for, or all in another geometry",
    )
    interpolation: Interpolation | None = Field(
        default=None, description="of resizing: bilinear, bicubic; null: what the network was made for"
    )
    given: GivenPictureSettings = GivenPictureSettings()

    @model_validator(mode="after")
    def _paired(self) -> Self:
        several, weights = isinstance(self.network, list), self.weights
        if several != isinstance(weights, list) or (several and len(self.network) != len(weights or [])):
            raise ValueError("expected weights for each network: a list of each, or one of each")
        for network, own in self.networks:
            brings = place_of(network) is not None
            if brings != (own is None):
                why = f"{network} brings its own" if brings else f"{network} brings none"
                expected = "null" if brings else "random or a file"
                raise ValueError(f"weights: expected {expected}, as {why}; found {'null' if own is None else own}")
        return self

    @property
    def networks(self) -> list[tuple[str, str | None]]:
        """Each network with its weights."""
        if isinstance(self.network, str):
            return [(self.network, cast("str | None", self.weights))]
        return list(zip(self.network, cast("list[str | None]", self.weights), strict=True))

    @property
    def places(self) -> list[tuple[str, str | None]]:
        """What may be a path, with the setting that has it."""
        named = [("network", place_of(network)) for network, _ in self.networks]
        return [*named, *(("weights", weights) for _, weights in self.networks)]


@dataclass(frozen=True)
class Backbone:
    """A network for vectors of pictures.

    Attributes:
        name: of the network, with its family.
        module: N × 3 × S × S float32, normalised, to N × D; in evaluation mode, on the CPU, float32.
        dimension: D.
        fingerprint: identifies the weights: ``weights``, and ``seed`` (random) or ``weights_sha256``.
        origin: where the weights come from: the fingerprint when they were loaded first, and how they were fine-tuned.
        options: what makes the same network, beside its name.
        made_for: the pictures it was made for; its mean and deviation are always those.
        blocks: see `Skeleton`.
    """

    name: str
    module: nn.Module
    dimension: int
    fingerprint: dict[str, str | int]
    origin: dict[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    made_for: InputFormat = IMAGENET
    blocks: list[list[str]] | None = None


def load_backbone(
    name: str, weights: str | None, seed: int, folder: Path = Path(), size: int | None = None
) -> Backbone:
    """Make a backbone; nothing is ever downloaded.

    Args:
        name: a classification model of torchvision, such as ``resnet18``; one of `huse.vision.networks`;
            ``timm:NAME``; ``timm:local-dir:FOLDER``, a folder that timm has saved; or the picture half of a pair,
            ``open_clip:FOLDER`` or ``sentence-transformers:FOLDER``.
        weights: ``random``; a torchvision name such as ``IMAGENET1K_V1``, whose file must lie in torch hub's
            folder; or a file with the model's state dict, see `read_state_dict`. The file's classifier may have
            another number of classes, or be missing. None: those in the network's folder.
        seed: of random weights; torch's global generator is not touched.
        folder: that relative paths are relative to.
        size: S, for networks that take one size alone; None: what the network was made for.

    Raises:
        InputError: the model or the name of the weights is unknown; the file is missing, damaged, or of another
            network.
    """
    path = weights_file(name, weights, folder)
    name, options = _plain(name, weights, folder, size)
    skeleton = _build(name, options, seed)
    if path is None:
        fingerprint: dict[str, str | int] = {"weights": "random", "seed": seed}
    else:
        skeleton.module.load_state_dict(_read_weights(name, skeleton, path), strict=False)
        fingerprint = {"weights": Path(weights or path).name, "weights_sha256": fingerprint_file(path)}
    return _backbone(name, skeleton, fingerprint, fingerprint)


def weights_file(name: str, weights: str | None, folder: Path = Path()) -> Path | None:
    """Return the file that holds some weights of a backbone; None for random ones. Arguments as in `load_backbone`.

    Raises:
        InputError: the model or the name of the weights is unknown; or the file is missing, or of torchvision's and
            damaged.
    """
    named: Mapping[str, Any] = {}
    if (pair := pair_of(name)) is not None:
        return pair_networks.weights_of(pair, pair_networks.folder_of(pair, name.removeprefix(pair), folder))
    if weights is None and place_of(name) is not None:
        return timm_networks.folder_weights(name.removeprefix(TIMM), folder)
    if name.startswith(TIMM):
        timm_networks.refuse_unknown(timm_networks.options_of(name.removeprefix(TIMM), folder)[0])
    else:
        torchvision_networks.refuse_unknown(name)
        named = torchvision_networks.named_weights(name)
    if weights in (None, "random"):
        return None
    if weights in named:
        return torchvision_networks.hub_file(name, weights)
    file = local(folder, str(weights))
    if not file.is_file():
        known = f", to a name that torchvision has for {name} ({', '.join(named)})" if named else ""
        raise InputError(
            f"{file}: weights not found. Put the file there, or set backbone.weights to another file"
            f"{known}, or to random."
        )
    return file


def check_weights(name: str, weights: str | None, folder: Path = Path()) -> Path | None:
    """Check that a file holds the weights of a network, without making the network. Arguments as in `load_backbone`.

    Returns:
        The file; None for random weights.

    Raises:
        InputError: as in `load_backbone`.
    """
    path = weights_file(name, weights, folder)
    if path is not None:
        # Open_clip does not make networks without memory.
        with nullcontext() if pair_of(name) else torch.device("meta"):
            name, options = _plain(name, weights, folder, None)
            _read_weights(name, _build(name, options, seed=0), path)
    return path


def restore_backbone(name: str, weights: Path, origin: dict[str, Any], options: Mapping[str, Any]) -> Backbone:
    """Make a backbone of weights that were saved without a classifier.

    Args:
        name: of a backbone.
        weights: the ``.safetensors`` with the state of its module.
        origin: of that backbone.
        options: of that backbone.

    Raises:
        InputError: there is no such network; the file is missing or damaged, or of another network.
    """
    try:
        skeleton = _build(name, options, seed=0)
    except InputError as error:
        raise InputError(f"{weights.parent}: {error}") from None
    fingerprint: dict[str, str | int] = {"weights_sha256": fingerprint_file(weights)} if weights.is_file() else {}
    try:
        state = read_state_dict(weights)
        # Earlier versions wrote heads that take no part in a vector.
        skeleton.module.load_state_dict(
            {key: value for key, value in state.items() if not key.startswith(skeleton.unused)}
        )
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{weights}: not the weights of {name} ({reason}). Run `dvc repro` to make them.") from None
    return _backbone(name, skeleton, fingerprint, origin)


def _plain(name: str, weights: str | None, folder: Path, size: int | None) -> tuple[str, dict[str, Any]]:
    """Return the name of the network without a folder, and its options."""
    if (pair := pair_of(name)) is not None:
        place = pair_networks.folder_of(pair, name.removeprefix(pair), folder)
        return f"{pair}{place.name}", pair_networks.options_of(pair, place)
    if not name.startswith(TIMM):
        return name, torchvision_networks.options_of(name, weights or "")
    plain, options = timm_networks.options_of(name.removeprefix(TIMM), folder)
    return TIMM + plain, timm_networks.for_size(plain, options, size) if size else options


def _build(name: str, options: Mapping[str, Any], seed: int) -> Skeleton:
    if (pair := pair_of(name)) is not None:
        return pair_networks.build(pair, name.removeprefix(pair), options, seed)
    if name.startswith(TIMM):
        return timm_networks.build(name.removeprefix(TIMM), options, seed)
    return torchvision_networks.build(name, options, seed)


def _backbone(name: str, skeleton: Skeleton, fingerprint: dict[str, str | int], origin: dict[str, Any]) -> Backbone:
    module, made_for = skeleton.module.eval(), skeleton.made_for
    return Backbone(name, module, skeleton.dimension, fingerprint, origin, skeleton.options, made_for, skeleton.blocks)


def blocks(backbone: Backbone) -> list[list[nn.Parameter]]:
    """Return the parameters of a backbone by block, from the input on.

    A block is a child module. While there are fewer than `LEAST_BLOCKS`, the largest is replaced by its children.
    Modules with only vectors, such as norms, join the block before; parameters outside all children join the first.

    Where the family says which parameters learn at one rate, a block is those.

    Args:
        backbone: any; each of its parameters comes once.
    """
    if backbone.blocks is not None:
        parameters = dict(backbone.module.named_parameters())
        return [[parameters[name] for name in names] for names in backbone.blocks]
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


def _read_weights(name: str, skeleton: Skeleton, path: Path) -> dict[str, Tensor]:
    """Read the state dict of a network.

    Names of another writer's are understood in two ways: as the network's family translates them, or by their order.

    Raises:
        InputError: see `load_backbone`.
    """
    module = skeleton.module.state_dict()
    wanted = {key: value for key, value in module.items() if not key.startswith(skeleton.unused)}
    state = _needed(read_state_dict(path, list(wanted)), wanted, skeleton)
    if not (problems := _problems(state, wanted)):
        return state
    translated = _needed(skeleton.translated(state), wanted, skeleton) if skeleton.translated else {}
    if not _problems(translated, wanted):
        if name.startswith(TIMM):
            logging.info("%s: its weights have other names, or are of another size, than in %s: translated", path, name)
        return translated
    ordered = None if is_safetensors(path) else _by_order(state, wanted)  # which sorts the names
    if ordered is not None:
        said = (
            "%s: its names are not those of %s; its %d weights have the same order and shapes, and are taken by these"
        )
        logging.warning(said, path, name, len(ordered))
        return ordered
    raise InputError(
        f"{path}: expected the {len(wanted)} weights of {name}, found {len(state)} that do not fit. "
        f"{'; '.join(problems)}. Set backbone.network to the network that the file was saved from."
    )


def _needed(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], skeleton: Skeleton) -> dict[str, Tensor]:
    """Return the weights of a file without those of classifiers."""
    return {
        key: value
        for key, value in state.items()
        if key in wanted or not key.startswith((*skeleton.classifier, *skeleton.unused))
    }


def _problems(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Return how weights do not fit, in words; empty where they do."""
    missing = [key for key in wanted if key not in state and not _counts_steps(key)]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} ({_shape(state[key])}, expected {_shape(tensor)})"
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    return [
        f"{len(keys)} {what}: {name_first(keys)}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if keys
    ]


def _by_order(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return weights under the network's names, where all fit one after the other; otherwise None.

    A weight fits that has the same shape and the same last part of its name, such as ``bias``. Of the file, what comes
    after the last one wanted is the classifier.
    """
    theirs = [(key, value) for key, value in state.items() if not _counts_steps(key)]
    ours = [key for key in wanted if not _counts_steps(key)]
    rest = theirs[len(ours) :]
    if len(theirs) < len(ours) or len(rest) > len(CLASSIFIER):
        return None
    for own, (key, value) in zip(ours, theirs, strict=False):
        if value.shape != wanted[own].shape or key.rpartition(".")[2] != own.rpartition(".")[2]:
            return None
    return {own: value for own, (_, value) in zip(ours, theirs, strict=False)}


CLASSIFIER = ("weight", "bias")


def _counts_steps(key: str) -> bool:
    """Whether it is a counter of training steps, unused in evaluation; older files lack it."""
    return key.endswith("num_batches_tracked")


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "scalar"
