"""Collects what many requests ask of the model, so that the model computes batches.

One thread calls the model, which uses all cores itself. What arrives meanwhile is the next batch.

Letters: N items.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from huse.use.server.refused import busy

Result = TypeVar("Result")
Results = Any  # of N items; a slice of them is a request's


@dataclass(eq=False)
class _Job:
    items: Sequence[Any]
    arrived: float
    answer: "asyncio.Future[Results]"


class Batcher:
    """Runs items together, in the order in which they came.

    Attributes:
        waiting: items that wait, or are being computed.
    """

    def __init__(
        self,
        run: Callable[[list[Any]], Results],
        *,
        batch: int,
        queue: int,
        linger: float,
        told: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Make it; `start` lets it work.

        Args:
            run: called in one thread with the items of a batch; one of them that fails is told in its results.
            batch: items of one call, at most; but a request is never split.
            queue: items that may wait.
            linger: seconds that the first of a batch waits for more.
            told: called with the size of each batch.
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

    async def ask(self, items: Sequence[Any]) -> Results:
        """Return the results of one or more items, computed with those of others; cancelled, they leave their places.

        Raises:
            RefusedError: 503, too many wait.
            Exception: the batch failed.
        """
        if self.waiting and self.waiting + len(items) > self._queue:
            raise busy(f"{self.waiting} products wait for the model, and {self._queue} may. Ask again in a moment.")
        loop = asyncio.get_running_loop()
        job = _Job(items, loop.time(), loop.create_future())
        self._jobs[job] = None
        self.waiting += len(items)
        self._arrived.set()
        try:
            return await job.answer
        finally:
            self._jobs.pop(job, None)
            self.waiting -= len(items)

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
            jobs = self._take()
            items = [item for job in jobs for item in job.items]
            if not items:  # all of them were cancelled meanwhile
                continue
            self._told(len(items))
            try:
                results = await loop.run_in_executor(self._thread, self._run, items)
            except Exception as error:
                for job in jobs:
                    if not job.answer.done():
                        job.answer.set_exception(error)
                continue
            start = 0
            for job in jobs:
                end = start + len(job.items)
                if not job.answer.done():
                    job.answer.set_result(results[start:end])
                start = end

    def _take(self) -> list[_Job]:
        """Remove and return the first jobs, as many as go into a batch."""
        taken: list[_Job] = []
        for job in self._jobs:
            if taken and sum(len(each.items) for each in (*taken, job)) > self._batch:
                break
            taken.append(job)
        for job in taken:
            del self._jobs[job]
        return taken
