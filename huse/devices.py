"""Where to compute, and in which arithmetic."""

import torch

from huse.errors import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def resolve_device(device: str) -> torch.device:
    """Return the device to compute on.

    Args:
        device: ``cpu``, ``cuda``, or ``auto``: CUDA where there is one.

    Raises:
        InputError: ``cuda``, and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("machine.device: cuda, but torch finds no CUDA device here. Set it to auto or cpu.")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def resolve_dtype(dtype: str, device: torch.device) -> str:
    """Return the dtype that a network computes in.

    Args:
        dtype: ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the device has instructions for it, else float32.
        device: from `resolve_device`.
    """
    if dtype != "auto":
        return dtype
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # torch was built without it
        return "float32"
    return "bfloat16" if any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS) else "float32"
