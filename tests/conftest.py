"""Fixtures that more than one test file uses."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from huse.run.place import Run
from tests import faults
from tests.faults import tally  # noqa: F401  a fixture
from tests.repository import ROOT, TINY, Repository
from tests.stores import s3, s3_server, store  # noqa: F401  fixtures, known everywhere by this

SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items):
    """Start with a file that needs the tiny pipeline, then with the files that have most slow tests.

    Other quick files that need it come last, when it is made: else a worker would wait for it.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    tiny = dict.fromkeys(
        item.path for item in items if "tiny_pipeline" in item.fixturenames and not item.get_closest_marker("slow")
    )
    first = next(iter(tiny), None)
    items.sort(key=lambda item: (item.path != first, item.path in tiny, -slow[item.path]))


def pytest_terminal_summary(terminalreporter):
    if faults.PAGE:
        faults.write_table(terminalreporter.stats.get("passed", []))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real products and pretrained weights beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED.name}/ with real products and weights does not lie beside the project")
    return SHARED


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory, worker_id):
    """A repository in which a tiny pipeline has run, committed; made once for all workers. Copy it, leave it alone.

    Its stages ran in this process, and DVC took over what they made: that DVC starts them is for the slow tests.
    """
    # Ten seconds of imports, which the process that only hands out the tests does not need.
    from tests.pipeline.in_process import run_all_stages

    workers = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        workers = workers.parent
    folder = workers / "tiny_pipeline"
    with FileLock(workers / "tiny_pipeline.lock"):
        repository = Repository(folder / "repository", folder / "site")
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            repository = Repository.create(folder / "repository", folder / "site")
            repository.set_params(TINY)
            run_all_stages(Run(repository.root))
            repository.dvc("commit", "--force", "--quiet")
            repository.commit()
            (folder / "done").touch()
    return repository


@pytest.fixture
def here(tmp_path) -> Run:
    """A run in a folder of the test's own."""
    return Run(tmp_path)


@pytest.fixture
def unit_rows():
    """Make N × D float32 rows of unit norm from a seed."""

    def make(count, dimension, seed=0):
        rows = np.random.default_rng(seed).normal(size=(count, dimension))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def small_catalogue(tmp_path):
    """A CSV and a picture folder: two classes of ten products of one picture each."""
    folder, csv = tmp_path / "images", tmp_path / "catalogue.csv"
    folder.mkdir()
    lines = ["image,name,classes"]
    for number, path in enumerate(("a<b<c", "a<b<d")):
        for product in range(10):
            image = f"{number}_{product}.png"
            Image.new("RGB", (8, 8), (number * 40, product * 20, 7)).save(folder / image)
            lines.append(f"{image},thing {number} {product},{path}")
    csv.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return csv, folder
