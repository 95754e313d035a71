"""The engine `ray`: every batch is a task of a Ray cluster, and results come back in the order of the batches.

Tasks, not actors: a task is bound to no process. If its process is killed, or its machine goes, Ray starts it again
wherever there is room, and a machine that joins gets tasks too. What a batch needs travels with it, and the work
itself, such as a network, travels once to each process. So machines share no files.
"""

import logging
import os
import pickle
import secrets
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any

from huse.engine.cores import cores, limit_cores
from huse.engine.machine import Machine
from huse.engine.work import Batch, Result_co, Spread, Work
from huse.errors import InputError

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise InputError("machine.engine: ray, which is not installed. Run `pip install 'huse[ray]'`.") from None

RETRIES = 5  # times that a batch is begun again whose process or machine died; a picture may be what kills it
AHEAD = 2  # batches under way for each process, so that none waits for the next one
HELD = 8  # batches for each process that are under way, or finished and wait for an earlier one; limits memory
CONNECT = 10.0  # seconds until a machine has to answer
LOOK = 10.0  # seconds without a result after which the cluster is looked at

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else Ray sends what it is used for to its makers
    "RAY_task_oom_retries": str(RETRIES),  # else a batch that the memory is too small for would be begun without end
}

_opened: dict[ray.ObjectRef, Any] = {}  # in a process of the cluster: the work that it did last


@contextmanager
def cluster(machine: Machine) -> Iterator[Spread]:
    """Connect to a Ray cluster, or start one of this machine alone, and leave or stop it at the end.

    Raises:
        InputError: there is no such cluster, it does not fit, or it has too few CPUs.
    """
    os.environ.update(ENVIRONMENT)
    how: dict[str, Any] = {"address": machine.address}
    with ExitStack() as stack:
        if machine.address is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="huse-ray-", ignore_cleanup_errors=True))
            how = {"address": "local", "include_dashboard": False, "_temp_dir": folder}
            how["num_cpus"] = machine.workers or cores()
            # Nobody else may use it. Ray would write a token into the home folder, for anybody here to read.
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        stack.callback(ray.shutdown)
        with _own_signals():
            _connect(machine, how)
        most = 0 if machine.address is None else machine.workers or 0
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if most > cpus:
            raise InputError(
                f"machine.workers: {most}, but the Ray cluster at machine.address: {machine.address} has {cpus} CPUs. "
                "Set at most so many, or null for all."
            )

        def spread(work: Work[Batch, Result_co], batches: Iterable[Batch], /) -> Iterator[Result_co]:
            return _spread(work, batches, most)

        yield spread


def refuse_unreachable(machine: Machine, seconds: float = CONNECT) -> None:
    """Refuse a cluster of which nobody answers at ``host:port``; of others only `cluster` knows.

    Raises:
        InputError: says so.
    """
    if machine.address in (None, "auto"):
        return
    host, _, port = str(machine.address).rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
    except (OSError, ValueError) as error:
        raise _unusable(machine, error) from None


def _connect(machine: Machine, how: dict[str, Any]) -> None:
    refuse_unreachable(machine)  # Ray would wait for minutes
    try:
        ray.init(**how, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:  # nobody there, other versions, no address; no room for it
        raise _unusable(machine, error) from None


def _unusable(machine: Machine, error: Exception) -> InputError:
    reason = str(error).strip().partition("\n")[0]
    remedy = "Start one there with `ray start --head`, of the same versions of Ray and Python, or set it to null."
    if machine.address is None:
        remedy = "It needs a GB of memory, and a path of temporary files of at most 45 letters (TMPDIR)."
    return InputError(f"machine.address: {machine.address}: no Ray cluster to use ({reason}). {remedy}")


@contextmanager
def _own_signals() -> Iterator[None]:
    """Undo what Ray does to SIGTERM: the stage ends in its own way, through every ``with`` block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _spread(work: Work[Batch, Result_co], batches: Iterable[Batch], most: int) -> Iterator[Result_co]:
    """Do batches on the cluster, at most `most` at a time; 0: as many as it has room for."""
    needs = _needs(work)
    task = ray.remote(max_retries=RETRIES, max_calls=0, **needs)(_do)
    # Arrays go beside the rest: the processes of a machine read them where they lie, in its shared memory.
    arrays: list[pickle.PickleBuffer] = []
    sent = [ray.put((pickle.dumps(work, protocol=5, buffer_callback=arrays.append), arrays))]  # a task fetches it
    waiting = enumerate(batches)
    running: dict[ray.ObjectRef, int] = {}
    done: dict[int, ray.ObjectRef] = {}
    following = 0
    while True:
        room = _room(needs)
        free = min((most or AHEAD * room) - len(running), HELD * max(room, 1) - len(running) - len(done))
        for number, batch in islice(waiting, max(0, free)):
            running[task.remote(sent, work.packed(batch), needs["num_cpus"])] = number
        if not running:
            return
        finished, _ = ray.wait(list(running), timeout=LOOK)
        if not finished and not room:
            raise InputError("machine.engine: the Ray cluster has no machine left that could go on. Run it again.")
        done |= {running.pop(reference): reference for reference in finished}
        while following in done:
            yield _result(done.pop(following), following)
            following += 1


def _needs(work: Work[Any, Any]) -> dict[str, int]:
    """Return what a process of the cluster has for itself."""
    if not work.gpus:
        most = max((int(node.get("CPU", 0)) for node in _nodes()), default=1)
        return {"num_cpus": max(1, min(work.cpus, most)), "num_gpus": 0}
    beside = [int(node.get("CPU", 0) // node["GPU"]) for node in _nodes() if node.get("GPU", 0) >= 1]
    if not beside:
        raise InputError("machine.device: cuda, but no machine of the Ray cluster has a GPU. Set it to cpu.")
    return {"num_cpus": min(beside), "num_gpus": 1}


def _room(needs: dict[str, int]) -> int:
    """Return how many processes the cluster has room for now: machines may come and go."""
    kind, each = ("GPU", needs["num_gpus"]) if needs["num_gpus"] else ("CPU", needs["num_cpus"])
    return sum(int(node.get(kind, 0)) // each for node in _nodes())


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _do(sent: list[ray.ObjectRef], batch: Any, cpus: int) -> Any:
    """Do one batch, in a process of the cluster."""
    limit_cores(max(1, cpus))
    if sent[0] not in _opened:
        _opened.clear()
        work, arrays = ray.get(sent[0])
        _opened[sent[0]] = pickle.loads(work, buffers=arrays)  # noqa: S301  of the stage itself
    (result,) = _opened[sent[0]]([batch])
    return result


def _result(reference: ray.ObjectRef, number: int) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, InputError) else error) from None
    except RayError as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"machine.engine: ray: batch {number} ended its process {RETRIES + 1} times ({reason}). Is the memory too "
            "small? Try fewer machine.workers, or machine.engine: local."
        ) from None
