"""A server under load on loopback: latency, throughput, memory, a full queue, the end by SIGTERM.

Run as ``python -m benchmarks.serving MODEL INDEX`` from the root of the repository. Clients ask as fast as they are
answered, by words and by pictures. An answer is 200, or a 503 that says when to ask again; anything else is lost.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from huse.use.index import Index

SEARCH, EDGE = "/search", "edge"
JSON = {"content-type": "application/json"}
FORM = {"content-type": f"multipart/form-data; boundary={EDGE}"}
SLOW = 60  # seconds for one answer, beyond which it is lost

Request = tuple[bytes, dict[str, str]]


@dataclass
class Counts:
    """What clients saw; each has its own."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # connections that the server did not take


@dataclass(frozen=True)
class Server:
    """A server as a process."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask once."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SLOW)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()


def start(model: Path, index: Path, images: Path | None, *options: str) -> tuple[Server, float, float]:
    """Start a server; return it with the seconds until it lived, and until it was ready."""
    begun = time.perf_counter()
    places = ["--model", str(model), "--index", str(index), *(["--images", str(images)] if images else [])]
    command = [sys.executable, "-m", "huse", "serve", "--port", "0", *places, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    found = re.search(r":(\d+) ", process.stdout.readline() if process.stdout else "")
    if found is None:
        raise SystemExit("error: the server did not start")
    server = Server(process, int(found[1]))
    server.get("/health")
    lived = time.perf_counter() - begun
    while server.get("/ready")[0] != 200:
        time.sleep(0.02)
    return server, lived, time.perf_counter() - begun


def by_words(text: str) -> Request:
    """Return a search by words."""
    return json.dumps({"text": text}).encode(), JSON


def by_picture(content: bytes) -> Request:
    """Return a search by a picture."""
    part = 'content-disposition: form-data; name="pictures"; filename="a.jpg"\r\ncontent-type: image/jpeg'
    return f"--{EDGE}\r\n{part}\r\n\r\n".encode() + content + f"\r\n--{EDGE}--\r\n".encode(), FORM


def client(server: Server, requests: Sequence[Request], until: Callable[[], bool], path: str, counts: Counts) -> None:
    """Ask one request after the other on a connection that is kept, until it is enough or nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SLOW)
    number = 0
    while not until():
        body, headers = requests[number % len(requests)]
        number += 1
        begun = time.perf_counter()
        try:
            if connection.sock is None:
                connection.connect()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            connection.close()
            if server.process.poll() is None and not until():
                counts.refused += 1
                time.sleep(0.02)
                continue
            return
        except (OSError, http.client.HTTPException) as error:
            counts.lost[type(error).__name__] += 1
            connection.close()
            continue
        counts.seconds.append(time.perf_counter() - begun)
        honest = answer.status == 200 or (answer.status == 503 and answer.getheader("retry-after"))
        counts.statuses[answer.status] += 1
        if not honest:
            counts.lost[str(answer.status)] += 1


def load(
    server: Server, requests: Sequence[Request], clients: int, until: Callable[[], bool], path: str = SEARCH
) -> Counts:
    """Let clients ask, each beginning at another request; return what all of them saw."""
    each = [Counts() for _ in range(clients)]
    threads = [
        threading.Thread(target=client, args=(server, [*requests[place::clients], *requests], until, path, counts))
        for place, counts in enumerate(each)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counts(
        [seconds for one in each for seconds in one.seconds],
        sum((one.statuses for one in each), Counter()),
        sum((one.lost for one in each), Counter()),
        sum(one.refused for one in each),
    )


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Return what says when so many seconds are over."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def told(counts: Counts, seconds: float) -> str:
    """Return latency and throughput, and what was lost."""
    middle, late = (1000 * np.quantile(counts.seconds, share) for share in (0.5, 0.99))
    return (
        f"{len(counts.seconds) / seconds:.0f} a second, p50 {middle:.0f} ms, p99 {late:.0f} ms; "
        f"{dict(counts.statuses)}, lost {dict(counts.lost) or 0}"
    )


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the model.")],
    index: Annotated[Path, typer.Argument(help="Folder of its index.")],
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures; none: what the index says.")] = None,
    clients: Annotated[int, typer.Option(min=1, help="At a time.")] = 16,
    seconds: Annotated[float, typer.Option(min=1, help="Of each load.")] = 15,
) -> None:
    """Measure and print one table; ends with 1 where anything was lost."""
    rows = Index.open(index)
    folder = images or Path(rows.about["images"])
    there = rows.rows("kind = 'pictures'").head(400)
    words = [by_words(name) for name in there["name"].unique()]
    pictures = [by_picture((folder / image).read_bytes()) for image in there["image"]]
    embedded = [(json.dumps({"products": [{"text": name}]}).encode(), JSON) for name in there["name"].unique()]
    mixed = [one for pair in zip(words, pictures, strict=False) for one in pair]
    table, lost = Table("work", "found", title=f"{clients} clients on loopback, {os.cpu_count()} CPUs"), Counter[str]()
    server, lived, ready = start(model, index, images)
    table.add_row("from start to /health, to /ready", f"{lived:.2f} s, {ready:.2f} s")
    load(server, mixed, clients, for_seconds(seconds))  # memory of what is allocated once
    memory = [server.megabytes]
    for name, path, requests in (
        ("embed words", "/embed", embedded),
        ("search by words", SEARCH, words),
        ("search by pictures", SEARCH, pictures),
        ("search by both in turn", SEARCH, mixed),
    ):
        counts = load(server, requests, clients, for_seconds(seconds), path)
        table.add_row(name, told(counts, seconds))
        memory.append(server.megabytes)
        lost += counts.lost
    table.add_row("memory before these, and after each", ", ".join(f"{each:.0f}" for each in memory) + " MB")
    counts, code = _ended(server, mixed, clients)
    lost += counts.lost
    table.add_row("SIGTERM in the middle", f"{dict(counts.statuses)}, lost {dict(counts.lost) or 0}; exit code {code}")
    server, *_ = start(model, index, images, "--queue", "8", "--drain", "0")
    counts = load(server, mixed, 4 * clients, for_seconds(seconds / 3))
    table.add_row(f"{4 * clients} clients, queue of 8", told(counts, seconds / 3))
    lost += counts.lost
    _end(server)
    Console(width=130).print(table)
    if lost:
        raise SystemExit(1)


def _ended(server: Server, requests: Sequence[Request], clients: int) -> tuple[Counts, Any]:
    """Send SIGTERM while clients ask; return what they saw, and the exit code."""
    threading.Timer(2, server.process.send_signal, (signal.SIGTERM,)).start()
    counts = load(server, requests, clients, for_seconds(20))
    return counts, server.process.wait(SLOW)


def _end(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(SLOW)


if __name__ == "__main__":
    typer.run(main)
