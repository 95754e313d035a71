"""Every command that the README and the pages of docs/ show is run, page by page, in the order of the page.

Each page starts from a repository in which the tiny pipeline has run. What a page has under /data is made for it.
Commands of the Makefile are run dry here: they are what continuous integration runs. Changes of code are applied. A
server that a page starts runs beside, until the page ends; what the page asks with curl is asked of it.
Links are followed, and so are commands that stand within a sentence, as far as their names.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from huse.catalogue.importing.entries import list_pictures
from huse.commands import cli
from huse.run import paths
from huse.run.params.editing import edit_yaml
from huse.vision.torchvision_ops import import_torchvision
from tests.catalogue.importing.layouts import make_fashion, make_folders, make_food101, make_shop, make_wikipedia
from tests.conftest import ROOT
from tests.repository import SMALL, TINY, wait_until

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FIRST_WORDS = ("dvc", "huse", "git", "make", "python", "source", "export", "curl", "HUSE_CACHE=/data/huse-cache")
SERVE = "huse serve"  # until the page ends, or starts another one

QUEUE = "dvc exp run --queue --set-param train."
# What would take minutes or hours runs smaller: so do all pipelines, and
SMALLER = {
    f"{QUEUE}beta=1,10,100 && dvc queue start": f"{QUEUE}beta=1,10 evaluate && dvc queue start",
    f"{QUEUE}method=huse,separate --set-param train.seed=1,2 evaluate": f"{QUEUE}method=separate evaluate",
    "huse tune training": "huse tune",  # the page on tuning runs it
    "huse tune training --trials 30": "huse tune training --trials 1",
    "huse tune training --trials 30 --name again": "huse tune training --trials 1 --name again",
    "huse methods": "huse methods --only HUSE --seeds 1",
    "huse methods --only HUSE --only HIE --seeds 3 --output out": "huse methods --only HUSE --seeds 1 --output out",
    'huse methods --only HUSE --only "HUSE without graph"': 'huse methods --only "HUSE without graph" --seeds 1',
}
# Experiments leave the last stages out; these two do all but what they change, as one that comes after runs the rest.
CHANGED = {"backbone.network=patches": "image_vectors", "word_vectors.source=/data/words": "text_vectors"}
ONCE = {"huse methods"}  # it trains, and nothing on a page follows from it
RAN = set()  # of these, on the pages before
WHOLE = r"evaluate|backbone\.weights="  # the latter on catalogues of other people


def code_blocks(page):
    """Yield the language and the text of every block of code: fenced, or indented."""
    text = page.read_text(encoding="utf-8")
    fenced = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    for block in fenced.finditer(text):
        yield block[2], block[3]
    for block in re.finditer(r"(?:^ {4,}\S.*\n|^\n(?= {4,}\S))+", fenced.sub("", text), re.MULTILINE):
        yield "", block[0]


def steps(page):
    """The commands of a page, without comments and prompts, and the changes of code that it shows."""
    for language, text in code_blocks(page):
        if language == "diff":
            yield text
        if language in ("", "console", "bash"):
            lines = (re.sub(r"(^|\s+)#.*$", "", line).strip().removeprefix("$ ") for line in text.splitlines())
            yield from (line for line in lines if line.split(" ")[0] in FIRST_WORDS)


@pytest.fixture(scope="module")
def ready(tiny_pipeline, tmp_path_factory):
    """A repository in which the pipeline has run, with what a person's clone has beside."""
    folder = tmp_path_factory.mktemp("docs")
    repository = tiny_pipeline.copy_to(folder / "ready")
    tools = ("Makefile", "pyproject.toml", "requirements.lock")
    for name in (*tools, "README.md", "docs", "tests", "benchmarks", "metrics/gate.yaml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, repository.root / name)
    loosen_gate(repository.root / paths.GATE)
    repository.commit()
    repository.commit()  # so that there is a commit before, with the same metrics
    shim = folder / "bin" / "huse"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m huse "$@"\n')
    shim.chmod(0o755)
    return repository


@pytest.fixture
def repository(ready, tmp_path):
    """A copy of it, with /data beside it."""
    copy = ready.copy_to(tmp_path / "work")
    data = tmp_path / "data"
    data.mkdir()
    make_data(data, pd.read_parquet(copy.root / paths.PRODUCTS))
    copy.environment["HUSE_CACHE"] = str(ready.root / paths.CACHE)  # what several pages show is computed once
    copy.environment["PATH"] = f"{ready.root.parent / 'bin'}:{copy.environment['PATH']}"
    return copy


def make_data(data, products):
    """Files that the pages name under /data."""
    texts = products["name"] + " " + products["classes"].str.replace("<", " ")
    words = sorted({word for text in texts for word in text.lower().split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).round(4).tolist()
    entries = (json.dumps({"word": word, "vector": vector}) for word, vector in zip(words, vectors, strict=True))
    (data / "words.jsonl").write_text("\n".join(entries), encoding="utf-8")
    given = {"image": products["image"], "vector": list(np.random.default_rng(1).normal(size=(len(products), 8)))}
    pd.DataFrame(given).to_parquet(data / "vectors.parquet")
    make_food101(data / "food101")
    make_fashion(data / "fashion")
    make_wikipedia(data / "wikipedia")
    make_folders(data / "folders")
    make_shop(data / "shop")
    captions = [f"{picture},Thing {number}\n" for number, picture in enumerate(list_pictures(data / "folders"))]
    (data / "captions.csv").write_text("file,caption\n" + "".join(captions))
    (data / "weights").mkdir()
    torch.manual_seed(0)
    torch.save(import_torchvision().models.resnet18().state_dict(), data / "weights/resnet18-f37072fd.pth")
    subprocess.run(["git", "init", "--quiet", "--bare", str(data / "repository.git")], check=True)
    make_new_products(data)


def make_new_products(data):
    """A photograph to look for, products to add, of a supplier too, and a list of one to remove."""
    (data / "new").mkdir()
    for name in ("photo", "new/hat", "new/lamp"):
        Image.new("RGB", (60, 50), (len(name) * 20, 90, 120)).save(data / f"{name}.jpg")
    rows = "hat.jpg,A new hat,hats\nlamp.jpg,A product,home<lamps\n"
    (data / "new.csv").write_text(f"image,name,classes\n{rows}", encoding="utf-8")
    rows = "hat.jpg,A supplier's hat,hats\n"
    (data / "supplier.csv").write_text(f"photo,title,category\n{rows}", encoding="utf-8")
    (data / "gone.txt").write_text("A new hat\n", encoding="utf-8")


def shell(repository, command):
    return repository.run("bash", "-c", command)


def loosen_gate(path):
    """The project's rules are of the whole sample; of a tiny one only that the gate runs can be asked."""
    with edit_yaml(path) as content:
        for rule in content["rules"]:
            rule["tolerance"] = 1
            rule.pop("floor", None)
            rule.pop("ceiling", None)


def make_tiny(repository):
    repository.set_params(SMALL)
    repository.set_params(TINY)


def smaller(step):
    step = SMALLER.get(step, step)
    if step.startswith("dvc exp run") and not re.search(WHOLE, step):
        step += " " + next((stage for setting, stage in CHANGED.items() if setting in step), "evaluate")
    return step


def wait_for_queue(repository):
    """Its workers run beside; what follows on the page is about their results."""
    wait_until(lambda: not re.search(r"Running|Queued", repository.dvc("queue", "status")), "the queue ends")
    assert "Failed" not in repository.dvc("queue", "status")


def run_step(repository, step):
    data = repository.root.parent / "data"
    if step.startswith("--- "):
        (data / "changes.diff").write_text(step, encoding="utf-8")
        repository.git("apply", str(data / "changes.diff"))
    elif step.startswith("make "):
        shell(repository, step.replace("make ", "make --dry-run ", 1))
    elif step.startswith("export "):  # of every step after it
        name, _, value = step.removeprefix("export ").partition("=")
        repository.environment[name] = shell(repository, f"printf %s {value}").stdout
    elif step.startswith(SERVE):
        repository.server.start(step)
    elif step.startswith("curl "):
        asked = step.replace("curl ", "curl --silent --show-error --fail-with-body ", 1).replace("/data/", f"{data}/")
        shell(repository, asked.replace("localhost:8000", f"localhost:{repository.server.port}"))
    elif not step.startswith("source "):  # of .venv: the environment is there
        shell(repository, smaller(step).replace("/data/", f"{data}/"))
        if "preset" in step or "--apply" in step:  # these make the pipeline large again
            make_tiny(repository)
        if "--apply" in step:  # what is imported has seven products
            repository.set_params({"catalogue": {"split": {"by": "balance"}}})
        if "queue start" in step:
            wait_for_queue(repository)


class Server:
    """A server that a page starts, on a port of its own; what the page asks next is asked of it."""

    def __init__(self, repository):
        self.repository, self.process, self.port = repository, None, None

    def start(self, step):
        self.stop()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = ["bash", "-c", f"exec {step} --port {self.port}"]
        self.process = subprocess.Popen(command, cwd=self.repository.root, env=self.repository.environment)
        wait_until(self.is_ready, f"{step}: it is ready")

    def is_ready(self):
        assert self.process.poll() is None
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/ready") as answer:
            return answer.status == 200
        return False

    def stop(self):
        """End it as a person does, and hold it to that."""
        if self.process is not None:
            self.process.terminate()
            code, self.process = self.process.wait(60), None
            assert code == 0


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if list(steps(page))], ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page, repository):
    repository.server = Server(repository)
    try:
        for step in steps(page):
            if step not in RAN:
                run_step(repository, step)
            RAN.update(ONCE & {step})
    finally:
        repository.server.stop()
    if page.name == "extending.md":
        check_extended(repository)


def check_extended(repository):
    """All the changes of the page together satisfy the linter, the types and their tests, and have been at work."""
    if (ROOT / ".mypy_cache").is_dir():  # what mypy knows of all that has not changed
        shutil.copytree(ROOT / ".mypy_cache", repository.root / ".mypy_cache")
    for tool in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy", "huse")):
        repository.run(sys.executable, "-m", *tool)
    tests = ["tests/model/test_methods.py", "tests/evaluation/test_chance.py", "tests/evaluation/test_retrieval.py"]
    repository.run(sys.executable, "-m", "pytest", *tests)
    assert json.loads((repository.root / paths.BACKBONE / "1/config.json").read_text())["backbone"] == "patches"
    assert json.loads((repository.root / paths.TOWERS_CONFIG).read_text())["params"]["method"] == "squared_gap"
    found = json.loads((repository.root / paths.EVALUATE_METRICS).read_text())["retrieval"]["mean"]
    assert found["reciprocal_rank"] > found["chance"]["reciprocal_rank"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "docs/search.md"])
def test_the_python_of_a_page_runs_on_what_the_pipeline_made(repository, name):
    shutil.copy(repository.root / "data/sample/images/00000_1.jpg", repository.root / "photo.jpg")
    code = next(text for _, text in code_blocks(ROOT / name) if "import huse\n" in text)
    repository.run(sys.executable, "-c", textwrap.dedent(code))


@pytest.mark.slow
def test_the_changes_of_the_page_on_extending_apply_and_its_encoder_works(tmp_path):
    for name in ("huse", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for step in steps(ROOT / "docs/extending.md"):
        if step.startswith("--- "):
            subprocess.run(["git", "apply", "-"], input=step, text=True, cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/encoders/test_hashed.py"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_within_sentences_exist(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    known = {"huse": cli.COMMANDS, "make": targets}
    for program, name in re.findall(r"`(huse|make) ([a-z][^`\s]*)[^`\n]*`", page.read_text(encoding="utf-8")):
        assert name in known[program], f"{page.name}: {program} {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.is_file(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    made = set(re.findall(r"^\+\+\+ b/(\S+)$", text, re.MULTILINE))  # by a change that the page shows
    for path in re.findall(r"`((?:huse|stages|tests|sample|benchmarks|\.github|\.ci)/[\w./]*)`", text):
        assert (ROOT / path).exists() or path in made, f"{page.name}: {path}"
