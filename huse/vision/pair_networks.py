"""The picture halves of image-text pairs: CLIP and its kin, from a folder of open_clip or of transformers.

A pair has one space for pictures and texts. Here is its half for pictures, ready for all that a network can do;
`huse.encoders.pair_texts` has the half for texts. The libraries are imported where they are used: seconds.

Letters: N pictures, S pixels a side, D values of the pair's space.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from huse.errors import InputError
from huse.object_copies import local_folder
from huse.vision.geometry import Geometry
from huse.vision.network_names import OPEN_CLIP, SENTENCE_TRANSFORMERS
from huse.vision.quiet import quiet
from huse.vision.skeleton import Colour, InputFormat, Skeleton

OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
CONFIG, MODULES, WEIGHTS = "config.json", "modules.json", "model.safetensors"
PREPROCESSING = ("preprocessor_config.json", "processor_config.json")  # in the order in which they are looked for
HARMLESS = ("Normalize",)  # modules after the model that change no direction
RESAMPLING = {2: "bilinear", 3: "bicubic"}  # by Pillow's number
RESIZED: dict[str, Geometry] = {"shortest": "crop", "squash": "squash", "longest": "pad"}  # by open_clip's name
TEXT_PARTS = ("text_model", "text_projection", "logit_scale", "logit_bias")
BUFFERS = ("vision_model.embeddings.position_ids",)  # that older files have
PACKAGES = {
    OPEN_CLIP: ("open_clip", "open_clip", "clip"),
    SENTENCE_TRANSFORMERS: ("transformers", "transformers", "text"),
}


@contextmanager
def library(prefix: str) -> Iterator[None]:
    """Import what reads a pair; keep it from the network, and quiet.

    Raises:
        InputError: it is not installed.
    """
    module, name, extra = PACKAGES[prefix]
    if find_spec(module) is None:
        raise InputError(
            f"{name} is not installed, which networks named {prefix}… need. Run `pip install 'huse[{extra}]'`; where "
            "torch is a CPU build, it stays."
        )
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with quiet():
        yield


def folder_of(prefix: str, place: str, root: Path) -> Path:
    """Return the folder of a pair.

    Raises:
        InputError: it is missing, or its files are not there.
    """
    folder = local_folder(root, place)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder. Expected a pair of pictures and texts; set backbone.network to it."
        )
    needed = OPEN_CLIP_CONFIG if prefix == OPEN_CLIP else CONFIG
    if prefix == SENTENCE_TRANSFORMERS and (folder / MODULES).is_file():
        return _first_module(folder)
    if not (folder / needed).is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise InputError(
            f"{folder}: expected {needed} and weights in safetensors, found {found}. Copy the folder again."
        )
    return folder


def _first_module(folder: Path) -> Path:
    """Return the folder of the model in one of sentence-transformers; what comes after it must be harmless."""
    modules = _read_json(folder / MODULES)
    try:
        first, *others = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in modules]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / MODULES}: does not describe a pair ({error!r}). Copy the folder again.") from None
    changing = [kind for kind, _ in others if kind not in HARMLESS]
    if changing or ".." in Path(first[1]).parts:
        raise InputError(
            f"{folder / MODULES}: expected a model alone, found {', '.join(changing) or first[1]}. "
            "Name the folder of the model."
        )
    return folder / first[1]


def weights_of(prefix: str, folder: Path) -> Path:
    """Return the file of a pair's weights; raises an `InputError` where there is none."""
    names = (OPEN_CLIP_WEIGHTS, WEIGHTS) if prefix == OPEN_CLIP else (WEIGHTS,)
    found = [folder / name for name in names if (folder / name).is_file()]
    if found:
        return found[0]
    others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".safetensors"))
    raise InputError(
        f"{folder}: expected weights in one file, {names[0]}, found {', '.join(others) or 'none'}. Save the model anew "
        "as safetensors, on a machine where you trust it."
    )


def options_of(prefix: str, folder: Path) -> dict[str, Any]:
    """Return what makes the network: the folder's configuration of the model, and of its pictures.

    Raises:
        InputError: a file is missing or damaged, or says nothing of pictures.
    """
    if prefix == OPEN_CLIP:
        config = _read_json(folder / OPEN_CLIP_CONFIG)
        if not isinstance(config, dict) or not {"model_cfg", "preprocess_cfg"} <= set(config):
            raise InputError(
                f"{folder / OPEN_CLIP_CONFIG}: expected model_cfg and preprocess_cfg. How pictures are normalised is "
                "not in the weights: add preprocess_cfg with mean, std, interpolation and resize_mode."
            )
        return {"model": config["model_cfg"], "pictures": config["preprocess_cfg"]}
    found = [folder / name for name in PREPROCESSING if (folder / name).is_file()]
    if not found:
        raise InputError(
            f"{folder}: expected {PREPROCESSING[0]}, which says how pictures are normalised. Copy the folder again."
        )
    pictures = _read_json(found[0])
    if not isinstance(pictures, dict):
        raise InputError(f"{found[0]}: expected how pictures are prepared, found {type(pictures).__name__}.")
    return {"model": _read_json(folder / CONFIG), "pictures": pictures.get("image_processor", pictures)}


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: not found. Copy the folder again.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: damaged ({error}). Copy the folder again.") from None


def build(prefix: str, name: str, options: Mapping[str, Any], seed: int) -> Skeleton:
    """Make the picture half with random weights; torch's global generator is not touched.

    Args:
        prefix: of the library.
        name: of the folder, for messages.
        options: from `options_of`.
        seed: of the weights.

    Raises:
        InputError: the library is not installed, cannot make the network, or its pictures are prepared in another way.
    """
    with library(prefix), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            make = _of_open_clip if prefix == OPEN_CLIP else _of_transformers
            module, dimension, made_for = make(options)
        except Exception as error:  # of the libraries' own code, which has errors of its own kinds
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise InputError(f"{name}: {prefix.rstrip(':')} cannot make the network ({reason}).") from None
    translated = None if prefix == OPEN_CLIP else _named_by_half
    return Skeleton(module, dimension, (), made_for=made_for, options=dict(options), translated=translated)


def _of_open_clip(options: Mapping[str, Any]) -> tuple[nn.Module, int, InputFormat]:
    import open_clip  # noqa: PLC0415  only where used

    with tempfile.TemporaryDirectory() as folder:
        config = {"model_cfg": options["model"], "preprocess_cfg": options["pictures"]}
        (Path(folder) / OPEN_CLIP_CONFIG).write_text(json.dumps(config), encoding="utf-8")
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    how = open_clip.get_model_preprocess_cfg(model)
    made_for = InputFormat(
        size=int(model.visual.image_size[0] if isinstance(model.visual.image_size, tuple) else model.visual.image_size),
        geometry=RESIZED[how["resize_mode"]],
        crop=1,
        interpolation="bilinear" if how["interpolation"] == "bilinear" else "bicubic",
        mean=_colour(how["mean"]),
        std=_colour(how["std"]),
    )
    return model.visual, _dimension(model.visual, made_for.size), made_for


def _dimension(network: nn.Module, size: int) -> int:
    """Return D, which not every network says."""
    with torch.inference_mode():
        return int(network.eval()(torch.zeros(1, 3, size, size)).shape[1])


class _PictureHalf(nn.Module):
    """A model of transformers without what it has for texts."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        for part in TEXT_PARTS:
            if hasattr(model, part):
                delattr(model, part)
        self.pair = model

    def forward(self, pictures: Tensor) -> Tensor:
        """N × 3 × S × S to N × D."""
        found: Tensor = self.pair.get_image_features(pixel_values=pictures).pooler_output  # type: ignore[operator]
        return found


def _of_transformers(options: Mapping[str, Any]) -> tuple[nn.Module, int, InputFormat]:
    from transformers import AutoConfig, AutoModel  # noqa: PLC0415  only where used

    config = dict(options["model"])
    model = AutoModel.from_config(AutoConfig.for_model(config.pop("model_type"), **config), attn_implementation="sdpa")
    if not hasattr(model, "get_image_features"):
        raise ValueError(f"{type(model).__name__} has no features of pictures")
    made_for = _transformers_pictures(options["pictures"])
    half = _PictureHalf(model.float())
    return half, _dimension(half, made_for.size), made_for


def _transformers_pictures(how: Mapping[str, Any]) -> InputFormat:
    """Understand the configuration of an image processor; raises a `ValueError` where it does something else."""
    off = [step for step in ("do_resize", "do_rescale", "do_normalize") if not how.get(step, True)]
    if off or abs(how.get("rescale_factor", 1 / 255) - 1 / 255) > 1e-6:
        raise ValueError(f"its pictures are prepared in another way: {', '.join(off) or 'rescale_factor'}")
    size, crop = how["size"], how.get("crop_size") if how.get("do_center_crop") else None
    if isinstance(size, int):
        size = {"shortest_edge": size}
    if "shortest_edge" in size:
        seen = _side(crop or size["shortest_edge"])
        geometry: Geometry = "crop"
        share = seen / size["shortest_edge"]
    else:
        seen, geometry, share = _side(crop or size), "squash", _side(crop or size) / _side(size)
    interpolation = RESAMPLING[how.get("resample", 3)]
    mean, std = _colour(how["image_mean"]), _colour(how["image_std"])
    return InputFormat(seen, geometry, share, cast(Any, interpolation), mean, std)


def _side(size: Any) -> int:
    if isinstance(size, int):
        return size
    if size["height"] != size["width"]:
        raise ValueError(f"expected square pictures, found {size['height']} × {size['width']}")
    return int(size["height"])


def _colour(values: Any) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _named_by_half(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    """Name the weights of a whole pair as `_PictureHalf` does, without those for texts."""
    left_out = (*(f"{part}." for part in TEXT_PARTS), *TEXT_PARTS, *BUFFERS)
    return {f"pair.{name}": value for name, value in state.items() if not name.startswith(left_out)}
