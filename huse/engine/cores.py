"""What this process may use: CPU cores, and address space."""

import os
import resource

from huse.errors import InputError

LEAST_SPACE = 2**31  # bytes of address space that the libraries take before they do anything

_limits: list[int] = []


def cores() -> int:
    """Return how many cores this process may use; in a container this can be fewer than the machine has."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([found, *_limits])


def limit_cores(count: int) -> None:
    """Let this process use no more cores: it shares the machine with others of its kind."""
    _limits[:] = [count]


def check_address_space() -> None:
    """Refuse to begin where the libraries may find no room: OpenBLAS then tries again without an end.

    Raises:
        InputError: this process may use less than `LEAST_SPACE`.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_SPACE:
        raise InputError(
            f"this process may use {limit / 2**30:.1f} GiB of address space, and torch and its like need "
            f"{LEAST_SPACE // 2**30} GiB and more. Raise the limit, `ulimit -v`."
        )
