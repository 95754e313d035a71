"""How many threads a network gets, and how long they wait for each other before they sleep."""

import os

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
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else cores()
