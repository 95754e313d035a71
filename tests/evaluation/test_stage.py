"""The stage `evaluate` on the artefacts of a few products."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, fingerprint_split
from huse.run.params.editing import set_values
from huse.run.place import Run
from stages.evaluate import main
from tests.conftest import ROOT

CLASSES = ["a<b", "a<c", "d<e"]
WRITTEN = (
    paths.EVALUATE_METRICS,
    paths.VALIDATION_METRICS,
    paths.CONFUSION,
    paths.CONFUSED_PAIRS,
    paths.TEST_ITEMS,
    paths.TEST_QUERIES,
    paths.VALIDATION_ITEMS,
    paths.VALIDATION_QUERIES,
    paths.TEST_PRODUCTS,
    paths.TEST_CLASSES,
    paths.HEDGING,
)


@pytest.fixture
def here(tmp_path, unit_rows):
    """60 pictures of 30 products in three classes, 20 a split; embeddings by chance, image scores mostly right.

    All training products are of one class that the other splits do not have.
    """
    here = Run(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    numbers = np.tile([1, 1, 0, 2, 2, 0], 10)
    products = pd.DataFrame(
        {
            "row": range(60),
            "image": [f"{row}.jpg" for row in range(60)],
            "name": [f"thing {row}" for row in range(60)],
            "classes": [CLASSES[number] for number in numbers],
            "class_index": numbers,
            "split": ["train", "train", "validation", "validation", "test", "test"] * 10,
            "group": np.arange(60) // 12 * 6 + np.arange(60) % 6,
        }
    )
    rows = fingerprint_products(products)
    image = np.eye(3)[numbers] + 2 * np.random.default_rng(0).random((60, 3))
    scores = image / image.sum(axis=1, keepdims=True), np.full((60, 3), 1 / 3)
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
        for path, vectors in (
            (paths.IMAGE_EMBEDDINGS, unit_rows(60, 6, seed=1)),
            (paths.TEXT_EMBEDDINGS, unit_rows(60, 6, seed=2)),
            (paths.IMAGE_SCORES, scores[0]),
            (paths.TEXT_SCORES, scores[1]),
        ):
            outputs.vectors(here / path, vectors.astype(np.float32), rows=rows, parameters={})
        images = np.random.default_rng(3).random((1, 60, 5)).astype(np.float32)
        outputs.vectors(here / paths.IMAGE_VECTORS, images, rows=rows, parameters={})
        outputs.vectors(here / paths.TEXT_VECTORS, unit_rows(60, 4, seed=4), rows=rows, parameters={})
        outputs.json(
            here / paths.LABELS,
            {"scheme": "leaf", "labels": CLASSES, "class_labels": [[0], [1], [2]], "classes": CLASSES},
        )
        outputs.json(here / paths.TOWERS_CONFIG, {})
        outputs.described_array(here / paths.ZERO_SHOT, np.zeros((0, 0), np.float32), {"network": None})
        outputs.array(here / paths.ADJACENCY, np.array([[0, 0.2, 0.6], [0.2, 0, 0.7], [0.6, 0.7, 0]], np.float32))
    return here


def test_everything_is_written_and_agrees(here):
    message = main(here)
    metrics = json.loads((here / paths.EVALUATE_METRICS).read_text())
    assert metrics["items"] == 20
    accuracy = metrics["classification"]["fusion"]["accuracy"]
    assert f"20 test items, fusion accuracy {accuracy:.3f}, mean R@1 0." in message
    items = pd.read_parquet(here / paths.TEST_ITEMS)
    assert items["correct_fusion"].mean() == pytest.approx(accuracy)
    assert items["row"].tolist() == [row for row in range(60) if row % 6 >= 4]
    queries = pd.read_parquet(here / paths.TEST_QUERIES)
    assert len(queries) == 80
    own = queries[(queries["query"] == "text") & (queries["found"] == "image")]
    assert own["average_precision"].mean() == pytest.approx(metrics["retrieval"]["text_to_image"]["map"])
    assert {len(rows) for rows in queries["neighbours"]} == {10}
    assert pd.read_parquet(here / paths.TEST_CLASSES)["items"].sum() == 20
    assert len(pd.read_csv(here / paths.CONFUSION)) == 20
    assert list(pd.read_csv(here / paths.CONFUSED_PAIRS)) == ["actual", "predicted", "items", "share"]
    of_products = pd.read_parquet(here / paths.TEST_PRODUCTS)
    assert of_products["items"].tolist() == [2] * 10 and metrics["product"]["products"] == 10
    accuracies = metrics["product"]["classification"]
    assert of_products["correct_fusion"].mean() == pytest.approx(accuracies["fusion"]["accuracy"])
    assert set(metrics["intervals"]["product"]) == {"classification", "retrieval"}
    low, high = (metrics["intervals"]["classification"]["fusion"]["accuracy"][end] for end in ("low", "high"))
    assert low < accuracy < high
    validation = json.loads((here / paths.VALIDATION_METRICS).read_text())
    of_validation = pd.read_parquet(here / paths.VALIDATION_ITEMS)
    assert of_validation["correct_fusion"].mean() == pytest.approx(validation["classification"]["fusion"]["accuracy"])
    assert (
        of_validation["group"].tolist()
        == pd.read_parquet(here / paths.PRODUCTS)["group"][of_validation["row"]].tolist()
    )
    assert len(pd.read_parquet(here / paths.VALIDATION_QUERIES)) == 80
    assert (metrics["split"], validation["split"]) == tuple(
        fingerprint_split(pd.read_parquet(here / paths.PRODUCTS), split) for split in ("test", "validation")
    )
    assert list(validation) == [name for name in metrics if name != "intervals"]


def test_the_baselines_stand_beside_ours(here):
    main(here)
    metrics = json.loads((here / paths.EVALUATE_METRICS).read_text())
    baselines = metrics["baselines"]
    assert baselines["training_items"] == 20
    items, queries = pd.read_parquet(here / paths.TEST_ITEMS), pd.read_parquet(here / paths.TEST_QUERIES)
    one = baselines["beside"]["classification.fusion.accuracy"]
    assert one["ours"] == metrics["classification"]["fusion"]["accuracy"]
    assert one["baseline"] == pytest.approx(baselines["fused"]["accuracy"])
    assert items["baseline_correct_fusion"].mean() == pytest.approx(baselines["fused"]["accuracy"])
    assert one["difference"] == pytest.approx(one["ours"] - one["baseline"])
    assert one["low"] <= one["difference"] <= one["high"] and one["low"] < one["high"]
    of_names = queries[(queries["query"] == "text") & (queries["found"] == "text")]
    expected = baselines["retrieval"]["text_to_text"]["map"]
    assert of_names["baseline_average_precision"].mean() == pytest.approx(expected)
    validation = json.loads((here / paths.VALIDATION_METRICS).read_text())["baselines"]
    assert not any("low" in of for of in validation["beside"].values())
    assert baselines["image_linear"]["strength"] == validation["image_linear"]["strength"]


def test_baselines_can_be_left_out(here):
    text = (here / paths.PARAMS).read_text(encoding="utf-8")
    (here / paths.PARAMS).write_text(text.replace("baselines: 20000 ", "baselines: 0 "), encoding="utf-8")
    for path in (paths.IMAGE_VECTORS, paths.TEXT_VECTORS):
        (here / path).unlink()  # nothing else needs them
    main(here)
    assert "baselines" not in json.loads((here / paths.EVALUATE_METRICS).read_text())
    assert "baseline_correct_fusion" not in pd.read_parquet(here / paths.TEST_ITEMS)


def test_a_sample_of_queries_is_ranked(here):
    main(here)
    whole = pd.read_parquet(here / paths.TEST_QUERIES)
    set_values(here / paths.PARAMS, {"evaluate": {"queries": 5}})
    main(here)
    some, metrics = pd.read_parquet(here / paths.TEST_QUERIES), json.loads((here / paths.EVALUATE_METRICS).read_text())
    assert (metrics["items"], metrics["queries"]) == (20, 5) and len(some) == 4 * 5
    expected = whole[whole["row"].isin(some["row"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected)  # ours and the baselines'
    for direction in ("image_to_text", "text_to_text"):
        query, found = direction.split("_to_")
        of = some[(some["query"] == query) & (some["found"] == found)]
        assert metrics["retrieval"][direction]["map"] == pytest.approx(of["average_precision"].mean())
        assert {"low", "high"} == set(metrics["intervals"]["retrieval"][direction]["map"])


def test_where_the_space_is_behind_it_is_said(here, caplog):
    """Image vectors that name the class, beside embeddings and scores by chance."""
    products = pd.read_parquet(here / paths.PRODUCTS)
    products["class_index"] = np.arange(60) // 2 % 3
    products["classes"] = [CLASSES[number] for number in products["class_index"]]
    products["split"] = np.repeat(["train", "validation", "test"], [24, 18, 18])
    products["group"] = range(60)
    rows = fingerprint_products(products)
    telling = np.eye(3, dtype=np.float32)[products["class_index"]][None]
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
        for path in (paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS, paths.IMAGE_SCORES, paths.TEXT_SCORES):
            outputs.vectors(here / path, np.load(here / path), rows=rows, parameters={})
        outputs.vectors(here / paths.TEXT_VECTORS, np.load(here / paths.TEXT_VECTORS), rows=rows, parameters={})
        outputs.vectors(here / paths.IMAGE_VECTORS, telling, rows=rows, parameters={})
    main(here)
    baselines = json.loads((here / paths.EVALUATE_METRICS).read_text())["baselines"]
    assert baselines["image_linear"]["accuracy"] == 1
    assert baselines["neighbours"]["image_to_image"]["map"] == 1
    assert [record.message for record in caplog.records] == baselines["remarks"]
    (pictures,) = (line for line in baselines["remarks"] if "baseline, pictures: accuracy" in line)
    ours = baselines["beside"]["classification.image.accuracy"]["ours"]
    assert f"accuracy {ours:.3f}, the baseline has 1.000 (95 % interval of the difference -" in pictures
    assert "logistic regression on the image vectors. Try " in pictures and "chance" not in pictures


def test_labels_of_several_levels(here):
    """Scores are of labels then, and what is told of classes is still of classes."""
    products = pd.read_parquet(here / paths.PRODUCTS)
    class_labels = [[0, 1], [0, 2], [3, 4]]
    wanted = np.zeros((60, 5), np.float32)
    for row, number in enumerate(products["class_index"]):
        wanted[row, class_labels[number]] = 0.5
    rows = fingerprint_products(products)
    with Outputs() as outputs:
        labels = {"scheme": "levels", "labels": list("abcde"), "class_labels": class_labels, "classes": CLASSES}
        outputs.json(here / paths.LABELS, labels)
        outputs.array(here / paths.ADJACENCY, (1 - np.eye(5)).astype(np.float32))
        for path in (paths.IMAGE_SCORES, paths.TEXT_SCORES):
            outputs.vectors(here / path, wanted, rows=rows, parameters={})
    main(here)
    image = json.loads((here / paths.EVALUATE_METRICS).read_text())["classification"]["image"]
    assert image == pytest.approx({"accuracy": 1, "top_5": 1, "macro_f1": 1, "calibration_error": 0}, abs=1e-6)
    items = pd.read_parquet(here / paths.TEST_ITEMS)
    assert (items["predicted_image"] == items["class_index"]).all()
    assert pd.read_parquet(here / paths.TEST_CLASSES)["classes"].tolist() == CLASSES
    of_names = json.loads((here / paths.EVALUATE_METRICS).read_text())["baselines"]["beside"]
    assert of_names["classification.text.accuracy"]["ours"] == pytest.approx(1)


def test_the_same_inputs_give_the_same_bytes(here):
    main(here)
    first = [(here / path).read_bytes() for path in WRITTEN]
    main(here)
    assert [(here / path).read_bytes() for path in WRITTEN] == first


def test_choices_are_of_the_validation_split_and_chance_is_of_the_training_split(here):
    main(here)
    first = json.loads((here / paths.EVALUATE_METRICS).read_text())
    # All classes are as frequent, the majority of the training split is in no other.
    assert first["classification"]["chance"] == {"accuracy": 0}
    products = pd.read_parquet(here / paths.PRODUCTS)
    test = (products["split"] == "test").to_numpy()
    rows = fingerprint_products(products)
    with Outputs() as outputs:
        for path in (paths.IMAGE_SCORES, paths.TEXT_SCORES):
            scores = np.load(here / path)
            scores[test] = np.random.default_rng(1).dirichlet(np.ones(3), size=20)
            outputs.vectors(here / path, scores, rows=rows, parameters={})
    main(here)
    second = json.loads((here / paths.EVALUATE_METRICS).read_text())
    chosen = ("image_weight", "sharpness", "image_temperature", "text_temperature")
    for metrics in (first, second):
        metrics["chosen"] = [metrics["classification"]["log_linear"][name] for name in chosen]
        metrics["chosen"] += [metrics["classification"]["average"]["image_weight"]]
        metrics["chosen"] += [metrics["retrieval_by_both"]["probability_share"]]
    assert first["chosen"] == second["chosen"]
    assert first["classification"]["image"] != second["classification"]["image"]


def test_intervals_can_be_left_out(here):
    text = (here / paths.PARAMS).read_text(encoding="utf-8")
    (here / paths.PARAMS).write_text(text.replace("resamples: 1000", "resamples: 0"), encoding="utf-8")
    main(here)
    assert "intervals" not in json.loads((here / paths.EVALUATE_METRICS).read_text())


def test_one_product_has_no_interval(here):
    products = pd.read_parquet(here / paths.PRODUCTS)
    products["group"] = 0
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
    main(here)
    assert "intervals" not in json.loads((here / paths.EVALUATE_METRICS).read_text())


def test_catalogues_of_one_picture_a_product_have_no_metrics_per_product(here):
    products = pd.read_parquet(here / paths.PRODUCTS)
    products["group"] = range(60)
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
    main(here)
    assert "product" not in json.loads((here / paths.EVALUATE_METRICS).read_text())
    assert "product" not in json.loads((here / paths.VALIDATION_METRICS).read_text())
    items, of_products = (pd.read_parquet(here / path) for path in (paths.TEST_ITEMS, paths.TEST_PRODUCTS))
    of_baselines = [name for name in items if name.startswith("baseline_")]
    pd.testing.assert_frame_equal(of_products.drop(columns="items"), items.drop(columns=of_baselines))


def test_a_graph_of_other_labels_is_refused(here):
    with Outputs() as outputs:
        outputs.array(here / paths.ADJACENCY, np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match=r"adjacency\.npy: expected 3 × 3 float32, found 4 × 4"):
        main(here)
    assert not any((here / path).exists() for path in WRITTEN)


def change_scores(here, split, of_class):
    """Replace the image scores of a split: sure ones of the class, or the same for every class."""
    products = pd.read_parquet(here / paths.PRODUCTS)
    scores, rows = np.load(here / paths.IMAGE_SCORES), products["split"] == split
    sure = np.eye(3)[products["class_index"]] * 0.9 + 0.1 / 3
    scores[rows] = sure[rows] if of_class else 1 / 3
    with Outputs() as outputs:
        outputs.vectors(here / paths.IMAGE_SCORES, scores, rows=fingerprint_products(products), parameters={})


def test_answers_above_the_class_go_by_thresholds_of_validation_alone(here):
    def run():
        main(here)
        return (
            json.loads((here / paths.HEDGING).read_text()),
            json.loads((here / paths.EVALUATE_METRICS).read_text())["hedging"]["image"]["precision_90"],
        )

    for split in ("validation", "test"):
        change_scores(here, split, of_class=True)
    points, metrics = run()
    (point,) = points["image"]
    assert point["precision"] == 20 / 21 and point["shares"] == [0, 0, 1]
    assert metrics["accuracy"] == metrics["class"] == 1
    change_scores(here, "test", of_class=False)
    same, unsure = run()
    assert same == points  # the test split decides nothing
    assert unsure["none"] == 1
    change_scores(here, "validation", of_class=False)
    change_scores(here, "test", of_class=True)
    others, metrics = run()
    assert others["image"] != points["image"]
    assert metrics["none"] == 1  # of the same test split, all of which was answered
