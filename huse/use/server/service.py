"""What a server does for each request, once it has been read.

Letters: N products, D dimension of the shared space.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from huse.errors import InputError
from huse.storage import Place
from huse.use.server.answers import decision_told, hit_told, picture_address, plain, unit
from huse.use.server.asking import Add, Classified, Given, Products, Remove, Search, asked_for, checked_text
from huse.use.server.batcher import Batcher
from huse.use.server.computing import Asked, check_picture, read, refuse_unread
from huse.use.server.limits import Limits
from huse.use.server.metrics import Metrics
from huse.use.server.pictures import Small, Thumbnails
from huse.use.server.refused import RefusedError, busy
from huse.use.server.shop import Places, Shelf, Shop, embedding_of
from huse.use.server.writing import Checks, add, check_new, remove

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from huse.use.reading import Reading

Result = TypeVar("Result")

THREADS = 4  # that decode and search; both leave Python's lock
WRITES = 8  # requests that wait to be written
FOLLOW = 0.5  # seconds between looks at the index
DECIDED = 4  # pictures of a product of the index that are looked at to decide its class
SURE = 0.95  # precision of a decision where a search asks for none


class Service:
    """Answers requests; one of a process, as it has the model.

    Attributes:
        shop: model and index.
        metrics: what is counted.
        limits: see `Limits`.
        draining: it is about to end.
    """

    def __init__(self, places: Places, limits: Limits, checks: Checks | None) -> None:
        """Make it; without checks nothing can be written."""
        self.shop, self.limits, self.metrics, self.draining = Shop(places), limits, Metrics(), False
        self._checks, self._writes = checks, set[asyncio.Future[Any]]()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="work")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._thumbnails = Thumbnails(limits.pixels)
        self._batcher = Batcher(
            lambda products: read(self.shop.model, products),
            batch=limits.batch,
            queue=limits.queue,
            linger=limits.linger,
            told=self.metrics.batched,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics.watch("queue", "Products that wait for the model.", lambda: self._batcher.waiting)
        self.metrics.watch("ready", "1: model and index are loaded.", lambda: float(not self.why_not))
        self.metrics.watch("embeddings", "In the index.", lambda: self.shop.embeddings)

    def start(self, failed: Callable[[Exception], None]) -> None:
        """Begin, in the running loop: load, then follow the index.

        Args:
            failed: called where model or index cannot be loaded.
        """
        self._batcher.start()
        self._tasks.append(asyncio.create_task(self._load_and_follow(failed)))

    async def stop(self) -> None:
        """End; what is being written is finished, and whoever else waits is cancelled."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._batcher.stop()
        for pool in (self._threads, self._writer):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _load_and_follow(self, failed: Callable[[Exception], None]) -> None:
        try:
            await self._batcher.alone(self.shop.load)
        except Exception as error:
            failed(error)
            return
        while True:
            await asyncio.sleep(FOLLOW)
            try:
                await self._in_thread(self.shop.follow)
            except Exception:  # it must not end
                logging.exception("the index cannot be followed")

    async def _in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    @property
    def why_not(self) -> str:
        """Why it is not ready; empty if it is."""
        return "the server is about to end." if self.draining else self.shop.why_not

    @property
    def writable(self) -> bool:
        """Whether products can be added and removed."""
        return self._checks is not None

    async def metrics_text(self) -> bytes:
        """Return the metrics; some of them ask the index."""
        return await self._in_thread(self.metrics.text)

    async def about(self) -> dict[str, Any]:
        """Say what is served."""
        model = self.shop.model
        modalities = {name: model.knows(kind) for name, kind in (("pictures", "image"), ("texts", "text"))}  # type: ignore[arg-type]
        found = {"fingerprint": model.fingerprint, "classes": len(model.classes), "dimension": model.dimension}
        index = {"index": self.shop.places.index is not None, "writable": self.writable}
        return (
            found | {"knows": modalities} | index | {"embeddings": await self._in_thread(lambda: self.shop.embeddings)}
        )

    async def read(self, products: Sequence[Asked]) -> "Reading":
        """Check the pictures of N products, and return what the model reads of these."""
        model = self.shop.model
        for modality, word, given in (
            ("image", "pictures", any(product.pictures for product in products)),
            ("text", "texts", any(product.text for product in products)),
        ):
            if given and not model.knows(modality):  # type: ignore[arg-type]
                raise RefusedError(422, f"the model has learned from no {word}, so these mean nothing to it.")
        pictures = [picture for product in products for picture in product.pictures]
        await asyncio.gather(*(self._in_thread(check_picture, each, self.limits.pixels) for each in pictures))
        reading: Reading = await self._batcher.ask(products)
        refuse_unread(reading)
        return reading

    async def embed(self, body: Products) -> dict[str, Any]:
        """Embed products."""
        reading = await self.read(asked_for(body.products, self.limits))
        embeddings = await self._in_thread(reading.embeddings)
        return {"fingerprint": self.shop.model.fingerprint, "embeddings": embeddings.tolist()}

    async def classify(self, body: Classified) -> dict[str, Any]:
        """Decide the class of products, and list the most probable ones if asked."""
        reading = await self.read(asked_for(body.products, self.limits))
        answers = await self._decided(reading, body.precision)
        if body.top:
            for answer, best in zip(answers, await self._in_thread(reading.classify, body.top), strict=True):
                answer["top"] = [one._asdict() for one in best]
        return {"products": answers}

    async def _decided(self, reading: "Reading", precision: float | None) -> list[dict[str, Any]]:
        return [decision_told(decision) for decision in await self._in_thread(reading.decide, precision)]

    async def search(self, body: Search) -> dict[str, Any]:
        """Find what is nearest."""
        from huse.use.server.filtering import condition  # noqa: PLC0415  a second to import

        shelf = self.shop.shelf
        if body.k > self.limits.hits:
            raise RefusedError(422, f"k: expected at most {self.limits.hits}, found {body.k}.")
        for name, text in (("like", body.like), ("classes", body.classes)):
            checked_text(text, name, self.limits)
        where = condition(shelf.index, body.where, without=body.like)
        embedding, decision = await self._query(body, shelf)
        look = partial(shelf.index.search, None, body.k, kind=body.kind, classes=body.classes, where=where)
        try:
            hits = await self._in_thread(partial(look, embedding=embedding))
        except InputError as error:
            raise RefusedError(422, str(error)) from None
        return {"hits": [hit_told(hit) for hit in hits], "decision": decision}

    async def _query(self, body: Search, shelf: Shelf) -> tuple["npt.NDArray[np.float32]", dict[str, Any] | None]:
        """Return the embedding that is looked for, D float32, and what the model makes of it if asked."""
        ways = [body.like is not None, body.embedding is not None, bool(body.text or body.pictures)]
        if sum(ways) != 1:
            raise RefusedError(422, "expected one of: a text with or without pictures; like; embedding.")
        if body.like is not None:
            return await self._in_thread(embedding_of, shelf, body.like), None
        if body.embedding is not None:
            return unit(body.embedding, shelf.index.dimension), None
        reading = await self.read(asked_for([Given(text=body.text, pictures=body.pictures)], self.limits))
        sure = SURE if body.precision is None else body.precision
        (embedding,) = await self._in_thread(reading.embeddings)
        return embedding, (await self._decided(reading, sure))[0] if body.decide else None

    async def product(self, product: str, *, decide: bool) -> dict[str, Any]:
        """Return all that the index has of a product, and what the model makes of its pictures and names if asked."""
        from huse.use.index import quoted  # noqa: PLC0415  a second to import

        shelf = self.shop.shelf
        rows = [plain(row) for row in await self._in_thread(shelf.only, f"product = {quoted(product)}")]
        by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("products", "pictures", "names")}
        if not by_kind["products"]:
            raise RefusedError(404, f"{product[:200]}: no product of that id is in the index.")
        whole = by_kind["products"][0]
        decision = await self._decision(shelf, by_kind["pictures"], whole["name"]) if decide else None
        return {
            "product": product,
            "name": whole["name"],
            "class_path": whole["classes"],
            "split": whole["split"],
            "further": {name: whole[name] for name in shelf.index.further},
            "pictures": [picture_address(row["key"]) for row in by_kind["pictures"]],
            "names": [row["name"] for row in by_kind["names"]],
            "decision": decision,
        }

    async def _decision(self, shelf: Shelf, rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
        """Return what the model makes of a product's first pictures and its name; None if nothing is left of it."""
        knows, contents = self.shop.model.knows, list[bytes]()
        for row in rows[:DECIDED] if knows("image") else ():
            with suppress(RefusedError, OSError, InputError):  # gone, elsewhere, or of a store that fails
                contents.append(await self._in_thread(self.shop.picture(shelf, row["image"]).read_bytes))
        asked = Asked(tuple(contents), name.strip() or None if knows("text") else None)
        try:
            return (await self._decided(await self.read([asked]), SURE))[0] if asked != Asked() else None
        except RefusedError as problem:
            if problem.status == 422:  # a damaged file, which its owner sees as no picture
                return None
            raise

    async def classes(self) -> dict[str, Any]:
        """Return the class paths of model and index, with the number of products."""
        model = set(self.shop.model.classes)
        counts = {} if self.shop.places.index is None else await self._in_thread(lambda: self.shop.shelf.classes)
        paths = sorted(model | set(counts) - {""})
        return {
            "classes": [{"class_path": one, "products": counts.get(one, 0), "known": one in model} for one in paths]
        }

    async def picture(self, key: str, side: int) -> Small:
        """Return the thumbnail of the picture of a row."""
        from huse.use.index import quoted  # noqa: PLC0415  a second to import

        shelf = self.shop.shelf
        rows = await self._in_thread(shelf.only, f"key = {quoted(key)}")
        if not rows or not rows[0]["image"]:
            raise RefusedError(404, "no row of that key with a picture is in the index.")
        return await self._in_thread(self._thumbnails.get, self.shop.picture(shelf, rows[0]["image"]), side)

    async def add(self, body: Add) -> dict[str, Any]:
        """Add products, or replace them."""
        checks = self._writing()
        shop = self.shop
        products = await self._in_thread(check_new, body.products, shop, checks, self.limits)
        loop = asyncio.get_running_loop()

        def embed(rows: "pd.DataFrame", folder: Place) -> Any:
            from huse.use.growing import embed as by_model  # noqa: PLC0415  seconds to import

            alone = self._batcher.alone(by_model, rows, shop.model, folder)
            return asyncio.run_coroutine_threadsafe(alone, loop).result()

        return await self._write(add, shop, products, embed)

    async def remove(self, body: Remove) -> dict[str, Any]:
        """Remove products."""
        self._writing()
        return await self._write(remove, self.shop, body.products)

    def _writing(self) -> Checks:
        if self._checks is None:
            raise RefusedError(403, "this server does not write. Start it with --writable to add and remove products.")
        return self._checks

    async def _write(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do one write after the other; what has begun is finished, even if its client leaves."""
        if len(self._writes) >= WRITES:
            raise busy(f"{len(self._writes)} requests wait to be written.")
        written = asyncio.get_running_loop().run_in_executor(self._writer, work, *arguments)
        self._writes.add(written)
        written.add_done_callback(self._has_written)
        try:
            return await asyncio.shield(written)
        except InputError as error:
            raise busy(str(error)) from None

    def _has_written(self, written: "asyncio.Future[Any]") -> None:
        self._writes.discard(written)
        if not written.cancelled():
            written.exception()  # looked at, so that it is not told as forgotten where its client has left
