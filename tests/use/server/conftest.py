"""A tiny model and an index of it, and servers that answer from them on a port of their own."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import uvicorn
from PIL import Image

import huse
from huse.commands.serving import _cell, _class_path, _why_no_name
from huse.use.entries import entries
from huse.use.index import CATALOGUE, Index
from huse.use.server.app import make_app
from huse.use.server.shop import Places
from huse.use.server.writing import Checks
from tests.conftest import ROOT
from tests.use.test_model import PATHS, make

CHECKS = Checks(_cell, _class_path, _why_no_name)
WORDS = ("red shoe", "hat", "red hat", "shoe")
HARM = "<img src=x onerror=window.harmed=1>"  # a name that a page must show as it is
SECONDS = 60  # for what should take one


def picture(seed, side=40, form="JPEG"):
    """The content of a picture file."""
    rows = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    written = BytesIO()
    Image.fromarray(rows).resize((side, side)).save(written, form)
    return written.getvalue()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A folder with `model`, `index` and `images`; copy it to write to it."""
    folder = tmp_path_factory.mktemp("shop")
    for name in ("model", "images"):
        (folder / name).mkdir()
    make().save(folder / "model")
    model = huse.load(folder / "model")
    for number in range(12):
        (folder / "images" / f"{number}.jpg").write_bytes(picture(number))
    table = pd.DataFrame(
        {
            "product": [f"id {number}" for number in range(12)],
            "image": [f"{number}.jpg" for number in range(11)] + [""],
            "name": [f"{WORDS[number % 4]} no {number}{HARM if number == 10 else ''}" for number in range(12)],
            "classes": [PATHS[number % 3] for number in range(12)],
            "split": "train",
            "price": [float(number) if number else None for number in range(12)],
            "brand": ["Acme", "it's"] * 6,
        }
    )
    images = np.full((12, 8), np.nan, np.float32)
    images[:11] = model.encode_images([folder / "images" / name for name in table["image"][:11]])
    rows, embeddings = entries(table, images, model.encode_texts(table["name"].tolist()), CATALOGUE)
    about = {"fingerprint": model.fingerprint, "images": "elsewhere", "columns": {}}
    Index.make(folder / "index", [(rows, embeddings)], about)
    return folder


@pytest.fixture
def places(template, tmp_path):
    """The same as a copy, with a folder for pictures that are added."""
    shutil.copytree(template / "index", tmp_path / "index")
    return Places(template / "model", tmp_path / "index", template / "images", tmp_path / "uploads")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    content: bytes

    @property
    def said(self):
        return json.loads(self.content)

    @property
    def error(self):
        return self.said["error"]


@dataclass(frozen=True)
class Client:
    port: int
    guard: object = None

    def ask(self, path, json_=None, form=None, method=None, body=None, **headers):
        """Ask once, by JSON, by a form (a list of fields and files), or by any body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if json_ is not None:
            body, sent["content-type"] = json.dumps(json_), sent.get("content-type", "application/json")
        if form is not None:
            body, sent["content-type"] = multipart(form)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def wait(self, path="/ready"):
        until(lambda: self.ask(path).status == 200, f"{path} is 200")
        return self


def multipart(fields):
    """Return fields of a form as a body, and its content type; bytes are files."""
    parts = []
    for name, value in fields:
        file = '; filename="a.jpg"\r\ncontent-type: image/jpeg' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else str(value).encode()
        parts.append(f'--edge\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content)
    return b"\r\n".join([*parts, b"--edge--\r\n"]), "multipart/form-data; boundary=edge"


def until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@contextlib.contextmanager
def served(places, **options):
    """A server in a thread, and a client of it."""
    guard = make_app(places, **options)
    server = uvicorn.Server(uvicorn.Config(guard, port=0, http="h11", ws="none", lifespan="on", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "the server starts")
        yield Client(server.servers[0].sockets[0].getsockname()[1], guard)
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def reader(template):
    """A server that only reads, for a module's tests."""
    with served(Places(template / "model", template / "index", template / "images")) as client:
        yield client.wait()


@pytest.fixture
def writer(places):
    """A server of a copy, which writes."""
    with served(places, checks=CHECKS) as client:
        yield client.wait()


class Process:
    """A server that was started as a person does."""

    def __init__(self, folder, *options, cwd, preexec=None, **variables):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables}
        places = ["--model", folder / "model", "--index", folder / "index", "--images", folder / "images"]
        command = [sys.executable, "-m", "huse", "serve", "--port", "0", *places, *options]
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=environment,
            preexec_fn=preexec,  # noqa: PLW1509
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.first = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.first)
        self.client = Client(int(found[1])) if found else None

    def end(self, number=signal.SIGTERM):
        """Send a signal, and return the exit code and what was printed."""
        self.process.send_signal(number)
        printed = self.process.communicate(timeout=SECONDS)[0]
        return self.process.returncode, self.first + printed


@pytest.fixture
def start(template, tmp_path):
    started = []

    def begin(*options, folder=template, **variables):
        started.append(Process(folder, *options, cwd=tmp_path, **variables))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()
