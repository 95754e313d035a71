"""What stands before the endpoints: who asks, how much, how slowly, how many."""

import contextlib
import json
import socket
import threading
import time

import pytest

from huse.use.server import service
from huse.use.server.guard import Access
from huse.use.server.limits import Limits
from huse.use.server.shop import Places
from tests.use.server.conftest import SECONDS, picture, served, until

TOKEN = "a token of many letters"
SEARCH = {"text": "hat"}


@pytest.fixture(scope="module")
def where(template):
    return Places(template / "model", template / "index", template / "images")


@pytest.fixture(scope="module")
def closed(where):
    with served(where, access=Access(TOKEN)) as client:
        yield client.wait()


@pytest.fixture(scope="module")
def small(where):
    """A server that takes on little."""
    limits = Limits(body=20_000, bodies=30_000, reading=0.5, seconds=1, requests=3, queue=4, batch=2)
    with served(where, limits=limits) as client:
        yield client.wait()


@pytest.fixture
def stuck(monkeypatch):
    """A model that computes nothing until the test says so."""
    going, asked = threading.Event(), threading.Event()
    call = service.read

    def wait(*arguments):
        asked.set()
        going.wait(SECONDS)
        return call(*arguments)

    monkeypatch.setattr(service, "read", wait)
    yield going, asked
    going.set()


def raw(port, sent, wait=10):
    """Send bytes and return what comes until the connection is closed, or nothing does for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        for part in [sent] if isinstance(sent, bytes) else sent:
            connection.sendall(part)
        found = b""
        try:
            while chunk := connection.recv(65536):
                found += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def status(answer):
    return int(answer.split(b" ", 2)[1])


HEAD = b"POST /search HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"


def test_a_token_is_asked_for_but_not_by_what_shows_the_page_or_supervises(closed):
    for path in ("/", "/page.js", "/page.css", "/health", "/ready", "/docs", "/openapi.json"):
        assert closed.ask(path).status == 200
    for path in ("/about", "/classes", "/product?id=x", "/pictures/x", "/metrics"):
        assert closed.ask(path).status == 401
    refused = closed.ask("/search", SEARCH)
    assert refused.status == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer TOKEN" in refused.error and TOKEN not in refused.error
    for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", f"Basic {TOKEN}", "Bearer \xe9"):
        assert closed.ask("/search", SEARCH, authorization=wrong).status == 401
    assert closed.ask("/search", SEARCH, authorization=f"Bearer {TOKEN}").status == 200


def test_the_page_gets_a_cookie_for_the_token(closed):
    assert closed.ask("/session", {"token": "wrong"}).status == 401
    answer = closed.ask("/session", {"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert answer.status == 204 and "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    assert closed.ask("/search", SEARCH, cookie=cookie.partition(";")[0]).status == 200
    own = cookie.partition(";")[0]
    for others in ('prefs={"theme":"dark"}; ', "a[0]=1;", "huse_session=old; ", "; =;;", 'x="a;'):
        assert closed.ask("/search", SEARCH, cookie=f"{others}{own}; b=@{{").status == 200
    for wrong in ("huse_session=x", "huse_session", f"x{own}", f"{own}x", f"a={own}", "huse_session=\xe9", ""):
        assert closed.ask("/search", SEARCH, cookie=wrong).status == 401


def test_other_hosts_and_other_pages_are_refused(reader, where):
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""):
        assert reader.ask("/search", SEARCH, host=host).status == 403
    for host in ("localhost", f"127.0.0.1:{reader.port}", "[::1]:80", "LOCALHOST"):
        assert reader.ask("/search", SEARCH, host=host).status == 200
    for other in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert reader.ask("/search", SEARCH, **other).status == 403
    own = f"http://127.0.0.1:{reader.port}"
    assert reader.ask("/search", SEARCH, origin=own, sec_fetch_site="same-origin").status == 200
    with served(where, access=Access(TOKEN, hosts=())) as client:
        assert client.wait().ask("/about", host="shop.example", authorization=f"Bearer {TOKEN}").status == 200


def test_too_large_a_body_is_refused_stated_or_not(small):
    long = json.dumps({"text": "x" * 30_000}).encode()
    stated = small.ask("/search", body=long, content_type="application/json")
    assert stated.status == 413 and "at most 20,000 bytes" in stated.error
    chunks = b"".join(b"%x\r\n%s\r\n" % (1000, b"x" * 1000) for _ in range(60)) + b"0\r\n\r\n"
    assert status(raw(small.port, HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks)) == 413
    assert status(raw(small.port, HEAD + b"content-length: 999999999999\r\nexpect: 100-continue\r\n\r\n")) == 413
    assert small.ask("/search", SEARCH).status == 200


def test_a_slow_body_is_ended_and_a_short_one_too(small):
    start = time.monotonic()
    answer = raw(small.port, HEAD + b"content-length: 100\r\n\r\n{")
    assert status(answer) == 408 and b"within 0.5 seconds" in answer and time.monotonic() - start < 5

    def drops():
        yield HEAD + b"transfer-encoding: chunked\r\n\r\n"
        for _ in range(20):
            time.sleep(0.1)
            yield b"1\r\nx\r\n"

    with contextlib.suppress(OSError):  # it may be cut off while it sends
        assert status(raw(small.port, drops())) == 408
    until(lambda: small.guard.under_way == 0, "the places are free")
    assert small.guard._held == 0


def test_bodies_of_all_requests_have_a_limit_together(small):
    first = socket.create_connection(("127.0.0.1", small.port))
    first.sendall(HEAD + b"content-length: 16000\r\n\r\n" + b"x" * 15_000)
    until(lambda: small.guard._held >= 15_000, "it holds a body")
    answer = small.ask("/search", body=b"x" * 16_000, content_type="application/json")
    assert answer.status == 503 and answer.headers["retry-after"] == "1" and "memory" in answer.error
    first.close()
    until(lambda: small.guard._held == 0, "it is dropped")


def test_too_many_requests_are_refused_but_the_supervisor_is_answered(small, stuck):
    going, _ = stuck
    threads = [threading.Thread(target=small.ask, args=("/search", SEARCH)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: small.guard.under_way == 3, "three are under way")
    answer = small.ask("/search", SEARCH)
    assert answer.status == 503 and "3 may be" in answer.error and answer.headers["retry-after"] == "1"
    assert small.ask("/health").status == small.ask("/ready").status == small.ask("/metrics").status == 200
    going.set()
    for thread in threads:
        thread.join()
    assert small.ask("/search", SEARCH).status == 200


def test_no_answer_in_time_is_said_and_its_place_is_free(small, stuck):
    going, _ = stuck
    answer = small.ask("/search", SEARCH)
    assert answer.status == 504 and "within 1 seconds" in answer.error
    assert small.guard.service._batcher.waiting == 0
    going.set()
    until(lambda: small.ask("/search", SEARCH).status == 200, "it works again")


def test_the_queue_is_full(small, stuck):
    going, asked = stuck
    one = threading.Thread(target=small.ask, args=("/embed", {"products": [SEARCH] * 3}))
    one.start()
    asked.wait(SECONDS)
    answer = small.ask("/embed", {"products": [SEARCH] * 2})
    assert answer.status == 503 and "3 products wait for the model, and 4 may" in answer.error
    going.set()
    one.join()


def test_a_client_that_leaves_frees_its_place(small, stuck):
    going, asked = stuck
    body = json.dumps(SEARCH).encode()
    connection = socket.create_connection(("127.0.0.1", small.port))
    connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
    asked.wait(SECONDS)
    assert small.guard.service._batcher.waiting == 1
    connection.close()
    until(lambda: small.guard.under_way == 0 and small.guard.service._batcher.waiting == 0, "its place is free")
    going.set()
    text = small.ask("/metrics").content.decode()
    assert "huse_cancelled_total 0.0" not in text


def test_what_nobody_foresaw_is_logged_and_told_as_the_servers_own(reader, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(reader.guard.service.shop, "follow", broken)  # nor does it end what follows the index
    monkeypatch.setattr(service, "read", broken)
    answer = reader.ask("/search", SEARCH)
    assert answer.status == 500 and "secret" not in answer.error and "its log says how" in answer.error
    until(lambda: "ZeroDivisionError" in caplog.text, "it is logged")
    monkeypatch.undo()
    assert reader.ask("/search", form=[("text", "hat"), ("pictures", picture(1))]).status == 200


def test_a_full_disk_is_said_as_what_it_is(reader, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service, "read", full)
    answer = reader.ask("/search", SEARCH)
    assert answer.status == 503 and "Make room on the disk" in answer.error
