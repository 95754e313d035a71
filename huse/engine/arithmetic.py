"""What decides how sums are rounded: it must be the same wherever work goes. Nothing here imports torch by itself."""

from pathlib import Path
from platform import node

from huse.errors import InputError


def of_torch() -> str:
    """Return, for one kind of device: the version of torch, and what the CPU can."""
    import torch  # noqa: PLC0415  many works need none

    return f"torch {torch.__version__} with {torch.backends.cpu.get_cpu_capability()}"


def of_numpy() -> str:
    """Return the version of NumPy, and of its products of matrices for this CPU."""
    import numpy as np  # noqa: PLC0415  as above
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    # Other packages bring products of their own; those of NumPy's wheels are in a folder of its name.
    own = [each for each in blas if any(part.startswith("numpy") for part in Path(each["filepath"]).parts)] or blas
    said = [" ".join(str(each.get(key) or "") for key in ("internal_api", "version", "architecture")) for each in own]
    return f"numpy {np.__version__} with {', '.join(sorted(said))}"


def refuse_other(expected: str, own: str) -> None:
    """Refuse a machine with another arithmetic than the one where a stage runs, whose work has come to it.

    Raises:
        InputError: says which, and what to do.
    """
    if own != expected:
        raise InputError(
            f"{node()}: results of this machine may differ by rounding. Expected {expected}, as where the stage runs; "
            f"found {own}. Take it out of the cluster, or install that version."
        )
