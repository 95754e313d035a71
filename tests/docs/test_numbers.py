"""Numbers of the sample that the pages print, held to the metrics that stand beside them in Git."""

import json
import subprocess

import pytest

from huse.run import paths
from tests.commands.conftest import huse
from tests.conftest import ROOT

HOW = "`make repro` gave other metrics: write them into the page, or take metrics/ and dvc.lock back"


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    """The metrics as they are in Git; those of a run on this machine may differ, and the pages need not follow."""
    monkeypatch.chdir(ROOT)
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "metrics"], check=False).returncode:
        pytest.skip("metrics/ is not as in Git")


def test_the_table_of_the_readme_is_what_the_command_shows():
    shown = huse("metrics").stdout.replace("after `dvc repro`\n", "a page for any browser\n")  # Git has no report
    shown = "".join(f"    {line}\n" for line in shown.splitlines())
    assert shown in (ROOT / "README.md").read_text(encoding="utf-8"), HOW


def test_what_the_page_on_metrics_says_of_the_sample():
    metrics = json.loads((ROOT / paths.EVALUATE_METRICS).read_text(encoding="utf-8"))
    page = " ".join((ROOT / "docs/evaluation.md").read_text(encoding="utf-8").split())
    answers = metrics["hedging"]["text"]["precision_95"]
    parts = ("class", "level_2", "level_1", "none")
    shares = "{:.0%} of the items get a class, {:.0%} a second level, {:.0%} a first level and {:.0%} no answer"
    for sentence in (
        f"by names alone, {metrics['classification']['text']['accuracy']:.3f} of the classes are right",
        shares.format(*(answers[part] for part in parts)).replace("%", " %"),
        f"{answers['accuracy']:.3f} of the answers are right",
        f"Recall@1 of text → text is {metrics['retrieval']['text_to_text']['recall_at_1']:.3f} per picture and "
        f"{metrics['product']['retrieval']['text_to_text']['recall_at_1']:.3f} per product",
    ):
        assert sentence in page, HOW
