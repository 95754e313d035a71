"""A model that was copied elsewhere gives what the stages computed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

import huse
from huse.fusion import LogLinear, temper
from huse.run import paths
from huse.run.params.reader import read_yaml


def assert_is_what_the_stages_computed(root, elsewhere):
    """Hold a copy of the model against embeddings and fused scores of the test split."""
    products = pd.read_parquet(root / paths.PRODUCTS)
    rows = np.flatnonzero(products["split"] == "test")
    folder = Path(read_yaml(root / "params.yaml")["catalogue"]["images"])
    pictures = [root / folder / image for image in products["image"].iloc[rows]]
    names = products["name"].iloc[rows].tolist()
    model = huse.load(shutil.copytree(root / paths.MODEL, elsewhere))
    assert model.classes == sorted(set(products["classes"]))
    for found, path in (
        (model.encode_images(pictures), paths.IMAGE_EMBEDDINGS),
        (model.encode_texts(names), paths.TEXT_EMBEDDINGS),
    ):
        np.testing.assert_allclose(found, np.load(root / path)[rows], atol=1e-5)
    metrics = json.loads((root / paths.EVALUATE_METRICS).read_text())["classification"]
    right = model.class_probabilities(pictures, names).argmax(axis=1) == products["class_index"].iloc[rows]
    assert right.mean() == metrics["fusion"]["accuracy"]
    validation = json.loads((root / paths.VALIDATION_METRICS).read_text())["classification"]["log_linear"]
    choices = LogLinear(**{name: validation[name] for name in LogLinear.__dataclass_fields__})
    image, text = (np.load(root / path)[rows] for path in (paths.IMAGE_SCORES, paths.TEXT_SCORES))
    np.testing.assert_allclose(model.class_probabilities(pictures), temper(image, choices.image_temperature), atol=1e-5)
    np.testing.assert_allclose(
        model.class_probabilities(texts=names), temper(text, choices.text_temperature), atol=1e-5
    )


def test_the_model_is_what_the_stages_computed(tiny_pipeline, tmp_path):
    assert_is_what_the_stages_computed(tiny_pipeline.root, tmp_path / "somewhere else")


def test_products_of_several_pictures_are_what_the_evaluation_computed(tiny_pipeline):
    root = tiny_pipeline.root
    products = pd.read_parquet(root / paths.PRODUCTS)
    test = products[products["split"] == "test"].groupby(["group", "class_index"], sort=False)
    folder = root / read_yaml(root / "params.yaml")["catalogue"]["images"]
    pictures = [[folder / image for image in of["image"]] for _, of in test]
    names = [of["name"].tolist() for _, of in test]
    table = pd.read_parquet(root / paths.TEST_PRODUCTS)
    assert table["row"].tolist() == [of["row"].iloc[0] for _, of in test]
    assert table["items"].tolist() == [len(those) for those in pictures] and table["items"].max() > 1
    model = huse.load(root / paths.MODEL)
    metrics = json.loads((root / paths.EVALUATE_METRICS).read_text())["product"]
    assert metrics["products"] == len(table)
    right = model.class_probabilities(pictures, names).argmax(axis=1) == table["class_index"]
    fused = metrics["classification"]
    assert right.mean() == fused["fusion"]["accuracy"]
    images = model.class_probabilities(pictures)
    assert images.argmax(axis=1).tolist() == table["predicted_image"].tolist()
    both = model.encode(pictures, names)
    cosines = both @ both.T
    np.fill_diagonal(cosines, -2)
    found = table["class_index"].to_numpy()[cosines.argmax(axis=1)] == table["class_index"]
    kept = table["class_index"].map(table["class_index"].value_counts()) > 1
    assert found[kept].mean() == metrics["retrieval"]["both_to_both"]["recall_at_1"]
