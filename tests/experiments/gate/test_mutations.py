"""Faults that ruin such a model without an error, each put into a copy of the code: the gate or a test must see it."""

import json
import shutil
import sys

import pytest

from huse.run import paths
from tests.conftest import ROOT
from tests.repository import Repository

pytestmark = pytest.mark.slow

# As the project's own rules, with room for the small sample; without floors, which are of the whole one.
RULES = """rules:
  - {metric: evaluate.classification.fusion.accuracy, better: higher, tolerance: 0.1}
  - {metric: evaluate.retrieval.mean.recall_at_1, better: higher, tolerance: 0.1}
  - {metric: evaluate.retrieval.mean.ahp, better: higher, tolerance: 0.1}
  - {metric: evaluate.space.semantic_order.both.adjacency, better: higher, tolerance: 0.1}
  - {metric: evaluate.space.gap.mean_distance, better: lower, tolerance: 0.05}
"""


# A file, text that stands there once, what takes its place, and the test of the project that fails on it.
MUTATIONS = {
    "the gap with its sign turned": (
        "huse/model/methods.py",
        '"graph": (losses.beta, graph),\n        "gap": (losses.gamma, ',
        '"graph": (losses.beta, graph),\n        "gap": (-losses.gamma, ',
        "tests/model/test_methods.py::test_a_method_has_its_terms_and_their_weights",
    ),
    "the graph loss detached": (
        "huse/model/losses/graph.py",
        "return gradient.mul_(-2 * upstream[0]), ",
        "return gradient.mul_(0), ",
        "tests/model/losses/test_graph.py::test_value_and_gradient_equal_the_double_loop",
    ),
    "labels shifted by one": (
        "huse/training/data.py",
        "products=torch.tensor(products),",
        "products=torch.tensor(products).roll(1),",
        "tests/training/test_data.py",
    ),
    "the test split learned from": (
        "huse/training/data.py",
        'np.flatnonzero(split == "train")',
        'np.flatnonzero(split != "validation")',
        "tests/training/test_data.py",
    ),
    "products torn between the splits": (
        "huse/catalogue/splitting.py",
        "    return pd.factorize(component[left])[0]\n",
        "    return np.arange(len(left))\n",
        "tests/catalogue/test_splitting.py",
    ),
}
# What the gate says of those that the pipeline shows.
SEEN = {
    "the gap with its sign turned": "evaluate.space.gap.mean_distance: worse by",
    "labels shifted by one": "evaluate.classification.fusion.accuracy: worse by",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A repository in which the pipeline has run and is committed."""
    folder = tmp_path_factory.mktemp("mutations")
    repository = Repository.create(folder / "repository", folder / "site")
    (repository.root / paths.GATE).write_text(RULES)
    repository.repro("evaluate")
    repository.commit()
    return repository


@pytest.fixture
def repository(base):
    """The same repository, put back afterwards."""
    yield base
    base.git("checkout", "--quiet", "--", ".")


def mutate(root, name):
    file, old, new, _ = MUTATIONS[name]
    text = (root / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new), encoding="utf-8")


def gate(repository):
    return repository.run(sys.executable, "-m", "huse", "gate", "--base", "HEAD", check=False)


def test_unmutated_code_learns(base):
    metrics = json.loads((base.root / paths.EVALUATE_METRICS).read_text())
    assert metrics["classification"]["fusion"]["accuracy"] > metrics["classification"]["chance"]["accuracy"]
    for direction in ("image_to_image", "image_to_text", "text_to_image", "text_to_text"):
        values = metrics["retrieval"][direction]
        assert values["recall_at_10"] > values["chance"]["recall_at_10"]


def test_unmutated_code_passes(repository):
    assert repository.repro("--force", "--single-item", "train") == ["train"]
    repository.repro("evaluate")
    result = gate(repository)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", SEEN)
def test_the_gate_sees_the_fault(repository, name):
    mutate(repository.root, name)
    repository.repro("evaluate")
    result = gate(repository)
    assert result.returncode == 1, result.stdout
    assert SEEN[name] in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_test_sees_the_fault(name, tmp_path):
    shutil.copytree(ROOT / "huse", tmp_path / "huse")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    repository = Repository(tmp_path, tmp_path / "site")
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", MUTATIONS[name][-1])
    assert repository.run(*command, check=False).returncode == 0
    mutate(tmp_path, name)
    result = repository.run(*command, check=False)
    assert result.returncode == 1, result.stdout
    assert "AssertionError" in result.stdout or "assert " in result.stdout
