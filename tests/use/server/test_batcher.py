"""The batcher alone: what goes together, what waits, what fails."""

import asyncio
import threading

import pytest

from huse.use.server.batcher import Batcher
from huse.use.server.refused import RefusedError


def run(test, work, **options):
    """Run a test with a batcher that has begun; `work` computes a batch."""

    async def main():
        batcher = Batcher(work, **{"batch": 4, "queue": 8, "linger": 0.01, **options})
        batcher.start()
        try:
            return await asyncio.wait_for(test(batcher), 30)
        finally:
            await batcher.stop()

    return asyncio.run(main())


def noted(batches):
    def work(items):
        batches.append(list(items))
        return list(items)

    return work


def test_what_comes_together_is_computed_together_and_each_gets_its_own():
    batches = []

    async def test(batcher):
        return await asyncio.gather(*(batcher.ask([number, -number]) for number in range(2)))

    assert run(test, noted(batches)) == [[0, 0], [1, -1]]
    assert batches == [[0, 0, 1, -1]]


def test_a_batch_is_not_too_large_but_a_request_is_never_split():
    batches = []

    async def test(batcher):
        return await asyncio.gather(*(batcher.ask(items) for items in ([1, 2], [3], [4, 5, 6], [7])))

    assert run(test, noted(batches), queue=20) == [[1, 2], [3], [4, 5, 6], [7]]
    assert batches == [[1, 2, 3], [4, 5, 6, 7]]
    run(lambda batcher: batcher.ask(list(range(9))), noted(batches))
    assert batches[-1] == list(range(9))


def test_a_batch_that_fails_is_told_to_all_of_it_and_the_next_one_works():
    def work(items):
        if 1 in items:
            raise RuntimeError("broken")
        return items

    async def test(batcher):
        found = await asyncio.gather(*(batcher.ask([1]) for _ in range(2)), return_exceptions=True)
        return found, await batcher.ask([2])

    found, after = run(test, work)
    assert [str(error) for error in found] == ["broken"] * 2 and after == [2]


def test_the_queue_is_full_and_whoever_leaves_frees_a_place():
    going = threading.Event()

    def work(items):
        going.wait(30)
        return items

    async def test(batcher):
        tasks = [asyncio.create_task(batcher.ask([number] * 4)) for number in range(2)]
        await asyncio.sleep(0.05)  # the first is being computed, the second waits
        with pytest.raises(RefusedError, match="8 products wait for the model, and 8 may") as full:
            await batcher.ask([9])
        assert full.value.status == 503 and full.value.headers == {"retry-after": "1"}
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        assert batcher.waiting == 4
        third = asyncio.create_task(batcher.ask([9]))
        await asyncio.sleep(0)
        going.set()
        assert await tasks[0] == [0] * 4 and await third == [9]
        assert batcher.waiting == 0

    run(test, work)
