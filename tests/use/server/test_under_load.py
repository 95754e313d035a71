"""Servers that are killed, attacked and written to while others ask: nothing that was answered is lost."""

import http.client
import json
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from itertools import count
from urllib.parse import quote

import pytest

from huse.use.index import ADDED, Index
from tests.faults import ENDINGS, many
from tests.use.server.conftest import SECONDS, until

pytestmark = [pytest.mark.slow, pytest.mark.faults]

TOKEN = "a-secret-of-many-letters"
TRICKS = (
    *("../../../../etc/passwd", "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "/proc/self/environ"),
    *("..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "....//....//etc/passwd", "..\\..\\etc\\passwd"),
    *("0.jpg/../../model/config.json", "0.jpg\0.png", "~/.ssh/id_rsa", "C:\\Windows\\win.ini", "|id", "$(id)"),
    *("http://127.0.0.1:1/x", "s3://bucket/x", "data:,x"),
)
SECRETS = (b"root:", b"infersent", b"PATH=", b"PRIVATE KEY")


@pytest.fixture
def shop(template, tmp_path):
    """A copy of the index with a place for pictures."""
    for name in ("model", "index", "images"):
        shutil.copytree(template / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def start_writable(start, shop):
    """A function that starts a server of the copy, which clients may add to."""
    options = ("--writable", "--uploads", shop / "uploads", "--drain", 0)
    return lambda *more, **variables: start(*options, *more, folder=shop, **variables)


class Load:
    """Clients that add and search until they are told to stop, or nobody answers."""

    def __init__(self, client, threads=4):
        self.client, self.numbers, self.stop = client, count(), threading.Event()
        self.stored, self.wrong = [], []
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def _ask(self, number):
        while not self.stop.is_set():
            name = f"load {id(self)} {next(self.numbers)}"
            asked = (
                ("/search", {"text": "hat"}) if number % 2 else ("/add", {"products": [{"name": name, "classes": "a"}]})
            )
            try:
                answer = self.client.ask(*asked)
            except (OSError, http.client.HTTPException):  # it is no more
                return
            if answer.status == 200 and "added" in answer.said:
                self.stored.append(name)
            if answer.status not in (200, 503):
                self.wrong.append((asked, answer.content))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_what_was_said_to_be_stored_is_there_after_a_kill(start_writable, shop, tally):
    draw, stored = random.Random(0), []
    for _ in range(many(3, 30)):
        server = start_writable()
        load = Load(server.client.wait())
        until(lambda load=load: load.stored, "something is stored")
        time.sleep(draw.random())
        how = draw.choice(list(ENDINGS))
        for number in ENDINGS[how]:
            server.process.send_signal(number)
            time.sleep(0.05)
        server.process.communicate(timeout=SECONDS)
        load.end()
        stored += load.stored
        assert load.wrong == []
        tally("killed: `huse serve`, while clients add and search", how)
        there = Index.open(shop / "index").rows(f"origin = '{ADDED}'")
        assert set(stored) <= set(there["product"])
        assert set(there["product"].value_counts()) == {2}
    assert start_writable().client.wait().ask("/search", {"text": stored[-1]}).said["hits"]


REBUILD = """
import sys
from pathlib import Path
import numpy as np
import huse
from huse.use.growing import carried
from huse.use.index import Index, alone
shop = Path(sys.argv[1])
folder, model = shop / "index", huse.load(shop / "model")
with alone(folder):  # as the stage `index`
    opened = Index.open(folder, model)
    added = carried(folder, model, set(), Path(opened.about["images"]).resolve())
    rows = opened.rows("origin = 'catalogue'", embeddings=True)
    parts = [(rows, np.stack(rows.pop("embedding")))]
    if added is not None:
        parts.append((added.rows, added.embeddings))
    Index.make(folder, parts, opened.about)
"""


def test_an_index_is_rebuilt_while_clients_add_and_search(start_writable, shop, tally):
    load = Load(start_writable().client.wait())
    rebuilt = many(2, 20)
    for _ in range(rebuilt):
        said = subprocess.run([sys.executable, "-c", REBUILD, shop], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
    load.end()
    assert load.wrong == [] and load.stored
    there = Index.open(shop / "index").rows()
    assert set(load.stored) <= set(there["product"]) and len(there[there["origin"] == "catalogue"]) == 35
    tally(
        "index rebuilt under a server that adds and searches",
        "all searches answered, all that was added is there",
        rebuilt,
    )


def hold(port, sent, stop):
    """Send a request that does not end, a byte at a time, over and over."""
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
                for byte in sent:
                    connection.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return
        except OSError:  # it hangs up, as it should
            pass


def flood(port, stop):
    """Send bodies without an end."""
    head = (
        b"POST /search HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
    )
    head += f"authorization: Bearer {TOKEN}\r\n\r\n".encode()
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
                connection.sendall(head)
                while not stop.is_set():
                    connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass


def guess(client, stop, counts):
    """Ask with tokens that are nearly right."""
    draw = random.Random(1)
    while not stop.is_set():
        at = draw.randrange(len(TOKEN))
        wrong = draw.choice([TOKEN[:at] + "x" + TOKEN[at + 1 :], TOKEN[:at], TOKEN + "x", TOKEN.upper()])
        try:
            counts.append(client.ask("/about", authorization=f"Bearer {wrong}").status)
        except OSError:
            counts.append(0)


def test_those_who_attack_do_not_keep_a_client_from_its_answer(start_writable, tally):
    server = start_writable("--max-body", 1, HUSE_TOKEN=TOKEN)
    client, stop, tokens = server.client.wait(), threading.Event(), []
    slow = b"POST /search HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999\r\n\r\n" + b"x" * 1000
    attacks = [threading.Thread(target=hold, args=(client.port, slow, stop)) for _ in range(many(40, 120))]
    attacks += [threading.Thread(target=flood, args=(client.port, stop)) for _ in range(2)]
    attacks += [threading.Thread(target=guess, args=(client, stop, tokens)) for _ in range(2)]
    silent = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(many(100, 1000))]
    for attack in attacks:
        attack.start()
    asked = many(30, 300)
    try:
        for _ in range(asked):
            answer = client.ask("/search", {"text": "hat"}, authorization=f"Bearer {TOKEN}")
            assert answer.status == 200 and answer.said["hits"]
    finally:
        stop.set()
        for attack in attacks:
            attack.join()
        for connection in silent:
            connection.close()
    assert set(tokens) == {401}
    tally(
        "slow clients, endless bodies, silent connections and wrong tokens at once",
        "the others get their answers",
        asked,
    )
    tally("wrong token", "refused with 401", len(tokens))
    assert server.end()[0] == 0


def named(value, at=()):
    """The places of all values in a request: path of keys, and what lies there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from named(inner, (*at, key))


def with_value(request, at, value):
    copy = json.loads(json.dumps(request))
    within = copy
    for key in at[:-1]:
        within = within[key]
    within[at[-1]] = value
    return copy


ALL = {
    "/search": {
        "text": "hat",
        "pictures": ["x"],
        "like": "x",
        "embedding": [0.1],
        "k": 1,
        "kind": "names",
        "classes": "a",
        "where": [{"column": "name", "value": "x", "comparison": "="}],
        "decide": True,
    },
    "/classify": {"products": [{"text": "hat", "pictures": ["x"]}], "precision": 0.9, "top": 2},
    "/embed": {"products": [{"text": "hat", "pictures": ["x"]}]},
    "/add": {"products": [{"id": "x", "name": "x", "classes": "a", "pictures": ["x"], "further": {"brand": "x"}}]},
    "/remove": {"products": ["x"]},
    "/session": {"token": "x"},
}


def test_no_parameter_leads_out_of_the_folders(start_writable, shop, tally):
    client = start_writable().client.wait()
    before = {path for path in shop.rglob("*") if path.is_file() and "index" not in path.parts}
    requests = [
        (path, {"json_": with_value(asked, at, trick)})
        for path, asked in ALL.items()
        for at in named(asked)
        for trick in TRICKS
    ]
    for trick in TRICKS:
        places = ("/pictures/", "/product?id=", "/", "/product?id=x&decide=")
        requests += [(place + quote(trick, safe="/%:~|$()"), {}) for place in places]
        fields = ("text", "kind", "classes", "like", "where")
        requests += [("/search", {"form": [(field, trick)]}) for field in fields]
        new = [("name", "x"), ("classes", "a")]
        requests += [("/add", {"form": [*new, (field, trick)]}) for field in ("id", "name", "further")]
    for path, asked in requests:
        answer = client.ask(path, **asked)
        assert answer.status < 500 and not any(secret in answer.content for secret in SECRETS), (path, asked)
    after = {path for path in shop.rglob("*") if path.is_file() and "index" not in path.parts}
    assert {path for path in after - before if "uploads" not in path.parts} == set() and before <= after
    tally(
        "path that leads elsewhere, in each parameter of each endpoint", "refused, or a text like others", len(requests)
    )
