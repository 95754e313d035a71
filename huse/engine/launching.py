"""Starts the processes of a `huse.engine.group.Group` on this machine; for several machines there is `torchrun`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from torch import distributed as dist

SECONDS_BETWEEN_LOOKS = 0.1
GRACE = 10.0  # seconds in which processes end by themselves, once one of them has failed
HERE = "127.0.0.1"


def launch(command: Sequence[str], processes: int) -> int:
    """Run a command in several processes, and wait for all of them.

    If one fails, the others end too. If this process ends, all end.

    Returns:
        An exit code: 0, or that of one that failed; 128 + n for one that a signal n ended.
    """
    # The port is one that is free; the store outlives each of the processes, so that all hear why one has ended.
    store = dist.TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    about = {
        "MASTER_ADDR": HERE,
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # as torchrun: no process opens the store, all look into this one
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    if sys.platform == "linux":
        about["GLOO_SOCKET_IFNAME"] = "lo"  # whatever the name of this machine resolves to
    started: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(processes):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            started.append(subprocess.Popen(command, env={**os.environ, **about, **own}))  # noqa: S603
        while any(process.poll() is None for process in started) and not _failed(started):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        end = time.monotonic() + GRACE
        while any(process.poll() is None for process in started) and time.monotonic() < end:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        code = min(_failed(started), default=0)  # before others are ended from here
    finally:
        for process in started:
            process.terminate()
        for process in started:
            _end(process)
    if code >= 0:
        return code
    print(f"error: a process was ended by {signal.Signals(-code).name}. Was memory too small?", file=sys.stderr)
    return 128 - code


def _failed(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Return the codes of those that have failed, negative ones by a signal."""
    return [code for process in processes if (code := process.poll())]


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
