"""The number of CPU cores to use."""

import os

_limits: list[int] = []


def cores() -> int:
    """Return how many cores this process may use; in a container this can be fewer than the machine has."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([found, *_limits])


def limit_cores(count: int) -> None:
    """Let this process use no more cores: it shares the machine with others of its kind."""
    _limits[:] = [count]
