"""The commands that show what the last run found, on the metrics that Git has."""

import json
import shutil

import numpy as np
import pytest

from huse.run import paths
from huse.run.params.editing import set_values
from tests.commands.conftest import error, huse, write
from tests.conftest import ROOT

PICTURES = {"train": 7, "validation": 2, "test": 9, "rejected": 1}
CATALOGUE = {"pictures": PICTURES, "products": 11, "classes": 3}


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


def test_metrics_of_another_version_are_named(workplace):
    write(paths.EVALUATE_METRICS, {"classification": {"image": {"accuracy": 0.5}}, "retrieval": {}})
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    assert "expected the metric 'top_5', found none: another version wrote the file" in error("metrics")


def test_metrics_shows_the_figures_their_intervals_and_chance(workplace):
    metrics = {"recall_at_1": 0.111, "recall_at_5": 0.222, "recall_at_10": 0.333, "map": 0.444, "ahp": 0.555}
    directions = ("image_to_image", "image_to_text", "text_to_image", "text_to_text", "mean")
    retrieval = {direction: {**metrics, "chance": dict.fromkeys(metrics, 0.066)} for direction in directions}
    retrieval["text_to_text"] = {"dropped_queries": 9}
    names = ("image", "text", "average", "log_linear", "fusion")
    classification = {
        name: {"accuracy": 0.5 + place / 100, "top_5": 0.9, "macro_f1": 0.4} for place, name in enumerate(names)
    }
    classification["chance"] = {"accuracy": 0.04}
    intervals = {"classification": {"image": {"accuracy": {"low": 0.456, "high": 0.567}}}}
    values = {"classification": classification, "retrieval": retrieval, "intervals": intervals}
    write(paths.EVALUATE_METRICS, values)
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    shown = huse("metrics").stdout
    assert max(map(len, shown.splitlines())) <= 80
    for text in ("0.500", "0.510", "0.520", "0.530", "0.456 – 0.567", "11 products in 3 classes", "1 rejected"):
        assert text in shown
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    cells = {name: of for name, *of in rows}
    assert cells["image → text"] == cells["mean"] == [f"{value:.3f}" for value in metrics.values()]
    assert cells["text → text"] == ["–"] * 5
    assert cells["chance"] == ["0.066"] * 5
    assert cells["text"][1] == "–"  # without an interval
    assert "held out" not in shown
    assert "report         metrics/report.html, after `dvc repro`" in shown
    write(paths.REPORT, "")
    assert "report         metrics/report.html, a page for any browser" in huse("metrics").stdout
    write(paths.CATALOGUE_METRICS, CATALOGUE | {"pictures": PICTURES | {"unseen": 40}, "unseen_classes": 2})
    assert "held out: 40 pictures of 2 classes" in huse("metrics").stdout
    write(paths.CATALOGUE_METRICS, CATALOGUE | {"pictures": PICTURES | {"unseen": 40}, "unseen_classes": 1})
    assert "held out: 40 pictures of 1 class, never" in huse("metrics").stdout
    write(paths.CATALOGUE_METRICS, CATALOGUE | {"with_name_only": 4})
    assert "items: 7 train, 2 validation, 9 test, 1 rejected" in huse("metrics").stdout


def test_metrics_per_product_stand_beside_those_one_by_one(workplace):
    kinds = ("text", "average", "log_linear", "fusion")
    names = {key: {"accuracy": 0.5, "top_5": 0.9, "macro_f1": 0.4} for key in kinds}
    product = {
        "products": 1203,
        "of_several_items": 11,
        "classification": {key: {"accuracy": 0.6 + place / 100} for place, key in enumerate(kinds)},
        "retrieval": {"mean": {"map": 0.777}},
    }
    values = {"classification": {**names, "chance": {"accuracy": 0.04}}, "retrieval": {"mean": {"map": 0.444}}}
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    write(paths.EVALUATE_METRICS, values)
    assert "Per product" not in huse("metrics").stdout
    write(paths.EVALUATE_METRICS, {**values, "product": product})
    shown = huse("metrics").stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert rows[-3:] == [
        ["accuracy by text", "0.500", "0.600"],
        ["accuracy by fusion", "0.500", "0.630"],
        ["mAP, mean", "0.444", "0.777"],
    ]
    assert "1,203 products, 11 of several rows" in " ".join(shown.split())


def test_metrics_shows_the_baselines_beside_ours(workplace):
    names = {
        key: {"accuracy": 0.5, "top_5": 0.9, "macro_f1": 0.4} for key in ("text", "average", "log_linear", "fusion")
    }
    values = {
        "classification": {**names, "chance": {"accuracy": 0.04}},
        "retrieval": {"mean": {"map": 0.444}},
        "baselines": {
            "beside": {
                "classification.text.accuracy": {
                    "ours": 0.501, "baseline": 0.612,
                    "difference": -0.111, "low": -0.222, "high": -0.033,
                },
                "retrieval.mean.map": {
                    "ours": 0.444, "baseline": 0.333, "difference": 0.111,
                },
            },
            "rows": [
                {"metric": "classification.text.accuracy", "name": "names: accuracy", "by": "a regression"},
                {"metric": "retrieval.mean.map", "name": "retrieval: mAP", "by": "another"},
            ],
            "remarks": ["behind a baseline, names: try harder [really]"],
        },
    }  # fmt: skip
    write(paths.EVALUATE_METRICS, values)
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    shown = huse("metrics").stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert ["names: accuracy", "0.501", "0.612", "-0.111 (-0.222, -0.033)"] in rows
    assert ["retrieval: mAP", "0.444", "0.333", "+0.111"] in rows
    assert "a regression; another" in shown
    assert "behind a baseline, names: try harder [really]" in shown


def test_metrics_shows_answers_that_stop_above_the_class(workplace):
    names = {
        key: {"accuracy": 0.5, "top_5": 0.9, "macro_f1": 0.4} for key in ("text", "average", "log_linear", "fusion")
    }
    answers = {"class": 0.25, "level_1": 0.125, "level_2": 0.5, "none": 0.1, "accuracy": 0.875, "mean_depth": 2.0}
    nothing = {"class": 0.0, "level_1": 0.0, "level_2": 0.0, "none": 1.0, "mean_depth": 0.0}
    values = {
        "classification": {**names, "chance": {"accuracy": 0.04}},
        "retrieval": {"mean": {"map": 0.444}},
        "hedging": {"text": {}, "fusion": {"precision_95": answers, "precision_99": nothing}},
    }
    write(paths.EVALUATE_METRICS, values)
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    shown = huse("metrics").stdout
    assert "class ┃ level 2 ┃ level 1 ┃ nothing ┃ right" in shown
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert ["0.95", "0.250", "0.500", "0.125", "0.100", "0.875"] in rows
    assert ["0.99", "0.000", "0.000", "0.000", "1.000", "–"] in rows


def test_levels_of_a_deep_tree_share_a_column(workplace):
    names = {
        key: {"accuracy": 0.5, "top_5": 0.9, "macro_f1": 0.4} for key in ("text", "average", "log_linear", "fusion")
    }
    levels = {f"level_{level}": level / 100 for level in range(1, 8)}
    answers = {"class": 0.25, **levels, "none": 0.1, "accuracy": 0.875, "mean_depth": 2.0}
    values = {
        "classification": {**names, "chance": {"accuracy": 0.04}},
        "retrieval": {"mean": {"map": 0.444}},
        "hedging": {"fusion": {"precision_95": answers}},
    }
    write(paths.EVALUATE_METRICS, values)
    write(paths.CATALOGUE_METRICS, CATALOGUE)
    shown = huse("metrics").stdout
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 80
    assert "class ┃ level 4+ ┃ level 3 ┃ level 2 ┃ level 1 ┃ nothing ┃ right" in shown
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert ["0.95", "0.250", "0.220", "0.030", "0.020", "0.010", "0.100", "0.875"] in rows


def test_metrics_of_a_catalogue_without_pictures(workplace):
    names = {
        key: {"accuracy": 0.5, "top_5": 0.9, "macro_f1": 0.4} for key in ("text", "average", "log_linear", "fusion")
    }
    retrieval = {"text_to_text": {"map": 0.444, "chance": {"map": 0.066}}, "mean": {"map": 0.444}}
    write(
        paths.EVALUATE_METRICS,
        {"classification": {**names, "chance": {"accuracy": 0.04}}, "retrieval": retrieval},
    )
    write(paths.CATALOGUE_METRICS, CATALOGUE | {"with_name_only": 18})
    shown = huse("metrics").stdout
    assert "with name only: 18" in shown
    assert "names: 7 train, 2 validation, 9 test, 1 rejected" in shown
    assert "pictures" not in shown
    assert "│ text " in shown
    assert "│ image " not in shown


def test_words_shows_coverage_and_what_is_missing(workplace):
    values = {
        "coverage": {"running": 0.8765, "distinct": 0.5, "labels": 1.0},
        "names_without": 0.01,
        "names_emptied": 1012,
        "found_by": {"as_written": 1234, "lower": 5},
        "most_frequent_missing": {"kurta": 17, "puma": 3},
        "missing_label_words": [],
    }
    write(paths.WORD_VECTOR_METRICS, values)
    shown = huse("words").stdout
    told = ("87.6%", "50.0%", "99.0%", "1,012 names: cleaning")
    for text in (*told, "as written 1,234, lower 5", "kurta 17, puma 3", "of labels   none"):
        assert text in shown


def test_labels_shows_both_ends_of_the_graph(workplace):
    assert error("labels") == "metrics/labels.json: not found. Run `dvc repro` to make it."
    write(paths.LABEL_METRICS, {"encoder": "tree", "tree_spearman": None})
    assert error("labels") == "data/labels/pairs.csv: not found. Run `dvc repro` to make it."
    rows = ["nearest,0.1,2,NA,[kids]<c", "nearest,0.2,4,a<b,d", "farthest,0.9,6,a<c,e"]
    write(paths.LABEL_PAIRS, "\n".join(["end,distance,hops,first,second", *rows]))
    shown = huse("labels", "--count", "1").stdout
    for text in ("0.1000", "NA", "[kids]<c", "0.9000", "no metric", "report.html"):
        assert text in shown
    assert "0.2000" not in shown


def test_labels_shows_the_neighbours_of_a_class(workplace):
    write(paths.LABEL_METRICS, {"encoder": "tree", "tree_spearman": None})
    classes = ["bags", "shoes<boots", "shoes<flats"]
    write(paths.LABELS, {"labels": classes, "classes": classes, "class_labels": [[0], [1], [2]]})
    np.save(paths.ADJACENCY, np.array([[0, 0.75, 0.5], [0.75, 0, 0.125], [0.5, 0.125, 0]], np.float32))
    shown = huse("labels", "--of", "Boots").stdout
    assert "shoes<flats 0.125, bags 0.750" in shown
    assert "0.500" not in shown
    assert "training takes" not in shown
    set_values(paths.PARAMS, {"train": {"graph": {"distances": "tree"}}})
    assert "training takes" not in huse("labels", "--of", "Boots").stdout  # these are of the tree too
    write(paths.LABEL_METRICS, {"encoder": "infersent (random, seed 13)", "tree_spearman": None})
    said = "training takes the steps of the class tree (train.graph.distances: tree), not these distances"
    assert huse("labels", "--of", "Boots").stdout.startswith(said)
    expected = "data/labels/labels.json: expected a class whose path has 'hats', found none of 3."
    assert error("labels", "--of", "hats") == expected
