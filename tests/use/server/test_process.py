"""`huse serve` as a process: it listens at once, drains on SIGTERM, and says in one line why it cannot serve."""

import http.client
import resource
import signal
import socket
import threading
import time

import pytest

from tests.use.server.conftest import SECONDS, until

TOKEN = "a-secret-of-many-letters"


def test_it_lives_before_it_is_ready_and_ends_by_sigterm(start):
    server = start("--drain", 0.2)
    assert server.client.ask("/health").status == 200  # waits until the process answers, long before the model is there
    early = server.client.ask("/search", {"text": "hat"})
    assert early.status == 200 or (early.status == 503 and early.headers["retry-after"] == "1")
    assert server.client.wait().ask("/search", {"text": "hat"}).said["hits"]
    code, printed = server.end()
    assert code == 0 and "what was accepted is answered" in printed and "Traceback" not in printed


def test_it_may_have_more_connections_than_files_were_allowed(start):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 400:
        pytest.skip("this user may not open so many files")
    server = start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard)))
    server.client.wait()
    silent = [socket.create_connection(("127.0.0.1", server.client.port)) for _ in range(250)]
    assert server.client.ask("/search", {"text": "hat"}).said["hits"]
    for one in silent:
        one.close()


def test_a_token_of_the_environment_is_asked_for_and_never_printed(start):
    server = start(HUSE_TOKEN=TOKEN)
    server.client.wait()
    assert server.client.ask("/about").status == 401
    assert server.client.ask("/about", authorization=f"Bearer {TOKEN}").status == 200
    code, printed = server.end(signal.SIGINT)
    assert code == 0 and TOKEN not in printed


def test_wrong_folders_end_it_with_one_line_and_code_2(start, template, tmp_path):
    for name in ("model", "images"):
        (tmp_path / name).mkdir()
    server = start(folder=tmp_path)
    printed = server.process.communicate(timeout=SECONDS)[0]
    assert server.process.returncode == 2 and printed.startswith("error: ") and "config.json: not found" in printed
    assert printed.count("\n") == 1


def test_what_was_accepted_is_answered_when_it_ends(start):
    """Clients ask all the time; after SIGTERM each either gets its answer or is not let in."""
    server, lost, statuses = start("--drain", 0.3), [], []
    server.client.wait()
    stop = threading.Event()

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", server.client.port, timeout=SECONDS)
        while not stop.is_set():
            try:
                connection.connect()
            except OSError:  # it does not listen any more
                return
            while True:
                try:
                    connection.request(
                        "POST", "/embed", b'{"products": [{"text": "hat"}]}', {"content-type": "application/json"}
                    )
                    answer = connection.getresponse()
                    answer.read()
                except (ConnectionResetError, BrokenPipeError):  # let into the queue of the system, and never accepted
                    return
                except (OSError, http.client.HTTPException) as error:
                    lost.append(error)
                    return
                statuses.append(answer.status)
                if answer.will_close:
                    connection.close()
                    break

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(statuses) > 50, "they are answered")
    code, _ = server.end()
    stop.set()
    for thread in threads:
        thread.join()
    assert code == 0 and lost == [] and set(statuses) == {200}


def test_a_second_signal_ends_it_at_once(start):
    server = start("--drain", 60)
    server.client.wait()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.client.ask("/ready").status == 503, "it drains")
    assert "about to end" in server.client.ask("/ready").error
    begun = time.monotonic()
    code, _ = server.end()
    assert code == 0 and time.monotonic() - begun < 10


@pytest.mark.slow
def test_connections_without_a_request_are_closed(start):
    """A head that never ends, and one after a whole request: uvicorn alone would wait for ever."""
    server = start()
    server.client.wait()
    whole = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    opened = []
    for sent in (b"", b"GET /he", whole + b"GET /he"):
        connection = socket.create_connection(("127.0.0.1", server.client.port), timeout=40)
        connection.sendall(sent)
        opened.append(connection)
    for connection in opened:
        while connection.recv(65536):
            pass
        connection.close()
    assert server.client.ask("/health").status == 200
