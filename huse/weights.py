"""Reads the weights of networks from untrusted files: only tensors, never objects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from huse.errors import InputError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict: names to tensors, on the CPU.

    Args:
        path: ``.safetensors``, or any other name for a file of `torch.save`, of which only tensors are
            unpickled (``weights_only``).

    Raises:
        InputError: the file is missing or damaged, or holds anything but named tensors.
    """
    if not path.is_file():
        raise InputError(f"{path}: weights not found. Put the file there, or set `weights` to where it lies.")
    try:
        state: Any
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the kind depends on the damage: KeyError, UnpicklingError, …
        reason = str(error).strip().partition("\n")[0]
        if not reason or "weights_only" in reason:  # torch's own message suggests unpickling objects
            reason = "no tensors only"
        raise InputError(
            f"{path}: expected a state dict of tensors, found a damaged or other file ({reason}). "
            "Get the file again, or save the network anew with torch.save(model.state_dict(), …)."
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise InputError(
            f"{path}: expected a state dict, a mapping of names to tensors, found {type(state).__name__} "
            "with other content. Save model.state_dict() itself."
        )
    return dict(state)
