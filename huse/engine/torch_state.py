"""The state of training as named tensors: moments of an optimizer, and torch's random numbers."""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, optim


class Checkpoint(Protocol):
    """Stores the state of a run; see `huse.run.checkpoints.Checkpoint`."""

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the last saved state, or None."""

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Save a state."""


def optimizer_state(optimizer: optim.Optimizer) -> dict[str, Tensor]:
    """Return all moments, named ``index.moment`` after the parameters' order."""
    states = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, moments in states.items() for name, value in moments.items()}


def restore_optimizer(optimizer: optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Restore what `optimizer_state` returned."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        index, _, moment = name.partition(".")
        of = parameters[int(index)]
        # A fused optimizer walks memory in order, so a moment must have the memory layout of its weights.
        laid = torch.empty_like(of).copy_(value) if value.shape == of.shape else value
        moments.setdefault(int(index), {})[moment] = laid.detach()
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the state of torch's random numbers, on the CPU and on `device`."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random(device: torch.device, state: Mapping[str, Tensor]) -> None:
    """Restore what `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with ``prefix.`` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose name begins with ``prefix.``, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over names and values of tensors that NumPy can hold, in hexadecimal."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name}\0{tuple(value.shape)}\0".encode())
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
