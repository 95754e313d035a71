"""How many threads a network gets, and how long they wait for each other before they sleep."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from huse.engine.cores import cores

# Turns of an empty loop, which cover the gaps between the operations of a step. OpenMP's default of 300,000 takes
# milliseconds: if another program needs the same cores, a thread that spins so long uses up its time slice, and all
# other threads wait for it.
SPINS = 10_000


def bound_spinning() -> None:
    """Limit the spinning of OpenMP's threads, unless the environment already says how they wait.

    Call it before torch is imported; it affects torch's OpenMP. Results do not depend on it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def threads() -> int:
    """Return how many threads a network gets: as many as cores, or as OMP_NUM_THREADS says, which torch follows too."""
    return _asked() or cores()


@contextmanager
def same_threads() -> Iterator[None]:
    """Compute with one thread, or with as many as OMP_NUM_THREADS says, whatever the number of cores.

    Sums depend on how they are split among threads. So processes that share the work of one must compute as one does
    that has all the cores.
    """
    import torch  # noqa: PLC0415  `bound_spinning` is called before it is imported
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  imports numpy

    count, before = _asked() or 1, torch.get_num_threads()
    with threadpool_limits(limits=count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _asked() -> int:
    """Return what OMP_NUM_THREADS says; 0: nothing, or no number."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else 0
