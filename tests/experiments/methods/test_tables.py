import numpy as np
import pytest

from huse.evaluation.results import DIRECTIONS
from huse.evaluation.unseen import FIGURES as UNSEEN
from huse.experiments.methods.entries import Entry
from huse.experiments.methods.measuring import FUSION, KINDS, PER_QUERY, RETRIEVAL, Measured
from huse.experiments.methods.running import Outcome
from huse.experiments.methods.tables import as_json, as_markdown, difference, differences, mean_and_deviation

GROUPS = np.arange(200) // 2


def outcome(name, values, seeds=2, **entry):
    """Every figure of every product is one of `values`, a little higher with each seed."""
    runs = []
    for seed in range(seeds):
        own = np.asarray(values, np.float32) + 0.01 * seed
        names = [FUSION, *(f"{kind}.{figure}" for kind in KINDS for figure in PER_QUERY)]
        figures = {f"{modality}_accuracy": float(own.mean()) for modality in ("image", "text", "fusion")}
        for kind in KINDS:
            for way in ("mean", *DIRECTIONS):
                figures |= {f"{kind}.{way}.{figure}": float(own.mean()) for figure in RETRIEVAL}
        runs.append(Measured(figures, dict.fromkeys(names, own)))
    grid = ({"beta": 1}, {"beta": 2})
    return Outcome(Entry(name, {"method": "huse"}, grid, **entry), grid[1], [0.5, 0.6], runs)


def test_means_and_deviations_by_hand():
    mean, deviation = mean_and_deviation(outcome("HUSE", np.zeros(4), seeds=3), FUSION)
    assert mean == pytest.approx(0.01)
    assert deviation == pytest.approx(0.01)
    assert mean_and_deviation(outcome("HUSE", np.zeros(4), seeds=1), FUSION)[1] == 0


def test_an_interval_covers_the_mean_and_shrinks_with_pairing():
    random = np.random.default_rng(0)
    hard = random.random(200)
    one, other = outcome("X", hard + 0.05 + 0.01 * random.normal(size=200)), outcome("HUSE", hard)
    found = difference(one, other, FUSION, GROUPS, seed=0)
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(0.05, abs=0.005)
    assert found.high - found.low < 0.01  # the products themselves differ by far more


def test_products_of_a_name_are_drawn_together():
    random = np.random.default_rng(0)
    halves = random.normal(size=100)
    pairs = outcome("X", np.repeat(halves, 2))
    other = outcome("HUSE", np.zeros(200))
    together = difference(pairs, other, FUSION, GROUPS, seed=0)
    apart = difference(pairs, other, FUSION, np.arange(200), seed=0)
    assert together.high - together.low > 1.25 * (apart.high - apart.low)
    assert together.high - together.low == pytest.approx(2 * 1.96 * halves.std() / 10, rel=0.15)


def test_queries_without_a_candidate_are_left_out():
    values = np.full(200, np.nan)
    values[:50] = np.linspace(0, 1, 50)
    found = difference(outcome("X", values), outcome("HUSE", np.zeros(200)), FUSION, GROUPS, seed=0)
    assert found.mean == pytest.approx(0.5)


def test_equal_results_differ_by_nothing():
    same = outcome("X", np.ones(200)), outcome("HUSE", np.ones(200))
    assert vars(difference(*same, FUSION, GROUPS, seed=0)) == {"mean": 0, "low": 0, "high": 0}


def test_unseen_classes_have_a_table_with_chance_where_there_are_any():
    one, other = outcome("HUSE", np.full(200, 0.5)), outcome("HUSE without graph", np.full(200, 0.4))
    assert "held out" not in as_markdown([one, other], {})
    for found, value in ((one, 0.31), (other, 0.22)):
        for run in found.runs:
            for name in UNSEEN:
                run.figures[f"unseen.mean.{name}"] = value
                run.figures[f"unseen.mean.chance.{name}"] = 0.07
    page = as_markdown([one, other], {})
    lines = page[page.index("held out") :].splitlines()
    columns = next(line for line in lines if line.startswith("| method"))
    assert columns.replace(" ", "") == "|method|sibling@1|sibling@5|sibling@10|AHP|R@1|mAP|"
    rows = [line for line in lines if line.startswith("|")][2:5]
    assert [row.split("|")[1].strip() for row in rows] == ["HUSE", "HUSE without graph", "chance"]
    assert "**31.0** ± 0.0" in rows[0]
    assert "22.0 ± 0.0" in rows[1]
    assert rows[2].count("7.0") == 6
    assert all(row.count("|") == columns.count("|") for row in rows)


def test_without_the_baseline_there_is_nothing_to_compare_with():
    assert differences([outcome("X", np.ones(200))], GROUPS, seed=0) == {}


def test_the_page_marks_the_highest_and_what_is_surely_better():
    random = np.random.default_rng(0)
    better = outcome("Better", 0.6 + 0.01 * random.normal(size=200), tree=True)
    outcomes = [outcome("HUSE", np.full(200, 0.5)), better]
    compared = differences(outcomes, GROUPS, seed=0)
    page = as_markdown(outcomes, compared)
    lines = [line for line in page.splitlines() if line.startswith("| Better *")]
    assert "**60." in lines[0]
    assert any("**+10.0 [" in line or "**+9.9 [" in line for line in lines)
    assert "beta 1: 50.0; beta 2: 60.0" in page
    content = as_json(outcomes, compared)
    assert content["HUSE"]["difference_to_baseline"] == {}
    assert content["Better"]["setting"] == {"method": "huse", "beta": 2}
    assert content["Better"]["tried"][1] == {"setting": {"beta": 2}, "validation": 0.6}
