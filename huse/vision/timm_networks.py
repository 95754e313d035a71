"""Networks of timm, by name or from a folder, without their classifiers; timm is imported where it is used.

Where weights do not fit, timm leaves them out with a warning, so that a part of the network stays random. So the
project reads files itself; timm makes networks, and translates the names that their authors gave.
"""

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from huse.errors import InputError
from huse.object_copies import local_folder
from huse.vision.geometry import Geometry
from huse.vision.network_names import LOCAL
from huse.vision.skeleton import Colour, InputFormat, Skeleton
from huse.vision.torchvision_ops import import_torchvision

INSTALL = "Run `pip install 'huse[vision]'`; where torch is a CPU build, it stays."
CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in the order in which they are looked for
GEOMETRIES: dict[str, Geometry] = {"center": "crop", "squash": "squash", "border": "pad"}  # by timm's name
ARGUMENTS, OWN = "model_args", "pretrained_cfg"
# What a network's config says of the pictures that it was made for.
OF_PICTURES = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode", "fixed_input_size", "classifier")


@contextmanager
def _timm() -> Iterator[ModuleType]:
    """Import timm, without warnings of deprecation. It fetches nothing, as no pretrained network is asked for."""
    if find_spec("timm") is None:
        raise InputError(f"timm is not installed, which networks named timm:… need. {INSTALL}")
    import_torchvision()  # timm imports it too, and may fail to
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm  # noqa: PLC0415  only where used

        yield timm


def options_of(name: str, root: Path) -> tuple[str, dict[str, Any]]:
    """Return the name of timm's architecture, and what else makes the network.

    Args:
        name: timm's, such as ``tf_efficientnet_lite0`` or ``vit_small_patch14_dinov2.lvd142m``; or
            ``local-dir:FOLDER``, a folder that timm has saved.
        root: base of a relative folder.

    Raises:
        InputError: the folder is missing or damaged.
    """
    if not name.startswith(LOCAL):
        return name, {}
    file = folder_of(name, root) / CONFIG
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        own = {key: content[OWN][key] for key in OF_PICTURES if key in content[OWN]}
        return str(content["architecture"]), {ARGUMENTS: dict(content.get(ARGUMENTS) or {}), OWN: own}
    except FileNotFoundError:
        raise InputError(
            f"{file}: not found. Expected a folder that timm has saved (timm.models.save_for_hf), with {CONFIG} and "
            f"{WEIGHTS[0]}. Name the folder that has them."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: does not describe a network of timm ({error!r}). Copy the folder again.") from None


def folder_of(name: str, root: Path) -> Path:
    """Return the folder that ``local-dir:FOLDER`` names; raises an `InputError` where there is none."""
    folder = local_folder(root, name.removeprefix(LOCAL))
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected one that timm has saved; set backbone.network to it.")
    return folder


def folder_weights(name: str, root: Path) -> Path:
    """Return the file of weights in a folder; raises an `InputError` where there is none."""
    folder = folder_of(name, root)
    found = [folder / file for file in WEIGHTS if (folder / file).is_file()]
    if not found:
        raise InputError(f"{folder}: expected {' or '.join(WEIGHTS)}, found neither. Copy the folder again.")
    return found[0]


def build(name: str, options: Mapping[str, Any], seed: int) -> Skeleton:
    """Make a network with random weights; torch's global generator is not touched.

    Args:
        name: of timm's architecture.
        options: from `options_of`.
        seed: of the weights.

    Raises:
        InputError: timm is not installed, or has no such network.
    """
    with _timm() as timm, torch.random.fork_rng(devices=[]):
        _refuse_unknown(timm, name)
        torch.manual_seed(seed)
        try:
            module: nn.Module = timm.create_model(
                name, pretrained=False, **{**options.get(ARGUMENTS, {}), "num_classes": 0}
            )
            own = {**(getattr(module, OWN, None) or {}), **options.get(OWN, {})}
            made_for, blocks = _made_for(timm, own), _blocks(timm, module)
            dimension = int(getattr(module, "head_hidden_size", None) or module.num_features)  # type: ignore[arg-type]
        except Exception as error:  # of the many networks' own code, or of a folder's config
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise InputError(f"backbone.network: timm cannot make {name} ({reason}).") from None
    named = own.get("classifier") or ()
    heads = [named] if isinstance(named, str) else named  # head.fc; and some have norms beside it
    return Skeleton(
        module,
        dimension,
        tuple(f"{head.partition('.')[0]}." for head in heads),
        made_for=made_for,
        options=dict(options),
        translated=partial(_translate, module),
        blocks=blocks,
    )


def for_size(name: str, options: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return the options of a network for pictures of S pixels a side.

    Some networks take one size alone. These are made for it; their weights for places are then interpolated.
    """
    with _timm() as timm:
        _refuse_unknown(timm, name)
        cfg = timm.models.get_pretrained_cfg(name, allow_unregistered=True)
        own = {**(cfg.to_dict() if cfg else {}), **options.get(OWN, {})}
    if not own.get("fixed_input_size") or size == own["input_size"][-1]:
        return dict(options)
    return {**options, ARGUMENTS: {**options.get(ARGUMENTS, {}), "img_size": size}}


def refuse_unknown(name: str) -> None:
    """Raise an `InputError` where timm has no such network."""
    with _timm() as timm:
        _refuse_unknown(timm, name)


def _refuse_unknown(timm: ModuleType, name: str) -> None:
    if timm.is_model(name):
        return
    near = get_close_matches(name, timm.list_models(), 3)
    such = f", such as {', '.join(f'timm:{each}' for each in near)}" if near else ""
    raise InputError(f"backbone.network: expected a network of timm {timm.__version__}{such}; found timm:{name}.")


def _made_for(timm: ModuleType, own: Mapping[str, Any]) -> InputFormat:
    config = timm.data.resolve_data_config(pretrained_cfg=dict(own))
    return InputFormat(
        size=int(config["input_size"][-1]),
        geometry=GEOMETRIES.get(config["crop_mode"], "crop"),
        crop=float(config["crop_pct"]),
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=cast(Colour, tuple(map(float, config["mean"]))),
        std=cast(Colour, tuple(map(float, config["std"]))),
    )


def _blocks(timm: ModuleType, module: nn.Module) -> list[list[str]] | None:
    """Return the names of the parameters by layer, as timm groups them for rates that fall from layer to layer.

    Timm has the last norm of many networks as a layer of its own; such a layer, of vectors only, joins the one before.
    """
    if not hasattr(module, "group_matcher"):
        return None
    groups = timm.models.group_parameters(module, module.group_matcher(coarse=False))  # type: ignore[operator]
    sizes = {name: parameter.ndim for name, parameter in module.named_parameters()}
    found: list[list[str]] = []
    for _, names in sorted(groups.items()):
        if found and all(sizes[name] < 2 for name in names):
            found[-1] += names
        else:
            found.append(list(names))
    return found if len(found) > 1 else None


def _translate(module: nn.Module, state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    """Translate what the authors of a network published, and fit weights for places to its size."""
    made = sys.modules[type(module).__module__]
    translate = getattr(made, "checkpoint_filter_fn", None) or getattr(made, "_filter_fn", None)
    try:
        translated: Mapping[str, Tensor] = translate(dict(state), module) if translate else state
    except (KeyError, RuntimeError, AttributeError, ValueError, AssertionError, TypeError):  # a file of another network
        return state
    return translated
