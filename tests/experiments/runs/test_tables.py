import json

import pytest
from rich.console import Console

from huse.evaluation.unseen import METRICS as UNSEEN
from huse.experiments.runs.groups import differences, group_runs
from huse.experiments.runs.tables import as_json, as_markdown, obstacles, terminal_tables
from tests.experiments.runs.made import recorded


@pytest.fixture
def compared():
    runs = [
        recorded("a", [0, 0, 0, 0], train_seed=1),
        recorded("b", [0, 0, 0, 1], train_seed=2),
        recorded("c", [1, 1, 1, 1], beta=1),
        recorded("d", [1, 1, 1, 0], beta=2, split="two"),
    ]
    groups = group_runs(runs)
    return differences(groups, groups[0], seed=0)


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|:")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_markdown_by_hand(compared):
    text = as_markdown(compared, "test")
    table = rows(text)
    assert table[0] == ["", "runs", "image", "mAP"]
    assert table[1] == ["beta 10", "2", "12.5 ± 17.7", "**100.0** ± 0.0"]
    assert table[2] == ["beta 1", "1", "**100.0**", "**100.0**"]
    assert table[3] == ["beta 2", "1", "75.0", "**100.0**"]
    assert table[4][0:2] == ["", "image"]
    assert table[5][0] == "beta 1"
    assert table[5][1].startswith("**+87.5** (")
    assert "- beta 2: no intervals, measured on other products" in text
    assert ["beta 10", "a, b"] in table
    assert ["`train.beta`", "10", "1", "2"] in table


def test_json_has_all_of_it(compared):
    content = json.loads(json.dumps(as_json(compared, "test")))
    first, second, third = content["groups"]
    assert first["baseline"]
    assert not second["baseline"]
    assert first["runs"] == ["a", "b"]
    assert first["metrics"]["classification.image.accuracy"]["values"] == [0, 0.25]
    assert second["difference_to_baseline"]["classification.image.accuracy"]["mean"] == 0.875
    assert third["difference_to_baseline"] == {}
    assert content["obstacles"] == obstacles(compared)
    (obstacle,) = content["obstacles"]
    assert obstacle.startswith("beta 2: no intervals, measured on other products")


def test_the_terminal_shows_the_same(compared):
    console = Console(width=80, record=True, file=None)
    with console.capture() as capture:
        for table in terminal_tables(compared):
            console.print(table)
    shown = capture.get()
    assert "12.5 ± 17.7" in shown
    assert "+87.5 (" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_one_group_has_no_differences():
    groups = group_runs([recorded("a", [1, 0])])
    assert len(terminal_tables(groups)) == 1
    page = as_markdown(groups, "test")
    assert "Differences" not in page
    assert rows(page)[1] == ["a", "1", "50.0", "100.0"]


def test_unseen_classes_have_a_table_with_chance_where_there_are_any():
    runs = [recorded("a", [1], label="HUSE"), recorded("b", [1], label="HUSE without graph")]
    assert "held out" not in as_markdown(group_runs(runs), "test")
    for run, value in zip(runs, (0.31, 0.22), strict=True):
        for name in UNSEEN:
            run.metrics[f"unseen.mean.{name}"] = value
            run.metrics[f"unseen.mean.chance.{name}"] = 0.07
    page = as_markdown(group_runs(runs), "test")
    table = rows(page[page.index("held out") :])
    assert table[0] == ["", "runs", "sibling@1", "sibling@5", "sibling@10", "AHP", "R@1", "mAP"]
    assert table[1] == ["HUSE", "1", *["**31.0**"] * 6]
    assert table[2] == ["HUSE without graph", "1", *["22.0"] * 6]
    assert table[3] == ["chance", "", *["7.0"] * 6]


def test_a_page_has_every_direction_and_probabilities_where_runs_have_them():
    run = recorded("a", [1])
    run.metrics["retrieval.image_to_text.hp_at_5"] = 0.25
    run.metrics["retrieval_by_probabilities.mean.map"] = 0.5
    page = as_markdown(group_runs([run]), "test")
    assert rows(page[page.index("### By embeddings, image → text") :])[:2] == [
        ["", "runs", "HP@5"],
        ["a", "1", "25.0"],
    ]
    assert rows(page[page.index("### Retrieval by class prob") :])[:2] == [["", "runs", "mAP"], ["a", "1", "50.0"]]
    assert page.count("### By embeddings") == 1
    (group,) = as_json(group_runs([run]), "test")["groups"]
    assert group["metrics"]["retrieval.image_to_text.hp_at_5"]["mean"] == 0.25
