"""Processes that must not outlive the one that started them."""

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

PR_SET_PDEATHSIG = 1  # of Linux's prctl(2): the signal that a process gets when its parent dies
SECONDS_BETWEEN_LOOKS = 0.5


def end_with_parent() -> None:
    """On Linux, end this process by SIGTERM when its parent dies for any reason; elsewhere no effect."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_who_set(variable: str) -> None:
    """End this process by SIGTERM when the process that set an environment variable for it dies.

    That process need not be the parent: a shell may stand between the two and live on. No effect if the variable is
    not set, or if no such process is found.
    """
    value = os.environ.get(variable)
    if value is None:
        return
    who = next((process for process in psutil.Process().parents() if not _has(process, variable, value)), None)
    if who is not None:
        threading.Thread(target=_end_after, args=(who,), name=f"end with {variable}", daemon=True).start()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGTERM and interrupts until the block ends; no effect outside the main thread, which gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler or signal.SIG_DFL)
        for number in held[:1]:
            signal.raise_signal(number)


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return process.environ().get(variable) == value
    except psutil.Error:  # another user's, or gone
        return False


def _end_after(process: psutil.Process) -> None:
    _wait(process)
    os.kill(os.getpid(), signal.SIGTERM)


def _wait(process: psutil.Process) -> None:
    """Wait for a process to end; `psutil` would also wait for its parent to reap it, which some never do."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, a container without them, or the process has ended
        with suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(SECONDS_BETWEEN_LOOKS)
    else:
        select.select([descriptor], [], [])  # reacts at once: this process's folder may be deleted next
        os.close(descriptor)
