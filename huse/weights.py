"""Reads the weights of networks from untrusted files: only tensors, never objects. The content tells the format."""

import argparse
import logging
import re
import warnings
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from huse.errors import InputError
from huse.kinds import HEAD, kind_of

# Under which name a checkpoint of training holds the weights; the first of these that it has is taken.
HOLDERS = [
    *("state_dict", "model_state_dict", "model", "net", "network", "weights"),
    *("ema", "model_ema", "state_dict_ema", "ema_state_dict", "backbone", "encoder", "module"),
]

PICKLE = b"\x80"  # its first byte, before the protocol
SHOWN = 5  # names in a message
REMEDY = "Get the file again, or save the network anew with torch.save(model.state_dict(), …)."


def write_state_dict(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, for whoever may read other files of this user: the library keeps it to itself.

    Weights that a network uses in several places are written for each, since the format takes no memory twice.
    """
    path.touch()
    mode = path.stat().st_mode
    own, seen = {}, set()
    for name, tensor in state.items():
        place = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone(memory_format=torch.contiguous_format) if place in seen else tensor.contiguous()
        seen.add(place)
    save_file(own, path)
    path.chmod(mode)


def read_state_dict(path: Path, wanted: Collection[str] = ()) -> dict[str, Tensor]:
    """Read a state dict: names to tensors, on the CPU.

    A checkpoint of training holds it beside other things, and wrappers put a prefix such as ``module.`` before every
    name. What was taken of the file, and what was left, is logged.

    Args:
        path: of safetensors or of `torch.save`, of which only tensors are unpickled (``weights_only``).
        wanted: the network's own names, in its order; they tell the prefix. Empty: names stay.

    Raises:
        InputError: the file is missing or damaged, holds no named tensors, or a number that is not finite.
    """
    content, said = _load(path), []
    while isinstance(content, Mapping) and not _is_state(content):
        holder = next((name for name in HOLDERS if isinstance(content.get(name), Mapping)), None)
        if holder is None:
            break
        others = [name for name in content if name != holder]
        said.append(f"took `{holder}` of the checkpoint" + (f", not {name_first(others)}" if others else ""))
        content = content[holder]
    if not _is_state(content):
        held = f": {name_first(content)}" if isinstance(content, Mapping) and content else ""
        raise InputError(
            f"{path}: expected a state dict, a mapping of names to tensors, found {type(content).__name__} with other "
            f"content{held}. Save model.state_dict() itself."
        )
    prefix = _prefix(list(content), wanted)
    state = {name.removeprefix(prefix): tensor for name, tensor in content.items() if name.startswith(prefix)}
    left = [name for name in content if not name.startswith(prefix)]
    damaged = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if damaged:
        raise InputError(f"{path}: these weights hold a number that is not finite: {name_first(damaged)}. {REMEDY}")
    if prefix:
        said.append(f"took the prefix `{prefix}` off the names")
    if left:
        said.append(f"left out {len(left)} weights of other parts: {name_first(left)}")
    if said:
        logging.info("%s: %s", path, "; ".join(said))
    return state


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) and isinstance(one, Tensor) for name, one in content.items())
    )


def _prefix(names: list[str], wanted: Collection[str]) -> str:
    """Return what stands before the network's own names: where several do, the first that most names have."""
    first = next(iter(wanted), "")
    ends = [name.removesuffix(first) for name in names if first and name.endswith(f".{first}")]
    known = set(names)
    fitting = {prefix: sum(f"{prefix}{name}" in known for name in wanted) for prefix in ("", *ends)}
    return max(fitting, key=lambda prefix: fitting[prefix])


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: weights not found. Put the file there, or set `weights` to where it lies.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    safetensors = is_safetensors(path)
    kind = "" if safetensors or head.startswith(b"PK\x03\x04") else kind_of(head)
    reason = "it is empty" if not head else f"it is {kind}" if kind else ""
    try:
        if safetensors:
            return load_file(path)
        if not reason and not (head.startswith(b"PK\x03\x04") and not zipfile.is_zipfile(path)):
            # By its name, torch would guess at the format. Many checkpoints hold their command line, a Namespace.
            with (
                path.open("rb") as file,
                torch.serialization.safe_globals([argparse.Namespace]),
                warnings.catch_warnings(action="ignore"),  # what they say is said below, or does not matter
            ):
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the kind depends on the damage: KeyError, UnpicklingError, …
        reason = _archived(path) if zipfile.is_zipfile(path) else ""
        reason = reason or _reason(str(error), pickled=head.startswith(PICKLE))
    raise InputError(
        f"{path}: expected a state dict of tensors, found a damaged or other file ({reason or 'it is truncated'}). "
        f"{REMEDY}"
    )


def _archived(path: Path) -> str:
    """Return what a zip archive is that `torch.save` did not write; empty: it may have written it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        return f"it is a damaged zip archive: {str(error).lower()}"
    if any(name.endswith("/data.pkl") for name in names):
        return ""
    return f"it is a zip archive of other files: {name_first(names)}" if names else "it is an empty zip archive"


def is_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors: the length of a header in 8 bytes, and its JSON."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < path.stat().st_size


def _reason(error: str, *, pickled: bool) -> str:
    """Return one line on what torch could not read, without its advice, which is to unpickle objects."""
    named = re.search(r"GLOBAL (\S+)", error)
    if named:
        return f"it holds an object of {named[1]}, which is code and is not read"
    if "TorchScript" in error:
        return "it is a TorchScript program, which is code and is not read"
    if pickled and "weights_only" in error:
        return "it is a pickle that torch.save has not written, which could hold code and is not read"
    if "weights_only" in error:
        return "it is neither of torch.save nor of safetensors"
    return error.strip().partition("\n")[0].partition(". ")[0].rstrip(".")


def name_first(names: Collection[Any]) -> str:
    """Return the first of some names in one line, and whether there are more."""
    shown = ", ".join(map(str, list(names)[:SHOWN]))
    return f"{shown}, …" if len(names) > SHOWN else shown
