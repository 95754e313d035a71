"""The image of docs/serve: its lists hold what the server imports, and the wheel serves in a bare environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from huse.commands import serving
from tests.conftest import ROOT
from tests.use.server.conftest import Client, picture, until

FOLDER = ROOT / "docs/serve"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BARE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
# A server's work in one process: it answers from a model and an index, and adds a product.
WORK = """
import sys
from pathlib import Path
import huse.commands.cli
from huse.commands import serving
from huse.use.index import Index
from huse.use.server import app, running
import huse, uvicorn, huse.use.growing
serving._class_path("a<b"), serving._why_no_name("x")
model = huse.load(sys.argv[1])
model.encode(images=[Path(sys.argv[3]).read_bytes()], texts=["hat"])
Index.open(sys.argv[2], model).search("hat")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def listed(name):
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def closure(requirements):
    """The names of all distributions that some requirements bring."""
    found, waiting = set(), [Requirement(each) for each in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += map(Requirement, distribution(name).requires or ())
    return found


def test_the_lists_ask_for_what_the_project_asks_for():
    extras = PROJECT["optional-dependencies"]
    known = {*PROJECT["dependencies"], *extras["serve"]}
    assert set(listed("requirements.txt")) | set(listed("requirements-torch.txt")) <= known
    assert set(extras["serve"]) <= set(listed("requirements.txt"))
    assert {Requirement(each).name.replace("-", "_") for each in extras["serve"]} >= set(serving.NEEDED)


def test_the_lists_hold_all_that_a_server_imports(template):
    if find_spec("onnxruntime") is None:
        pytest.skip("no onnxruntime (pip install '.[serve]')")
    arguments = [template / "model", template / "index", template / "images/1.jpg"]
    command = [sys.executable, "-c", WORK, *map(str, arguments)]
    modules = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    names = packages_distributions()
    imported = {canonicalize_name(names[module][0]) for module in modules if len(names.get(module, ())) == 1}
    allowed = closure([*listed("requirements.txt"), *listed("requirements-torch.txt")])
    needed = {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}
    assert "fastapi" in imported and imported & needed <= allowed  # further ones are what those find beside them


def test_the_dockerfile_names_files_and_options_that_there_are():
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert all((ROOT / name).is_file() for name in re.findall(r"docs/serve/[\w.-]+", text))
    program, command, *options = json.loads(re.search(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[1])
    shown = subprocess.run(
        [sys.executable, "-m", "huse", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert program == "huse" and all(each in shown.stdout for each in options if each.startswith("--"))
    assert re.search(r"^USER huse$", text, re.MULTILINE)


@pytest.mark.slow
def test_the_wheel_and_the_list_serve_an_exported_model_in_a_bare_environment(template, tmp_path):
    """Without torch and without DVC, as the image does it."""
    if find_spec("huse.use.export") is None or find_spec("onnxscript") is None:
        pytest.skip("no `huse export onnx`, or no onnxscript (pip install '.[export]')")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    export = [sys.executable, "-m", "huse", "export", "onnx", tmp_path / "onnx", "--model", template / "model"]
    subprocess.run(list(map(str, export)), env=environment, cwd=tmp_path, check=True, capture_output=True)
    for name in ("huse", "pyproject.toml", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / "source" / name)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", tmp_path / "dist", tmp_path / "source")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True)
    python = tmp_path / "bare/bin/python"
    pip(python, "install", "--requirement", FOLDER / "requirements.txt")
    pip(python, "install", "--no-deps", *(tmp_path / "dist").glob("huse-*.whl"))
    places = ["--model", "onnx", "--index", template / "index", "--images", template / "images", "--port", "0"]
    process = subprocess.Popen(
        list(map(str, [tmp_path / "bare/bin/huse", "serve", *places])),
        cwd=tmp_path,
        env=BARE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        client = Client(int(re.search(r":(\d+) ", process.stdout.readline())[1]))
        until(lambda: process.poll() is not None or client.ask("/ready").status == 200, "it is ready")
        form = [("text", "hat"), ("pictures", picture(3)), ("decide", "true"), ("k", 1)]
        found = client.ask("/search", form=form).said
        assert found["hits"][0]["similarity"] > 0 and found["decision"]["class_path"]
        assert client.ask("/").status == client.ask("/page.js").status == client.ask("/docs").status == 200
    finally:
        process.terminate()
        assert process.wait(60) == 0
    there = subprocess.run([python, "-m", "pip", "list"], env=BARE, capture_output=True, text=True, check=True).stdout
    assert not re.search(r"^(torch|dvc)\b", there, re.MULTILINE)


def pip(python, *arguments):
    """Run pip; without a registry there is nothing to test."""
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(list(map(str, command)), env=BARE, capture_output=True, text=True, check=False)
    if done.returncode and re.search(r"No matching distribution|connection", done.stderr, re.IGNORECASE):
        pytest.skip("no registry of Python packages")
    assert done.returncode == 0, done.stderr
