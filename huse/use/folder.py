"""The folder of a model on disk: what it holds, and whether it is whole. Nothing here imports torch."""

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from huse.encoders.contract import CONFIG
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.model.contract import Modality, Towers

FORMAT = 3  # of the folder; raise it when an older reader would misread a new folder
CARD = "README.md"
ENCODERS: dict[Modality, str] = {"image": "image_encoder", "text": "text_encoder"}
MORE = ("towers", "export")  # keys of an export
SEAL = "config_sha256"
KEYS = {"classes": list, "class_labels": list, "fusion": dict, "points": dict, "info": dict, "sha256": dict}

# What computes towers and heads, by the name in the config → module and class; one without a name is torch's.
TORCH, ONNX = "torch", "onnx"
TOWERS = {TORCH: ("huse.model.network", "Network"), ONNX: ("huse.model.onnx_towers", "OnnxTowers")}


def load_towers(folder: Path, content: dict[str, Any]) -> Towers:
    """Read towers and heads; what computes them is imported here.

    Args:
        folder: of the model.
        content: of its config.
    """
    kind = content.get("towers", TORCH)
    if kind not in TOWERS:
        raise InputError(
            f"{folder / CONFIG}: expected towers of {', '.join(TOWERS)}, found {kind!r}. Use the version that made it."
        )
    module, name = TOWERS[kind]
    towers: type[Towers] = getattr(import_module(module), name)
    return towers.load_from(folder)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a model but its card, by path, before its config is written."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    return {path.relative_to(folder).as_posix(): fingerprint_file(path) for path in files}


def read_model_config(folder: Path) -> dict[str, Any]:
    """Read the config of a model.

    Raises:
        InputError: the folder is no model, or one of another format.
    """
    path = folder / CONFIG
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected a model, such as data/model after `dvc repro`.")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = content["format"]
        missing = [key for key, of in KEYS.items() if not isinstance(content.get(key), of)]
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Expected the folder of a model, such as data/model.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not describe a model ({error}). Copy the folder again.") from None
    if found != FORMAT:
        raise InputError(f"{path}: expected a model of format {FORMAT}, found {found}. Use the version that made it.")
    seal = content.pop(SEAL, None)  # models of before have none
    if seal is not None and seal != _fingerprint(content):
        raise InputError(f"{path}: has changed since it was written. Copy the folder again.")
    if missing:
        wanted = ", ".join(f"{key} ({KEYS[key].__name__})" for key in missing)
        raise InputError(f"{path}: expected the keys {wanted}. Copy the folder again.")
    if len(content["classes"]) != len(content["class_labels"]):
        raise InputError(
            f"{path}: expected labels of {len(content['classes'])} classes, found those of "
            f"{len(content['class_labels'])}. Copy the folder again."
        )
    return content


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a model with a fingerprint of itself, by which a change of it is noticed."""
    return {**content, SEAL: _fingerprint(json.loads(json.dumps(content)))}  # as it will be read


def _fingerprint(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def fingerprint_model(content: dict[str, Any]) -> str:
    """Return what the embeddings of a model are known by, from its config.

    It is the SHA-256 over all files. An export computes what its source computes, up to rounding, so it has that of its
    source: an index of the one is an index of the other.
    """
    if "export" in content:
        return str(content["export"]["source"])
    return _fingerprint(content["sha256"])
