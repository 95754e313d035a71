"""What every stage script does around its own work: logging, time, errors a person can read."""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from huse.errors import InputError

STARTED_BY_DVC = "DVC_STAGE"  # in the environment of every stage that DVC starts
PR_SET_PDEATHSIG = 1  # of Linux's prctl(2): the signal that a process gets when its parent dies


def _end_with_dvc() -> None:
    """Have Linux end this stage when the DVC that started it is killed, so that none goes on beside the next run."""
    if sys.platform == "linux" and STARTED_BY_DVC in os.environ:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _terminate(number: int, frame: object) -> NoReturn:
    """Leave through every ``with`` block, so that unfinished outputs are removed."""
    print("terminated: nothing was written", file=sys.stderr)
    sys.exit(128 + number)


def run(stage: Callable[[], str]) -> None:
    """Run a stage and log the line that it returns with the seconds it took.

    An `InputError` is printed without a traceback and ends the process with exit code 2.

    Args:
        stage: the work; returns one line that says what was made, with counts.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    start = time.perf_counter()
    signal.signal(signal.SIGTERM, _terminate)
    _end_with_dvc()
    try:
        line = stage()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
    logging.info("%s (%.1f s)", line, time.perf_counter() - start)
