"""Processes that must not outlive the one that started them."""

import ctypes
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress

import psutil

PR_SET_PDEATHSIG = 1  # of Linux's prctl(2): the signal that a process gets when its parent dies
SECONDS_BETWEEN_LOOKS = 0.5


def end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent dies, however; elsewhere of no effect."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_who_set(variable: str) -> None:
    """Send SIGTERM to this process when the one that gave it an environment variable dies, however.

    That need not be its parent: a shell may stand between them, and outlives who started it.

    Args:
        variable: its name; of no effect where it is not set, or where nobody is found who set it.
    """
    value = os.environ.get(variable)
    if value is None:
        return
    who = next((process for process in psutil.Process().parents() if not _has(process, variable, value)), None)
    if who is not None:
        threading.Thread(target=_end_after, args=(who,), name=f"end with {variable}", daemon=True).start()


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return process.environ().get(variable) == value
    except psutil.Error:  # another user's, or gone
        return False


def _end_after(process: psutil.Process) -> None:
    _wait(process)
    os.kill(os.getpid(), signal.SIGTERM)


def _wait(process: psutil.Process) -> None:
    """Wait for the end of a process; `psutil` waits on until its parent has taken note of it, which some never do."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # Linux alone has them, not in every container, and none of what has ended
        with suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(SECONDS_BETWEEN_LOOKS)
    else:
        select.select([descriptor], [], [])  # at once: the folder in which this process writes may be about to go
        os.close(descriptor)
