"""What every stage script does around its own work: logging, time, errors a person can read."""

import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from huse.engine.processes import end_with_who_set
from huse.errors import in_one_line, log_to_terminal
from huse.run.place import Run

AS_BEFORE = "all outputs are as before, or all are written"
STARTED_BY_DVC = "DVC_STAGE"  # in the environment of every stage that DVC starts


def _terminate(number: int, frame: object) -> NoReturn:
    """Leave through every ``with`` block, so that unfinished outputs are removed."""
    print(f"terminated: {AS_BEFORE}", file=sys.stderr)
    sys.exit(128 + number)


def run(stage: Callable[[Run], str]) -> None:
    """Run a stage in the working directory, and log the line that it returns with the seconds it took.

    An `InputError` is printed without a traceback and ends the process with exit code 2, a full disk with 1.

    Args:
        stage: the work, given where it is; returns one line that says what was made, with counts; nothing where
            another process says it.
    """
    log_to_terminal()
    start = time.perf_counter()
    signal.signal(signal.SIGTERM, _terminate)
    end_with_who_set(STARTED_BY_DVC)  # a killed DVC must not leave a stage that goes on beside the next run
    try:
        with in_one_line(system=" Nothing was written."):
            line = stage(Run(Path()))
    except KeyboardInterrupt:
        print(f"interrupted: {AS_BEFORE}", file=sys.stderr)
        sys.exit(130)
    if line:
        logging.info("%s (%.1f s)", line, time.perf_counter() - start)
    gc.freeze()  # at its end Python would search all that torch has brought for cycles, which takes up to a second
