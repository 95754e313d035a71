"""The command `huse serve`: what it refuses to start with, and where its limits come from."""

import socket
import subprocess
import sys

import pytest

from huse.commands import serving
from tests.commands.conftest import error, huse
from tests.conftest import ROOT

TOKEN = "sixteen-letters-"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0: others than this machine could ask, so a token is needed"),
        (["--public-name", "shop.example"], "so a token is needed"),
        (["--token", "short"], "expected at least 16 letters"),
        (["--token", "letters with spaces in between"], "no spaces"),
        (["--uploads", "up"], "--uploads: keeps pictures of products that are added. Give --writable with it"),
        (["--images", "nowhere"], "nowhere: no such folder (--images)"),
        (["--writable", "--uploads", "file"], "file/picture.jpg: cannot be written, since nothing can be written to"),
        (["--host", "no.such.host.invalid", "--token", TOKEN], "cannot listen there"),
    ],
)
def test_what_it_does_not_start_with(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(serving.TOKEN, raising=False)
    (tmp_path / "file").touch()
    assert said in error("serve", *arguments)


def test_a_port_that_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen there" in error("serve", "--port", taken.getsockname()[1])


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "huse serve needs fastapi. Run `pip install 'huse[serve]'`" in error("serve", "--port", 0)


def test_options_become_limits_places_and_access(tmp_path, monkeypatch, capsys):
    from huse.use.server import app

    made = {}

    def make_app(places, **options):
        made.update(options, places=places)
        return "the application"

    def run(make, sock, limits):
        made.update(guard=make(lambda error: None), limits=limits, port=sock.getsockname()[1])
        sock.close()

    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    monkeypatch.setattr(app, "make_app", make_app)
    monkeypatch.setattr(serving, "run", run)
    monkeypatch.setenv(serving.TOKEN, TOKEN)
    given = ["--max-body", 3, "--max-pictures", 5, "--max-products", 6, "--max-pixels", 7, "--batch", 8, "--queue", 9]
    given += ["--seconds", 1.5, "--drain", 0.5, "--port", 0, "--model", "m", "--index", "i", "--images", "p"]
    shown = huse("serve", *given, "--writable", "--uploads", "u", "--public-name", "Shop.example")
    assert shown.exit_code == 0, shown.exception
    limits = made["limits"]
    assert (limits.body, limits.pictures, limits.products, limits.pixels) == (3 * 2**20, 5, 6, 7)
    assert (limits.batch, limits.queue, limits.seconds, limits.drain) == (8, 9, 1.5, 0.5)
    places = made["places"]
    assert [str(place) for place in (places.model, places.index, places.images, places.uploads)] == ["m", "i", "p", "u"]
    assert made["access"].token == TOKEN and "shop.example" in made["access"].hosts
    assert made["checks"].class_path(" a < b<") == "a<b" and "says nothing" in made["checks"].why_no_name("untitled")
    assert f"http://127.0.0.1:{made['port']}" in shown.output and TOKEN not in shown.output
    huse("serve", "--port", 0, "--host", "0.0.0.0")
    assert made["checks"] is None and made["places"].index is None and made["access"].hosts == ()
    assert str(made["places"].model) == "data/model" and made["guard"] == "the application"


def imported_by(modules):
    """The top names of all that is imported with the command and some modules, in a process of its own."""
    code = (
        f"import sys; from huse.commands import cli, serving; import {modules}; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_nothing_heavy_is_imported_before_it_listens():
    """Neither torch nor pandas, LanceDB, DVC nor FastAPI: a client can connect before those are there."""
    heavy = {"torch", "pandas", "lancedb", "dvc", "fastapi", "uvicorn", "sklearn", "onnxruntime"}
    assert not imported_by("huse.use.server.running") & heavy


def test_the_server_itself_imports_neither_torch_nor_dvc():
    heavy = {"torch", "torchvision", "dvc", "sklearn", "gensim", "lancedb"}
    assert not imported_by("huse.use.server.app, huse.use.index") & heavy
