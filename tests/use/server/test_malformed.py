"""A thousand requests that no client should send: none is a 500, none hangs, and the server lives."""

import contextlib
import json
import random
import shutil
import socket
import string

import pytest

from huse.use.server.limits import Limits
from huse.use.server.shop import Places
from tests.use.server.conftest import CHECKS, multipart, picture, served

SECONDS = 10  # for one answer
PATHS = ("/search", "/embed", "/classify", "/add", "/remove", "/session")
READ = (
    "/product?id=%00",
    "/pictures/%2e%2e%2fetc",
    "/pictures/a?side=x",
    "/product?id=" + "%27" * 900,
    "/classes",
    "/about",
)
GOOD = {
    "/search": {"text": "hat", "k": 3},
    "/embed": {"products": [{"text": "hat"}]},
    "/classify": {"products": [{"text": "hat"}], "precision": 0.9},
    "/add": {"products": [{"name": "hat", "classes": "a<b"}]},
    "/remove": {"products": ["id 1"]},
    "/session": {"token": "x"},
}
TEXTS = ("", " ", "\0", "x" * 5000, "'", "'; DROP TABLE x", "\ud800", "\u202e", "NaN", "../../etc/passwd", "0x10")
LISTS = ([], {}, [[]], [None], [{}], {"a": {}}, [[[[[[1]]]]]], [1e39] * 8, [float("nan")] * 8)
VALUES = (None, True, -1, 0, 10**30, 1e308, *TEXTS, *LISTS)
HEADERS = (
    "content-length: -1",
    "content-length: 5, 6",
    "content-length: x",
    "content-length: 99999999999999999999",
    "transfer-encoding: nope",
    "transfer-encoding: chunked\r\ncontent-length: 3",
    "expect: nothing",
    "cookie: " + "=;" * 500,
    "authorization: \x80",
    "x" * 70_000 + ": 1",
    "origin: http://x",
    "content-type: application/json; charset=x",
    'if-none-match: "',
    "upgrade: websocket",
    "bad header",
)


@pytest.fixture(scope="module")
def port(template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("malformed")
    shutil.copytree(template / "index", folder / "index")
    places = Places(template / "model", folder / "index", template / "images", folder / "uploads")
    limits = Limits(body=200_000, reading=0.1, seconds=5)
    with served(places, checks=CHECKS, limits=limits) as client:
        yield client.wait().port


def head(path, *lines, method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *lines, "", ""]).encode(
        "latin-1", "replace"
    )


def with_body(path, body, kind="application/json"):
    return head(path, f"content-type: {kind}", f"content-length: {len(body)}") + body


def swapped(draw, value):
    """A value of JSON with something in it that does not belong there."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice([*value, "where", "pictures", "further", "embedding", "like", "kind", "classes", "x"])
        return {**value, key: swapped(draw, value.get(key))}
    if isinstance(value, list) and value and draw.random() < 0.7:
        return [swapped(draw, value[0])] * draw.choice([1, 1, 2, 100])
    return draw.choice(VALUES)


def wrong_json(draw):
    path = draw.choice(PATHS)
    return with_body(path, json.dumps(swapped(draw, GOOD[path])).encode())


def cut_json(draw):
    path = draw.choice(PATHS)
    body = bytearray(json.dumps(GOOD[path]).encode())
    for _ in range(draw.randint(1, 4)):
        body[draw.randrange(len(body))] = draw.randrange(256)
    return with_body(path, bytes(body[: draw.randint(0, len(body))]))


def deep_json(draw):
    return with_body(
        draw.choice(PATHS), draw.choice([b"[", b'{"a":', b'{"products":[']) * draw.choice([10, 1000, 20_000])
    )


def wrong_form(draw):
    path = draw.choice(PATHS)
    fields = [
        (
            draw.choice(["text", "k", "where", "pictures", "id", "name", "classes", "x", "further"]),
            draw.choice(TEXTS),
        )
        for _ in range(draw.randint(0, 60))
    ]
    fields = [(name, str(value).encode("utf-8", "replace").decode()) for name, value in fields]
    body, kind = multipart([*fields, ("pictures", damaged(draw))])
    if draw.random() < 0.5:
        body = body[: draw.randrange(len(body))]
    if draw.random() < 0.3:
        kind = draw.choice(
            [
                "multipart/form-data",
                kind + "; charset=nope",
                kind + "x",
                'multipart/form-data; boundary="',
                "multipart/mixed; boundary=edge",
            ]
        )
    return with_body(path, body, kind)


def damaged(draw):
    content = bytearray(picture(draw.randrange(5), form=draw.choice(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])))
    for _ in range(draw.choice([1, 5, 50])):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content[: draw.randint(1, len(content))])


def damaged_picture(draw):
    return with_body(draw.choice(PATHS[:4]), *multipart([("pictures", damaged(draw)), ("classes", "a<b")]))


def wrong_head(draw):
    method = draw.choice(["GET", "POST", "PUT", "PATCH", "BREW"])
    return head(draw.choice([*PATHS, *READ]), draw.choice(HEADERS), method=method) + b"{}"


def wrong_chunks(draw):
    body = draw.choice(
        [b"zz\r\nabc\r\n0\r\n\r\n", b"5\r\nab", b"ffffffffffffffff\r\n", b"-1\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"]
    )
    return head(draw.choice(PATHS), "content-type: application/json", "transfer-encoding: chunked") + body


def wrong_path(draw):
    letters = "".join(draw.choices(string.printable.replace(" ", "").strip() + "é%/?#", k=draw.randint(1, 300)))
    return head(
        draw.choice(["/pictures/", "/product?id=", "/", "//", "", "http://x/"]) + letters,
        method=draw.choice(["GET", "POST", "DELETE", "HEAD"]),
    )


def noise(draw):
    return draw.randbytes(draw.choice([1, 10, 1000]))


def half(draw):
    path = draw.choice(PATHS)
    whole = with_body(path, json.dumps(GOOD[path]).encode())
    return whole[: draw.randrange(len(whole))]


KINDS = (
    wrong_json,
    cut_json,
    deep_json,
    wrong_form,
    damaged_picture,
    wrong_head,
    wrong_chunks,
    wrong_path,
    noise,
    half,
)


def answer(port, sent):
    """The status of the answer; None where the head is not whole, so that the server waits for more of it."""
    whole = b"\r\n\r\n" in sent
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS if whole else 0.05) as connection:
        found = b""
        with contextlib.suppress(ConnectionError):  # it may hang up while we send
            connection.sendall(sent)
        try:
            while b"\r\n" not in found and (chunk := connection.recv(65536)):
                found += chunk
        except ConnectionError:
            pass
        except TimeoutError:
            assert not whole, sent[:2000]  # it hangs
    return int(found.split(b" ", 2)[1]) if found else None


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_malformed_requests_are_refused_and_the_server_lives(port, count):
    draw = random.Random(0)
    counts = {}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        sent = kind(draw)
        status = answer(port, sent)
        assert status is None or (status < 500 and status != 0) or status == 503, (number, kind.__name__, sent[:2000])
        counts.setdefault(kind.__name__, []).append(status)
    refused = sum(status is not None and 400 <= status < 500 for each in counts.values() for status in each)
    assert refused > count / 2
    assert ({408, 413, 422, 400, 404, 405, 415} if count > 500 else {422, 400, 404}) <= {
        status for each in counts.values() for status in each
    }
    assert answer(port, with_body("/search", b'{"text": "hat"}')) == 200
    assert answer(port, head("/ready", method="GET")) == 200
