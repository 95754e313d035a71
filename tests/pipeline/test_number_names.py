"""Classes and names that look like numbers, truth values, dates or nothing, through every stage and command: text."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import huse
from huse.run import paths
from huse.run.artifacts import read_text_table
from tests.commands.conftest import huse as command
from tests.pipeline.in_process import ALL, write_params
from tests.repository import SMALL

NUMBERS = ["007", "10", "1e5", "2280"]
OTHERS = ["1_000", "10<007", "2024-01-31", "False", "NA<nan", "null", "~"]
CHANGES = {
    "catalogue": {"csv": "catalogue.csv", "images": "images"},
    "machine": {"device": "cpu", "workers": 0},
    "preprocess_text": {"digits": "keep"},
    "backbone": {"network": "squeezenet1_1", "size": 32},
    "finetune_backbone": {"epochs": 0},
    "label_graph": {"encoder": "word_vectors"},
    "train": {"batch_size": 16, "steps": 2, "validate_every": 1},
    "evaluate": {"resamples": 5},
}


@pytest.fixture(params=[NUMBERS, OTHERS], ids=["numbers", "others"])
def made(here, monkeypatch, request):
    """A folder in which all stages have run on seven products of each class, numbered and called as it is."""
    (here / "images").mkdir()
    random, rows = np.random.default_rng(0), []
    for path in request.param:
        for number in range(7):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(here / f"images/{len(rows)}.png")
            rows.append((f"{len(rows)}.png", f"{path} {number}", path))
    lines = [",".join(row) for row in [("image", "name", "classes"), *rows]]
    (here / "catalogue.csv").write_text("\n".join(lines), encoding="utf-8")
    write_params(here.root, SMALL, CHANGES)
    for name, stage in ALL.items():
        if name != "sample_catalogue":
            stage.main(here)
    monkeypatch.chdir(here.root)
    (here / paths.MAP).touch()
    return rows


def test_names_and_classes_that_look_like_numbers_are_text_to_the_last_page(here, made):
    classes = sorted({path for *_, path in made})
    products = pd.read_parquet(here / paths.PRODUCTS)
    assert products[["image", "name", "classes"]].to_numpy().tolist() == [list(row) for row in made]
    for path in (paths.CLASSES, paths.LABELS, paths.MODEL / "config.json"):
        assert json.loads((here / path).read_text())["classes"] == classes, path

    test = products[products["split"] == "test"]
    confusion = read_text_table(here / paths.CONFUSION, [], ["actual", "predicted"])
    assert confusion["actual"].tolist() == test["classes"].tolist()
    assert set(confusion["predicted"]) <= set(classes)
    pairs = read_text_table(here / paths.CONFUSED_PAIRS, ["items", "share"], ["actual", "predicted"])
    wrong = confusion[confusion["actual"] != confusion["predicted"]]
    assert pairs["items"].sum() == len(wrong) > 0
    assert set(pairs["actual"]) == set(wrong["actual"])

    page = (here / paths.REPORT).read_text(encoding="utf-8")
    (first, second) = pairs.loc[0, ["actual", "predicted"]]
    written = (f"<bdi>{path.replace('<', ' › ')}</bdi>" for path in (first, second))
    assert '<tr id="pair-1"><th scope="row">{}</th><td>{}</td>'.format(*written) in page
    shown = command("labels", "--count", "20")
    assert shown.exit_code == 0, shown.exception
    assert set(re.findall(r"\S+", shown.stdout)) >= set(classes)
    assert classes[-1] in command("labels", "--of", classes[0]).stdout
    for other in ("metrics", "words"):
        assert command(other).exit_code == 0

    model = huse.load(here / paths.MODEL)
    found = model.classify(texts=[name for _, name, _ in made])
    assert {one.class_path for each in found for one in each} <= set(classes)
    card = (here / paths.MODEL / "README.md").read_text(encoding="utf-8")
    assert all(f"- `{path}`\n" in card for path in classes)
