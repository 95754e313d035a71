"""What every request passes before it is looked at: who asks, how much, how long.

An ASGI application around another. A body is read here, whole and within limits, so that the application behind has no
slow or lying clients.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from huse.errors import said_of_system
from huse.use.server.limits import Limits
from huse.use.server.refused import RefusedError, busy
from huse.use.server.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # names of this machine; others could be made to lead here by a page
COOKIE = "huse_session"
# Without a token: what the page is made of, and what a supervisor asks.
OPEN = {"/", "/page.css", "/page.js", "/favicon.svg", "/health", "/ready", "/session", "/docs", "/openapi.json"}
ALWAYS = {"/health", "/ready", "/metrics"}  # answered when the server is full, too
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
SWALLOWED = 4  # times the limit of a body, that is read and dropped so that its client hears why


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        token: that requests must have; empty: none.
        hosts: names that the server is asked by; empty: any.
    """

    token: str = ""
    hosts: tuple[str, ...] = LOOPBACK

    @property
    def cookie(self) -> str:
        """What the page has in place of the token, which it cannot send with pictures."""
        return hmac.new(self.token.encode(), b"huse page", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Compare in a time that says nothing of the token."""
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def check(self, scope: Scope) -> None:
        """Refuse a request of somebody else.

        Raises:
            RefusedError: 401, without the token; 403, for another host, or from another page.
        """
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self.hosts and _without_port(host) not in self.hosts:
            raise RefusedError(
                403, f"expected the host {', '.join(self.hosts)}, found {host[:80]!r}. Ask for one of these."
            )
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != host
        if scope["method"] not in ("GET", "HEAD") and (foreign or headers.get("sec-fetch-site") == "cross-site"):
            raise RefusedError(
                403, f"expected a request of this server's own page, found one of {(origin or '')[:80]!r}."
            )
        if self.token and scope["path"] not in OPEN and not self._may(headers):
            said = "expected the header 'Authorization: Bearer TOKEN' with the token of this server."
            raise RefusedError(401, said, www_authenticate="Bearer")

    def _may(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(given.strip())
        # Not by http.cookies, which drops all of them for one of another application that it cannot read.
        cookies = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return any(
            name == COOKIE and hmac.compare_digest(value.encode(), self.cookie.encode()) for name, _, value in cookies
        )


def _without_port(host: str) -> str:
    return (host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host).lower()


class Guard:
    """Guards an application.

    Attributes:
        service: behind it; while that drains, connections are not kept.
        under_way: requests that are being read or answered.
    """

    def __init__(self, app: App, access: Access, limits: Limits, service: Service) -> None:
        """Put it around an application."""
        self.service = service
        self.under_way = 0
        self._app, self._access, self._limits, self._metrics = app, access, limits, service.metrics
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
                return
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers()]
            await send(message)

        self.under_way += 1
        try:
            await self._guarded(scope, receive, answer)
        except Exception as error:  # of the application, which has answered, or of the guard
            if not isinstance(error, RefusedError):
                logging.error("a request failed", exc_info=None if said_of_system(error) else error)
            if not status:
                await _refuse(error, answer)
        finally:
            self.under_way -= 1
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.answered(path, scope["method"][:10], status, time.perf_counter() - started)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        more = {"connection": "close"} if self.service.draining else {}
        return [(name.encode(), value.encode()) for name, value in (HEADERS | more).items()]

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: list[bytes] = []
        is_read = False
        try:
            self._access.check(scope)
            if self.under_way > self._limits.requests and scope["path"] not in ALWAYS:
                raise busy(f"{self.under_way} requests are under way, and {self._limits.requests} may be.")
            await self._read(scope, receive, body)
            is_read = True
            await self._watched(scope, b"".join(body), receive, send)
        except RefusedError as error:
            if not is_read and error.status != 408:  # that client has had its time
                await self._swallow(scope, receive)
            raise
        except _GoneError:
            self._metrics.cancelled()
        finally:
            self._held -= sum(map(len, body))

    async def _read(self, scope: Scope, receive: Receive, body: list[bytes]) -> None:
        """Read a body, as far as it keeps the limits, and all bodies together do."""
        limits = self._limits
        stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        promised, found = int(stated) if stated.isdigit() else 0, 0
        try:
            async with asyncio.timeout(limits.reading):
                while True:
                    _check_size(max(promised, found), limits.body)
                    if self._held + max(promised - found, 0) > limits.bodies:
                        raise busy("the requests of others fill the memory that the server may use.")
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    body.append(message.get("body", b""))
                    found += len(body[-1])
                    self._held += len(body[-1])
                    if not message.get("more_body"):
                        _check_size(found, limits.body)
                        return
        except TimeoutError:
            said = f"expected the whole request within {limits.reading:g} seconds. Send it again, or less at a time."
            raise RefusedError(408, said, connection="close") from None

    async def _swallow(self, scope: Scope, receive: Receive) -> None:
        """Read and drop the rest of a body: a client that is cut off while it sends may not read the answer."""
        waits = any(name == b"expect" for name, _ in scope["headers"])
        left = SWALLOWED * self._limits.body
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while not waits and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        return

    async def _watched(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Answer within the time; stop where the client leaves, so that its place is free."""
        given = asyncio.Event()

        async def replay() -> Message:
            if given.is_set():
                return await receive()
            given.set()
            return {"type": "http.request", "body": body, "more_body": False}

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        work = asyncio.ensure_future(self._app(scope, replay, send))
        watch = asyncio.ensure_future(gone())
        try:
            await asyncio.wait((work, watch), timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if watch.done():
                raise _GoneError
            raise RefusedError(504, f"no answer within {self._limits.seconds:g} seconds. Ask for less, or later.")
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise RefusedError(413, f"expected a request of at most {most:,} bytes, found more.", connection="close")


class _GoneError(Exception):
    """The client has left."""


def refusal(error: Exception) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and content of the answer to an error; one that nobody foresaw is the server's own."""
    if not isinstance(error, RefusedError):
        said = said_of_system(error)
        error = busy(said) if said else RefusedError(500, "the server has failed at this request; its log says how.")
    body = json.dumps({"error": str(error)}, ensure_ascii=False).encode(errors="replace")
    return error.status, {"content-type": "application/json", "content-length": str(len(body)), **error.headers}, body


async def _refuse(error: Exception, send: Send) -> None:
    status, headers, body = refusal(error)
    start = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
