"""The commands that show what the last run found, on the metrics that Git has."""

import json
import shutil

import pytest

from huse.run import paths
from tests.commands.conftest import error, huse, write
from tests.conftest import ROOT


@pytest.fixture
def change(workplace):
    """A function that changes the content of one of the metrics files."""
    shutil.copytree(ROOT / "metrics", "metrics", ignore=shutil.ignore_patterns("live", "*.html"))

    def change(path, how):
        content = json.loads(path.read_text(encoding="utf-8"))
        how(content)
        write(path, content)

    return change


def test_metrics_of_another_run_than_the_catalogue_are_refused(change):
    assert huse("metrics").exit_code == 0
    change(paths.CATALOGUE_METRICS, lambda content: content["pictures"].update(test=8))
    assert "test items, and the catalogue has 8 now: they are of another run. Run `dvc repro`" in error("metrics")


def test_how_many_items_have_a_picture_or_a_name_is_shown_where_not_all_have_both(change):
    assert "items" not in huse("metrics").stdout.split("Retrieval")[0]
    change(paths.EVALUATE_METRICS, lambda content: content["classification"]["text"].update(items=10))
    lines = map(str.split, huse("metrics").stdout.split("Retrieval")[0].splitlines())
    rows = {line[1]: line for line in lines if len(line) > 2}
    total = str(json.loads(paths.EVALUATE_METRICS.read_text(encoding="utf-8"))["items"])
    assert (rows["text"][-2], rows["image"][-2], rows["fusion"][-2]) == ("10", total, total)


@pytest.mark.parametrize(("without", "coverage", "shown"), [(0.0, 0.0, "–"), (1.0, 0.0, "0.0%"), (0.25, 0.5, "75.0%")])
def test_no_share_of_no_names_is_shown(change, without, coverage, shown):
    def how(content):
        content |= {"names_without": without, "coverage": {"running": coverage, "distinct": coverage, "labels": 1.0}}
        write(paths.WORD_VECTOR_METRICS, content)

    change(paths.WORD_VECTOR_METRICS, how)
    (line,) = (line for line in huse("words").stdout.splitlines() if "any word at all" in line)
    assert line.split()[-2] == shown
