"""Who does the work that grows with the catalogue: this process, or a Ray cluster. `machine.engine` chooses.

A stage cuts its work into batches, which are the same for both engines, and so are the functions that do them. So are
the results, to the bit, on machines of one kind. A new engine is a function in `ENGINES`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from huse.engine.machine import Machine

Batch = TypeVar("Batch")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Batch, Result_co]):
    """What is done to batches. It can be pickled; batches and results too."""

    @property
    def gpus(self) -> int:
        """How many GPUs a process needs for it: 0 or 1."""

    def __call__(self, batches: Iterable[Batch], /) -> Iterator[Result_co]:
        """Yield the result of each batch, in their order. It does not depend on the other batches.

        Raises:
            InputError: something in a batch is wrong.
        """

    def packed(self, batch: Batch, /) -> Batch:
        """Return the batch with all that another machine needs for it: the contents of files, beside their names.

        What is wrong with a file is an error of the work, not of this.
        """


class Spread(Protocol):
    """Has batches done."""

    def __call__(self, work: Work[Batch, Result_co], batches: Iterable[Batch], /) -> Iterator[Result_co]:
        """Yield the result of each batch, in their order.

        Raises:
            InputError: of the work; or no process is left that could do it.
        """


def here(work: Work[Batch, Result_co], batches: Iterable[Batch], /) -> Iterator[Result_co]:
    """Do batches in this process; a `Spread`."""
    return work(batches)


@contextmanager
def _local(machine: Machine) -> Iterator[Spread]:
    yield here


def _ray(machine: Machine) -> AbstractContextManager[Spread]:
    from huse.engine.on_ray import cluster  # noqa: PLC0415  an extra, which takes half a second to import

    return cluster(machine)


ENGINES: dict[str, Callable[[Machine], AbstractContextManager[Spread]]] = {"local": _local, "ray": _ray}


def open_engine(machine: Machine) -> AbstractContextManager[Spread]:
    """Return what has batches done, ready within the ``with`` block.

    Raises:
        InputError: the engine is not installed, or its cluster cannot be used.
    """
    return ENGINES[machine.engine](machine)
