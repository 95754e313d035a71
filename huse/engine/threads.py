"""How long torch's threads wait for each other before they sleep."""

import os

# Turns of an empty loop, some microseconds. OpenMP's own 300,000 are milliseconds: where another program wants the same
# cores, a thread that spins so long uses up its share of time, and all others then wait until it is let on again.
SPINS = 1_000


def bound_spinning() -> None:
    """Bound the spinning of OpenMP's threads, unless the environment says how they wait.

    It acts on the OpenMP that torch brings, and only before torch is imported. No result depends on it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
