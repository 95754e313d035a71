"""Processes that compute one thing together, on one machine or on several.

`torchrun`, Ray Train and `huse.engine.launching` tell each process by the environment its rank, how many there are, and
where they meet. Between processes of one machine, or of machines of one kind, nothing is rounded: tensors arrive as
they were sent.
"""

import importlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch import distributed as dist

from huse.engine.processes import end_with_parent
from huse.errors import InputError

# How long a process waits for another: longer than reading the vectors takes, and than a validation.
PATIENCE = timedelta(minutes=10)
ENDED = "huse/ended"  # in the store that all processes reach: which one ended first, and why


class _LostError(Exception):
    """Another process does not answer."""


@dataclass(frozen=True)
class Group:
    """The processes, and which one this is; by default this one alone.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def gather(self, own: Sequence[Tensor]) -> list[list[Tensor]]:
        """Return the tensors of every process, in the order of ranks.

        Args:
            own: float32, on this process's device, of the same shapes in every process.
        """
        if self.size == 1:
            return [list(own)]
        flat = torch.cat([value.reshape(-1) for value in own])
        found = [torch.empty_like(flat) for _ in range(self.size)]
        _ask(lambda: dist.all_gather(found, flat))
        lengths = [value.numel() for value in own]
        return [
            [part.view(value.shape) for part, value in zip(torch.split(each, lengths), own, strict=True)]
            for each in found
        ]

    def share(self, value: Any) -> Any:
        """Return what the first process gives; others give what they like."""
        if self.size == 1:
            return value
        box = [value]
        _ask(lambda: dist.broadcast_object_list(box, src=0))
        return box[0]

    def agree(self, value: str, difference: str) -> None:
        """Raise an error where the processes do not all give the same value.

        Raises:
            InputError: which process differs; `difference` says what that means, and what to do.
        """
        if self.size == 1:
            return
        found: list[Any] = [None] * self.size
        _ask(lambda: dist.all_gather_object(found, (value, socket.gethostname())))
        for rank, (other, host) in enumerate(found):
            if other != found[0][0]:
                raise InputError(f"process {rank} on {host} and process 0 on {found[0][1]}: {difference}")


ALONE = Group()


def in_group() -> bool:
    """Whether this process was started as one of several."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """Meet the other processes, if this one was started as one of several; else the group is this one alone.

    On a GPU each process of a machine gets one. Only the first process logs. Where one process ends by an error, all
    end, with its exit code; each machine is told once what it said.

    Raises:
        InputError: there are fewer GPUs than processes.
    """
    if dist.is_available() and dist.is_initialized():  # Ray Train has brought them together
        yield Group(dist.get_rank(), dist.get_world_size())
        return
    if not in_group():
        yield ALONE
        return
    end_with_parent()
    # Its functions have the group of the moment of import as a default. Optimizers import it: within a group, it would
    # live on, and its threads could abort the process as it ends.
    importlib.import_module("torch.distributed.nn.functional")
    backend = "gloo"
    if device.type == "cuda":
        backend = "cpu:gloo,cuda:nccl"
        _take_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    store = None
    group = Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    if not group.leads:
        logging.disable(logging.WARNING)
    try:
        store, *_ = _ask(lambda: next(dist.rendezvous("env://", timeout=PATIENCE)))
        _ask(
            lambda: dist.init_process_group(
                backend, store=store, rank=group.rank, world_size=group.size, timeout=PATIENCE
            )
        )
        yield group
    except BaseException as error:
        _end(store, group, error)
    finally:
        if dist.is_initialized():  # else its threads are still at work when the process ends, which is an error
            dist.destroy_process_group()


def _take_gpu(number: int) -> None:
    if number >= torch.cuda.device_count():
        raise InputError(
            f"machine.device: expected a GPU for each process of a machine, found {torch.cuda.device_count()} for "
            f"process {number} of this one. Start fewer processes, or set machine.device: cpu."
        )
    torch.cuda.set_device(number)


def _ask(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RuntimeError as error:
        raise _LostError(str(error)) from error


def _end(store: Any, group: Group, error: BaseException) -> NoReturn:
    """End this process, as the one that ended first did."""
    if isinstance(error, _LostError):
        said, code = "another process has ended, or does not answer. Start again: training goes on where it was", 1
    else:
        said, code = str(error), _exit_code(error)
    own: dict[str, Any] = {"rank": group.rank, "host": socket.gethostname(), "said": said, "code": code}
    first = own
    with suppress(AttributeError, RuntimeError, ValueError):  # the store is not there yet, or no longer
        first = json.loads(store.compare_set(ENDED, "", json.dumps(own)))
    if first == own and not isinstance(error, _LostError):
        raise error
    if first == own or first["host"] != own["host"]:
        print(f"error: process {first['rank']} on {first['host']}: {first['said']}", file=sys.stderr)
    sys.exit(first["code"])


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    return 2 if isinstance(error, InputError) else 1
