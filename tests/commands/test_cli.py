import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from huse import __version__
from huse.commands import cli
from huse.errors import InputError
from huse.run import paths
from huse.run.checkpoints import Checkpoint
from huse.run.params.editing import set_values
from huse.vision.cache import VectorCache
from tests.commands.conftest import error, huse, write
from tests.conftest import ROOT

PICTURES = {"train": 7, "validation": 2, "test": 9, "rejected": 1}
CATALOGUE = {"pictures": PICTURES, "products": 11, "classes": 3}


def test_metrics_before_anything_has_run(workplace, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["huse", "metrics"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: metrics/evaluate.json: not found. Run `dvc repro` to make it.\n"


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


def test_clearing_leaves_what_a_running_training_needs(workplace):
    folder = paths.CACHE / paths.CHECKPOINTS
    with Checkpoint(folder, {"run": 1}, ()) as done:
        done.save({}, {})
    with Checkpoint(folder, {"run": 2}, ()) as running:
        running.save({}, {"step": 5})
        assert "but for the states of 1 running" in huse("cache", "--clear").stdout
        assert not done.path.exists()
        assert running.load() == ({}, {"step": 5})
        with pytest.raises(InputError, match="another process"), Checkpoint(folder, {"run": 2}, ()):
            pass
    huse("cache", "--clear")
    assert not running.path.exists()


def test_a_preset_without_parameters_to_write_to(workplace):
    paths.PARAMS.unlink()
    told = "params.yaml: not found. Run from the repository, or a folder of it."
    assert error("preset", "sample") == told
    write(paths.PARAMS, "a: [")
    assert error("preset", "sample").startswith("params.yaml: ")


def test_the_cache_is_shown_and_cleared(workplace):
    VectorCache(paths.CACHE / paths.VECTOR_CACHE).put({b"key": np.zeros(4, np.float32)})
    (paths.CACHE / paths.WORD_CACHE / "some").mkdir(parents=True)
    (paths.CACHE / paths.WORD_CACHE / "some" / "words.npy").write_bytes(bytes(2_500_000))
    keep = paths.CACHE / "of somebody else"
    keep.write_text("")
    shown = huse("cache").stdout
    assert "2.5" in shown and (paths.CACHE / paths.VECTOR_CACHE).is_file()
    assert "deleted" in huse("cache", "--clear").stdout
    assert not (paths.CACHE / paths.VECTOR_CACHE).exists()
    assert [file for file in paths.CACHE.rglob("*") if file.is_file()] == [keep]
    assert huse("cache", "--clear").exit_code == 0


def test_presets_are_listed_and_applied(workplace):
    lines = huse("preset").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["notebook", "paper", "products", "products-text", "sample"]
    assert lines[1] == "paper          HUSE as printed (arXiv 1911.05978, 4.2), on fixed vectors"
    shown = huse("preset", "paper").stdout
    assert "train.steps: 600 -> 250000" in shown
    assert "has these values already" in huse("preset", "paper").stdout


def test_a_misspelled_command_names_the_right_one(workplace):
    found = huse("serach", "hat")
    assert (found.exit_code, "Did you mean 'search'?" in found.output) == (2, True)
    assert "Did you mean" not in huse("xyzzy").output


def test_the_version_and_a_short_option_for_help(workplace):
    assert huse("--version").stdout == f"{__version__}\n"
    assert huse("-h").stdout == huse("--help").stdout
    assert huse("search", "-h").stdout == huse("search", "--help").stdout


def test_sigterm_leaves_no_half_written_output(tmp_path):
    """A command that is ended while it writes."""
    program = (
        "import sys, time, pathlib; from huse.commands import cli; from huse.run.artifacts import Outputs\n"
        "def app():\n"
        "    with Outputs() as outputs:\n"
        "        outputs.path(pathlib.Path('x.csv')).touch(); print('begun', flush=True); time.sleep(60)\n"
        "cli.app = app; cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"begun\n"
    process.terminate()
    assert b"terminated: all outputs are as before" in process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_help_imports_no_heavy_library():
    code = "import sys; from huse.commands.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "huse.commands.cli" in imported and not imported & {"torch", "gensim", "dvc", "sklearn", "lancedb"}


def test_an_installation_for_a_server_alone_says_what_other_commands_need():
    without = "import sys; sys.modules['psutil'] = None; from huse.commands.cli import main; main()"

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", without, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )

    told = run("--help")
    assert told.returncode == 0, told.stderr
    assert re.search(r"search\W+\(Needs the package psutil", told.stdout)
    assert re.search(r"serve\W+Serve a model", told.stdout)
    refused = run("search", "red dress", "--k", "5")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: huse search needs the package psutil, which is not installed.")
