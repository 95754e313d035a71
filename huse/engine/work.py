"""Who does the work that grows with the catalogue: this process, or a Ray cluster. `machine.engine` chooses.

A stage cuts its work into batches, which are the same for both engines, and so are the functions that do them. So are
the results, to the bit, on machines of one kind. A new engine is a function in `ENGINES`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain, islice
from typing import Protocol, TypeVar

from huse.engine.machine import Machine

Batch = TypeVar("Batch")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Batch, Result_co]):
    """What is done to batches. It can be pickled; batches and results too.

    Arrays of the work, of batches and of results may arrive as ones that cannot be written to.
    """

    @property
    def gpus(self) -> int:
        """How many GPUs a process needs for it: 0 or 1."""

    @property
    def cpus(self) -> int:
        """How many cores a process without a GPU can use for a batch."""

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


@contextmanager
def open_for_several(machine: Machine) -> Iterator[Spread]:
    """Yield what has batches done, and opens the engine for the first work of several; one alone is done here.

    For stages that may find little to do: a cluster takes seconds to start.

    Raises:
        InputError: the engine is not installed; or, later, its cluster cannot be used.
    """
    if machine.engine == "local":
        yield here
        return
    opening, opened = open_engine(machine), list[Spread]()
    with ExitStack() as stack:

        def spread(work: Work[Batch, Result_co], batches: Iterable[Batch], /) -> Iterator[Result_co]:
            following = iter(batches)
            first = list(islice(following, 2))
            if len(first) < 2:
                return here(work, first)
            if not opened:
                opened.append(stack.enter_context(opening))
            return opened[0](work, chain(first, following))

        yield spread
