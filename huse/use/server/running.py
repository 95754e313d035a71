"""Runs a server in this process: listens first, loads then, and drains in the end."""

import asyncio
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from huse.errors import InputError
from huse.use.server.limits import Limits

if TYPE_CHECKING:
    from uvicorn import Server

    from huse.use.server.guard import Guard

WAITING = 1024  # connections that wait to be accepted
IDLE = 15  # seconds that a connection may be open without a whole request on it
FILES = 65_536  # that may be open, connections among them
KEPT = 5  # seconds that a connection is kept for a next request


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; from now on clients can connect, and wait.

    Raises:
        InputError: the port is taken, or the host is none of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(WAITING)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host}, port {port}: cannot listen there ({said}). Give another --host or --port.") from None
    sock.setblocking(False)
    return sock


def run(make: Callable[[Callable[[Exception], None]], "Guard"], sock: socket.socket, limits: Limits) -> None:
    """Serve until SIGTERM or Ctrl+C; return when every request that was accepted is answered.

    Args:
        make: the application, given what it calls where it cannot load.
        sock: that listens.
        limits: see `Limits`.

    Raises:
        InputError: model or index cannot be loaded; or whatever else has kept them from it.
    """
    import uvicorn  # noqa: PLC0415  clients can connect before it is imported

    errors: list[Exception] = []

    def failed(error: Exception) -> None:
        errors.append(error)
        server.should_exit = True

    _allow_connections()
    guard = make(failed)
    config = uvicorn.Config(
        guard,
        http="h11",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEPT,
        timeout_graceful_shutdown=int(limits.seconds + limits.reading) + 1,
        backlog=WAITING,
    )
    server = uvicorn.Server(config)
    asyncio.run(_serve(server, guard, sock, limits))
    if errors:
        raise errors[0]


def _allow_connections() -> None:
    """Open as many files as this user may: each connection is one, and silent ones must not keep the index closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(server: "Server", guard: "Guard", sock: socket.socket, limits: Limits) -> None:
    loop, serving = asyncio.get_running_loop(), asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)

    def end() -> None:
        if guard.service.draining:  # asked twice: at once
            server.force_exit = server.should_exit = True
            return
        guard.service.draining = True
        print("about to end: what was accepted is answered", file=sys.stderr, flush=True)
        loop.call_later(limits.drain, setattr, server, "should_exit", True)

    for number in (signal.SIGTERM, signal.SIGINT):  # in place of uvicorn's, which would not wait
        loop.add_signal_handler(number, end)
    swept = asyncio.create_task(_sweep(server))
    try:
        await serving
    finally:
        swept.cancel()


async def _sweep(server: "Server") -> None:
    """Close connections on which no whole request comes: uvicorn waits for the head of one for ever."""
    since: dict[Any, tuple[Any, float]] = {}
    while True:
        await asyncio.sleep(1)
        now, idle = time.monotonic(), {}
        for connection in list(server.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is None or cycle.response_complete:
                seen, start = since.get(connection, (cycle, now))
                idle[connection] = (cycle, start if seen is cycle else now)
                if now - idle[connection][1] > IDLE:
                    logging.info("closed a connection without a request")
                    connection.transport.close()
        since = idle
