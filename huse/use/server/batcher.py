"""Collects what many requests ask of the model, so that the model computes batches.

One thread calls the model, which uses all cores itself. What arrives meanwhile is the next batch.

Letters: N items.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from huse.use.server.refused import busy

Result = TypeVar("Result")
Run = Callable[[Hashable, list[Any]], Sequence[Any]]  # N items of a kind to N results; an exception is a result too


@dataclass(eq=False)
class _Job:
    kind: Hashable
    items: Sequence[Any]
    arrived: float
    answer: "asyncio.Future[list[Any]]"


class Batcher:
    """Runs items of the same kind together, in the order in which they came.

    Attributes:
        waiting: items that wait, or are being computed.
    """

    def __init__(
        self,
        run: Run,
        *,
        batch: int,
        queue: int,
        linger: float,
        told: Callable[[Hashable, int], None] = lambda kind, count: None,
    ) -> None:
        """Make it; `start` lets it work.

        Args:
            run: called in one thread.
            batch: items of one call, at most; but a request is never split.
            queue: items that may wait.
            linger: seconds that the first of a batch waits for more.
            told: called with kind and size of each batch.
        """
        self.waiting = 0
        self._run, self._batch, self._queue, self._linger, self._told = run, batch, queue, linger, told
        self._jobs: dict[_Job, None] = {}  # in order; a dictionary, since those that are cancelled leave from within
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the running loop."""
        self._work = asyncio.create_task(self._forever())

    async def stop(self) -> None:
        """End; what still waits is cancelled."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for job in self._jobs:
            job.answer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, kind: Hashable, items: Sequence[Any]) -> list[Any]:
        """Return the results of items, with those of others in between; cancelled, they give their places back.

        Raises:
            RefusedError: 503, too many wait.
            Exception: of the first item that failed.
        """
        if not items:
            return []
        if self.waiting and self.waiting + len(items) > self._queue:
            raise busy(f"{self.waiting} products wait for the model, and {self._queue} may. Ask again in a moment.")
        loop = asyncio.get_running_loop()
        job = _Job(kind, items, loop.time(), loop.create_future())
        self._jobs[job] = None
        self.waiting += len(items)
        self._arrived.set()
        try:
            results = await job.answer
        finally:
            self._jobs.pop(job, None)
            self.waiting -= len(items)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    async def alone(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run something else that calls the model, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            first = next(iter(self._jobs), None)
            if first is None:
                self._arrived.clear()
                continue
            left = first.arrived + self._linger - loop.time()
            if left > 0:
                await asyncio.sleep(left)
            jobs = self._take(first.kind)
            items = [item for job in jobs for item in job.items]
            if not items:  # all of them were cancelled meanwhile
                continue
            self._told(first.kind, len(items))
            try:
                results = await loop.run_in_executor(self._thread, self._run, first.kind, items)
            except Exception as error:
                results = [error] * len(items)
            for job in jobs:
                own, results = results[: len(job.items)], results[len(job.items) :]
                if not job.answer.done():
                    job.answer.set_result(list(own))

    def _take(self, kind: Hashable) -> list[_Job]:
        """Remove and return the first jobs of a kind, as many as go into a batch."""
        taken: list[_Job] = []
        for job in self._jobs:
            if job.kind == kind:
                if taken and sum(len(each.items) for each in (*taken, job)) > self._batch:
                    break
                taken.append(job)
        for job in taken:
            del self._jobs[job]
        return taken
