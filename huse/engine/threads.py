"""Threads: how many a network gets, how long they wait for each other before they sleep, and work done in several."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from huse.engine.cores import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    ahead: int,
    threads: int | None = None,
    start: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """Yield the result of each item, in their order, from several threads.

    Args:
        function: what is done; it should release the interpreter's lock.
        items: taken when their turn comes.
        ahead: items that are taken before the first result is, which limits memory.
        threads: how many; None: one a core.
        start: called first in each thread.
    """
    with ThreadPoolExecutor(min(threads or cores(), ahead), initializer=start) as pool:
        waiting = iter(items)
        submitted: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(waiting, ahead))
        try:
            while submitted:
                result = submitted.popleft().result()
                submitted.extend(pool.submit(function, item) for item in islice(waiting, 1))
                yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def same_threads(count: int | None = None) -> Iterator[None]:
    """Compute with `count` threads; None: one, or as many as OMP_NUM_THREADS says; whatever the number of cores.

    Sums depend on how they are split among threads. So processes that share the work of one must compute as one does
    that has all the cores.
    """
    import torch  # noqa: PLC0415  `bound_spinning` is called before it is imported
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  imports numpy

    count, before = count or _asked() or 1, torch.get_num_threads()
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
