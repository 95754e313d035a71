"""Catalogues in which products lack a picture or a name, through all stages: what is there is learned and measured."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import huse
from huse.errors import InputError
from huse.run import paths
from tests.pipeline.in_process import ALL, write_params
from tests.repository import SMALL, TINY

SETTINGS = {"backbone": {"network": "squeezenet1_1", "size": 32}, "evaluate": {"resamples": 20}}
ALONE = {"text": ("image", paths.IMAGE_EMBEDDINGS), "image": ("text", paths.TEXT_EMBEDDINGS)}


def run(here, csv_path, images, *changes):
    """Run all stages on a catalogue; return the products and the metrics of the catalogue and of the test split."""
    given = {"csv": str(csv_path), "images": str(images)}
    write_params(here.root, SMALL, TINY, SETTINGS, {"catalogue": given}, *changes)
    for name, stage in ALL.items():
        if name != "sample_catalogue":
            stage.main(here)
    metrics = [json.loads((here / path).read_text()) for path in (paths.CATALOGUE_METRICS, paths.EVALUATE_METRICS)]
    return pd.read_parquet(here / paths.PRODUCTS), *metrics


def test_some_without_a_picture_and_some_without_a_name(here, small_catalogue):
    path, folder = small_catalogue
    table = pd.read_csv(path, keep_default_na=False)
    table["split"] = [*["train"] * 5, *["validation"] * 2, *["test"] * 3] * 2
    table.loc[table.index % 5 == 2, "image"] = ""
    table.loc[table.index % 5 == 3, "name"] = ""
    table.to_csv(path, index=False)
    products, catalogue, metrics = run(here, path, folder, {"catalogue": {"columns": {"split": "split"}}})
    assert (catalogue["with_name_only"], catalogue["with_picture_only"]) == (4, 4)
    there = {"image": (products["image"] != "").to_numpy(), "text": (products["name"] != "").to_numpy()}
    images, texts = np.load(here / paths.IMAGE_VECTORS)[0], np.load(here / paths.TEXT_VECTORS)
    assert np.array_equal(images.any(axis=1), there["image"])
    assert np.array_equal(texts.any(axis=1), there["text"])
    for name, place in (("image", paths.IMAGE_EMBEDDINGS), ("text", paths.TEXT_EMBEDDINGS)):
        lengths = np.linalg.norm(np.load(here / place), axis=1)
        np.testing.assert_allclose(lengths, there[name], atol=1e-5)
    test = (products["split"] == "test").to_numpy()
    for name, those in there.items():
        count = int((those & test).sum())
        assert metrics["classification"][name].get("items", int(test.sum())) == count
    items = pd.read_parquet(here / paths.TEST_ITEMS)
    rows = products[test]
    assert items["predicted_image"].isna().tolist() == (rows["image"] == "").tolist()
    model = huse.load(here / paths.MODEL)
    pictures = [folder / image if image else None for image in rows["image"]]
    names = [name or None for name in rows["name"]]
    alone = items["predicted_image"].isna() | items["predicted_text"].isna()
    assert alone.sum() == 4  # both ways of fusing give these the same scores
    found = model.class_probabilities(pictures, names)
    assert found.argmax(axis=1)[alone].tolist() == items["predicted_fusion"][alone].tolist()
    np.testing.assert_allclose(found.max(axis=1)[alone], items["confidence_fusion"][alone], atol=1e-5)


def test_one_picture_to_train_on_is_too_few_for_a_norm(here, small_catalogue):
    path, folder = small_catalogue
    table = pd.read_csv(path).assign(split=[*["train"] * 5, *["validation"] * 2, *["test"] * 3] * 2)
    table.loc[(table["split"] == "train") & (table.index > 0), "image"] = ""
    table.to_csv(path, index=False)
    given = {"csv": str(path), "images": str(folder), "columns": {"split": "split"}}
    backbone = {"network": "resnet18", "size": 32}
    write_params(here.root, SMALL, TINY, {"catalogue": given, "backbone": backbone, "finetune_backbone": {"epochs": 1}})
    ALL["catalogue"].main(here)
    assert "off (one picture to train on)" in ALL["finetune_backbone"].main(here)
    table.loc[1, "image"] = "0_1.png"
    table.to_csv(path, index=False)
    ALL["catalogue"].main(here)
    assert "resnet18, 2 pictures, best epoch 1 of 1" in ALL["finetune_backbone"].main(here)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "image"])
def test_a_catalogue_of_one_modality(here, small_catalogue, name):
    path, folder = small_catalogue
    other, embeddings = ALONE[name]
    column = "name" if other == "text" else "image"
    pd.read_csv(path).assign(**{column: ""}).to_csv(path, index=False)
    products, _, metrics = run(here, path, "nowhere" if other == "image" else folder)
    assert (products[column] == "").all()
    assert not np.load(here / embeddings).any()
    assert other not in metrics["classification"]
    assert metrics["classification"]["fusion"]["accuracy"] == metrics["classification"][name]["accuracy"]
    page = (here / paths.REPORT).read_text(encoding="utf-8")
    assert "the picture cannot be read any more" not in page
    model = huse.load(here / paths.MODEL)
    with pytest.raises(InputError, match="the model has learned from no"):
        model.encode(**{f"{other}s": ["hat"]})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "classes"), [("mercadona", 20), ("instacart", 20)])
def test_real_names_alone_are_classified_as_well_as_by_other_means(shared, here, tmp_path, name, classes):
    """Names of the largest classes; beside them TF-IDF and logistic regression on the same split."""
    table = pd.read_csv(shared / f"real/text/{name}.csv", keep_default_na=False)
    largest = table["classes"].value_counts(sort=True).index[:classes]
    some = table[table["classes"].isin(largest)].groupby("classes").head(60)
    some.to_csv(tmp_path / "some.csv", index=False)
    train = {"train": {"steps": 300, "validate_every": 50, "dimension": 64, "width": 128, "image_layers": 1}}
    products, catalogue, metrics = run(
        here, tmp_path / "some.csv", "nowhere", train, {"word_vectors": {"dimension": 50}}
    )
    assert catalogue["with_name_only"] == len(some) == len(products)
    train, test = (products[products["split"] == split] for split in ("train", "test"))
    words = TfidfVectorizer().fit(train["name"])
    other = LogisticRegression(C=10, max_iter=300).fit(words.transform(train["name"]), train["classes"])
    expected = other.score(words.transform(test["name"]), test["classes"])
    assert metrics["classification"]["fusion"]["accuracy"] > expected - 0.1
