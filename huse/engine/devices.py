"""The device and the dtype to compute with."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from huse.engine.dtypes import Dtype
from huse.errors import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")

# From glibc's malloc.h; and the sizes in bytes above which it maps memory and returns freed memory to the system.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAPPED, KEPT = 2**25, 2**30


def resolve_device(device: str) -> torch.device:
    """Return ``cpu``, ``cuda``, or for ``auto`` CUDA where there is one, and prepare the process for it.

    Raises:
        InputError: ``cuda``, and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("machine.device: cuda, but torch finds no CUDA device here. Set it to auto or cpu.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch's deterministic mode needs it
    else:
        _keep_freed_memory()
    return torch.device(device)


def _keep_freed_memory() -> None:
    """Make new tensors reuse the memory of earlier ones.

    By default glibc returns large blocks to the system at once, and new ones come page by page and zeroed: thousands of
    interrupts, a tenth of a step's time. Other C libraries have no such setting.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, MAPPED)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)


def resolve_dtype(dtype: Literal["auto", Dtype], device: torch.device) -> Dtype:
    """Return the dtype for a network's arithmetic; ``auto``: bfloat16 where the device has instructions for it."""
    if dtype != "auto":
        return dtype
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # torch was built without it
        return "float32"
    return "bfloat16" if any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS) else "float32"


@contextmanager
def reproducible() -> Iterator[None]:
    """Make results reproducible to the bit: on a GPU, and in several threads, some sums are added in any order."""
    settings = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]  # type: ignore[attr-defined]
