"""A model that is saved, copied and loaded; the tests of the pipeline hold it against what the stages computed."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import huse
from huse.descent import Point
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.encoders.words import WordsEncoder
from huse.errors import InputError
from huse.fusion import LogLinear
from huse.model.network import Architecture, Network, NetworkSettings
from huse.text.cleaning import Cleaning
from huse.text.spelling import STEPS
from huse.text.tfidf import fit_tfidf
from huse.text.word_vectors import keyed_vectors
from huse.use.decisions import Decision
from huse.use.model import Model
from huse.use.scores import Classes, Fusion
from huse.vision.backbones import load_backbone

PATHS = ["a<b", "a<c", "d<e"]
WORDS = keyed_vectors(["hat", "red", "shoe"], np.eye(3, 4, dtype=np.float32))
LOG_LINEAR = LogLinear(2.0, 0.5, 0.25)
POINTS = {  # of two levels
    "image": [Point(0.9, (0.0, None), (0.0, 1.0, 0.0))],
    "text": [Point(0.6, (0.0, 0.0), (0.0, 0.0, 1.0)), Point(0.8, (0.0, 1.0), (0.0, 1.0, 0.0))],
    "fusion": [Point(0.75, (1.5, 0.0), (1.0, 0.0, 0.0))],
}
INFO = {
    "method": "huse",
    "seed": 1,
    "image_encoder": "squeezenet",
    "text_encoder": "words",
    "data": {"products": 9, "pictures": {"train": 5, "validation": 2, "test": 2}},
    "metrics": {"accuracy by picture": {"value": 0.5, "low": 0.25, "high": 0.75}, "R@1": {"value": 0.125}},
    "versions": {"torch": "x"},
}


def make(labels=((0,), (1,), (2,)), average=None):
    torch.manual_seed(3)
    images = NetworkEncoder.of(
        load_backbone("squeezenet1_1", "random", 1),
        Encoding(geometry="squash", size=48, max_pixels=10**6, dtype="float32", batch_size=4),
        torch.device("cpu"),
    )
    count = 1 + max(label for those in labels for label in those)
    network = Network(
        Architecture(
            image_features=512,
            text_features=4,
            labels=count,
            separate_heads=False,
            settings=NetworkSettings(dimension=8, width=16, image_layers=2, text_layers=2),
        )
    )
    texts = WordsEncoder(fit_tfidf(["red shoe", "hat"]), WORDS, WORDS, cleaning=Cleaning(), spellings=STEPS)
    classes = Classes(PATHS, [list(those) for those in labels])
    return Model(images, texts, network, classes=classes, fusion=Fusion(LOG_LINEAR, average), info=INFO, points=POINTS)


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    model.save(place)
    return place


@pytest.fixture(scope="module")
def pictures():
    small = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(one).resize((60, 40))) for one in small]


TEXTS = ["red shoe", "hat", "red hat", "shoe", "red", "hat hat red"]


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_embeddings_are_those_of_encoder_and_tower(model, pictures):
    images, texts = model.encode_images(pictures), model.encode_texts(TEXTS)
    assert images.shape == texts.shape == (6, 8) and images.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=1e-5)
    vectors = torch.from_numpy(model.text_encoder.encode(TEXTS))
    np.testing.assert_array_equal(texts, model.network.embed("text", vectors)[0].numpy())


def test_a_batch_size_changes_nothing_but_rounding(model, pictures):
    for batch_size in (1, 2, 5, 100):
        found = model.encode_images(pictures, batch_size=batch_size)
        np.testing.assert_allclose(found, model.encode_images(pictures), atol=1e-5)


def test_both_are_combined_by_the_mean_direction(model, pictures):
    images, texts = model.encode_images(pictures), model.encode_texts(TEXTS)
    both = model.encode(images=pictures, texts=TEXTS)
    expected = (images + texts) / np.linalg.norm(images + texts, axis=1, keepdims=True)
    np.testing.assert_allclose(both, expected, atol=1e-6)
    np.testing.assert_array_equal(model.encode(texts=TEXTS), texts)
    np.testing.assert_array_equal(model.encode(images=pictures), images)


def test_several_pictures_of_a_product_are_combined(model, pictures):
    several, texts = [pictures[:3], pictures[3], tuple(pictures[4:])], TEXTS[:3]
    images, names = model.encode_images(pictures), model.encode_texts(texts)
    total = np.stack([images[:3].sum(axis=0), images[3], images[4:].sum(axis=0)])
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    np.testing.assert_allclose(model.encode_images(several), expected, atol=1e-5)
    np.testing.assert_allclose(model.encode(images=several), expected, atol=1e-5)
    both = (expected + names) / np.linalg.norm(expected + names, axis=1, keepdims=True)
    np.testing.assert_allclose(model.encode(several, texts), both, atol=1e-5)
    scores = model._embed("image", pictures, "raise")[1].astype(np.float64)
    image = np.log(np.stack([scores[:3].mean(axis=0), scores[3], scores[4:].mean(axis=0)]))
    text = np.log(model._embed("text", texts, "raise")[1].astype(np.float64))
    np.testing.assert_allclose(model.class_probabilities(several), softmax(image / 2), atol=1e-5)
    fused = softmax(0.25 * image / 2 + 0.75 * text / 0.5)
    np.testing.assert_allclose(model.class_probabilities(several, texts), fused, atol=1e-5)
    for classes, row in zip(model.classify(several, texts), fused, strict=True):
        assert classes[0] == (PATHS[row.argmax()], pytest.approx(row.max(), abs=1e-5))


def test_several_names_of_a_product_are_combined(model):
    names = model.encode_texts(TEXTS[:2])
    total = names.sum(axis=0)
    found = model.encode_texts([["red shoe", "hat"], "hat"])
    np.testing.assert_allclose(found, [total / np.linalg.norm(total), names[1]], atol=1e-6)


def test_a_list_of_one_picture_is_that_picture(model, pictures):
    np.testing.assert_array_equal(model.encode([[pictures[0]], pictures[1]]), model.encode(pictures[:2]))


def test_a_product_goes_by_those_of_its_pictures_that_can_be_read(model, pictures, caplog):
    items = [pictures[0], [pictures[1], b"no picture", pictures[2]], [b"no picture"]]
    with pytest.raises(InputError, match="picture 1: file is not a picture"):
        model.encode(items)
    found = model.encode_images(items, errors="report")
    np.testing.assert_allclose(found[:2], model.encode_images([pictures[0], pictures[1:3]]), atol=1e-5)
    assert np.isnan(found[2]).all()
    assert [record.message.partition(": file")[0] for record in caplog.records] == [
        "left out: picture 1",
        "left out: picture 2",
    ]
    assert [len(one) for one in model.classify(items, ["hat"] * 3, errors="report")] == [3, 3, 0]


def test_probabilities_are_calibrated_and_fused(model, pictures):
    image = np.log(model._embed("image", pictures, "raise")[1].astype(np.float64))
    text = np.log(model._embed("text", TEXTS, "raise")[1].astype(np.float64))
    np.testing.assert_allclose(model.class_probabilities(images=pictures), softmax(image / 2), atol=1e-6)
    np.testing.assert_allclose(model.class_probabilities(texts=TEXTS), softmax(text / 0.5), atol=1e-6)
    fused = softmax(0.25 * image / 2 + 0.75 * text / 0.5)
    np.testing.assert_allclose(model.class_probabilities(pictures, TEXTS), fused, atol=1e-6)
    averaged = make(average=0.75).class_probabilities(pictures, TEXTS)
    np.testing.assert_allclose(averaged, 0.75 * np.exp(image) + 0.25 * np.exp(text), atol=1e-6)


def test_of_labels_in_levels_a_class_has_the_mean(pictures):
    levels = make(labels=((0, 1), (0, 2), (3, 4)))
    scores = levels.fusion.scores(levels._embed("image", pictures, "raise")[1], None)
    means = np.stack([scores[:, [0, 1]].mean(1), scores[:, [0, 2]].mean(1), scores[:, [3, 4]].mean(1)], axis=1)
    found = levels.class_probabilities(images=pictures)
    np.testing.assert_allclose(found, means / means.sum(axis=1, keepdims=True), atol=1e-6)


def test_classes_come_the_most_probable_first(model):
    probabilities = model.class_probabilities(texts=TEXTS)
    for row, classes in zip(probabilities, model.classify(texts=TEXTS, top=2), strict=True):
        assert [one.probability for one in classes] == sorted(row.tolist(), reverse=True)[:2]
        assert [row[PATHS.index(one.class_path)] for one in classes] == [one.probability for one in classes]
    assert len(model.classify(texts=["hat"], top=50)[0]) == len(PATHS)


def test_a_copy_elsewhere_is_the_same_model(model, folder, pictures, tmp_path, monkeypatch):
    copy = shutil.copytree(folder, tmp_path / "copy of it")
    monkeypatch.chdir(tmp_path)  # no pipeline here
    loaded = huse.load(copy)
    assert (loaded.classes, loaded.dimension, loaded.info, loaded.points) == (PATHS, 8, INFO, POINTS)
    np.testing.assert_array_equal(loaded.encode_images(pictures), model.encode_images(pictures))
    np.testing.assert_array_equal(loaded.encode_texts(TEXTS), model.encode_texts(TEXTS))
    assert loaded.classify(pictures, TEXTS) == model.classify(pictures, TEXTS)
    assert loaded.decide(pictures, TEXTS, 0.7) == model.decide(pictures, TEXTS, 0.7)


def test_the_card_says_what_it_is(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    for said in ("9 products", "0.500 (0.250 – 0.750)", "| R@1 | 0.125 |", "- `a<b`", "huse.load", "torch x"):
        assert said in card


@pytest.mark.parametrize("errors", ["raise", "report"])
def test_an_item_that_fails_is_named_and_the_others_go_on(model, pictures, caplog, errors):
    items = [pictures[0], b"no picture", pictures[1]]
    if errors == "raise":
        with pytest.raises(InputError, match="picture 1: file is not a picture"):
            model.encode_images(items)
        with pytest.raises(InputError, match="picture 1: file is not a picture"):
            model.encode_images(items, batch_size=1)
        with pytest.raises(InputError, match="text 1: expected a text, found int"):
            model.classify(texts=["hat", 7])
        return
    for batch_size in (1, 2, 32):
        caplog.clear()
        found = model.encode_images(items, batch_size, errors)
        np.testing.assert_allclose(found[[0, 2]], model.encode_images(pictures[:2]), atol=1e-5)
        assert np.isnan(found[1]).all() and "left out: picture 1: file is not a picture" in caplog.text
    assert np.isnan(model.encode_images([b"", b""], errors=errors)).all()
    classes = model.classify(items, ["hat", "hat", 7], errors=errors)
    assert [len(one) for one in classes] == [3, 0, 0]
    assert np.isnan(model.encode(items, ["hat"] * 3, errors=errors)[1]).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model: model.classify(), "expected images, texts or both, found neither"),
        (lambda model: model.encode(), "expected images, texts or both, found neither"),
        (lambda model: model.encode_texts("hat"), r"expected a list of items, found one \(hat\)"),
        (lambda model: model.encode_images("a.jpg"), r"found one \(a.jpg\)"),
        (lambda model: model.encode_images(b"GIF8"), r"found one \(bytes\)"),
        (lambda model: model.classify(Image.new("RGB", (8, 8))), r"found one \(Image\)"),
        (lambda model: model.encode(texts=(text for text in ["hat"])), r"found one \(generator\)"),
        (lambda model: model.encode([b""], ["a", "b"]), "expected as many images as texts, found 1 and 2"),
        (lambda model: model.classify(texts=["hat"], top=0), "top: expected at least 1, found 0"),
        (lambda model: model.decide(texts=["hat"], precision=0), "precision: expected a share between 0 and 1"),
        (lambda model: model.decide(texts=["hat"], precision=95), "such as 0.95, found 95"),
        (lambda model: model.decide(texts=["hat", None]), "product 1: expected a picture or a name, found neither"),
        (lambda model: model.decide(texts=["hat"], errors="no"), "expected raise or report, found 'no'"),
        (lambda model: model.classify([b"", []]), "picture 1: expected one or several, found an empty list"),
        (lambda model: model.encode_images([], batch_size=0), "batch_size: expected at least 1, found 0"),
        (lambda model: model.encode_texts(["hat"], errors="ignore"), "expected raise or report, found 'ignore'"),
    ],
)
def test_wrong_calls_are_named(model, call, said):
    with pytest.raises(InputError, match=said):
        call(model)


def test_nothing_gives_nothing(model):
    assert model.encode_images([]).shape == model.encode_texts([]).shape == (0, 8)
    assert model.classify(texts=[]) == []


def other_share(file):
    """One digit of one number."""
    text = file.read_text()
    assert '"average": null' in text
    file.write_text(text.replace('"average": null', '"average": 0.5'))


def damage(copy, change):
    config = json.loads((copy / "config.json").read_text())
    config.pop("config_sha256")
    change(config)
    (copy / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda copy: (copy / "config.json").unlink(), "Expected the folder of a model"),
        (lambda copy: (copy / "config.json").write_text("{"), "does not describe a model"),
        (lambda copy: other_share(copy / "config.json"), "config.json: has changed since it was written"),
        (lambda copy: damage(copy, lambda config: config.update(format=99)), "expected a model of format 3, found 99"),
        (lambda copy: damage(copy, lambda config: config.pop("fusion")), "expected the keys fusion"),
        (lambda copy: damage(copy, lambda config: config.update(sha256=[])), r"expected the keys sha256 \(dict\)"),
        (lambda copy: damage(copy, lambda config: config.update(info=None)), r"expected the keys info \(dict\)"),
        (lambda copy: damage(copy, lambda config: config.update(points={"whole": 3})), "does not describe a model"),
        (lambda copy: damage(copy, lambda config: config["fusion"].pop("average")), "does not describe a model"),
        (lambda copy: damage(copy, lambda config: config["fusion"].update(x=1)), "does not describe a model"),
        (
            lambda copy: damage(copy, lambda config: config["classes"].pop()),
            "expected labels of 2 classes, found those",
        ),
        (lambda copy: (copy / "towers.safetensors").unlink(), "towers.safetensors: not found"),
        (lambda copy: (copy / "towers.safetensors").write_bytes(b"x"), "towers.safetensors: not the file that"),
        (lambda copy: (copy / "text_encoder/words.npy").write_bytes(b"x"), "words.npy: not the file that"),
        (
            lambda copy: damage(copy, lambda config: config["sha256"].update({"../out.npy": "0"})),
            "names a file outside the folder",
        ),
    ],
)
def test_a_damaged_folder_is_named(folder, tmp_path, break_it, said):
    copy = shutil.copytree(folder, tmp_path / "model")
    break_it(copy)
    with pytest.raises(InputError, match=said):
        huse.load(copy)


def test_a_product_may_have_one_half(model):
    """Each goes by what it has: as if it were asked for alone."""
    pictures, names = [np.full((8, 8, 3), 9, np.uint8), None, np.zeros((8, 8, 3), np.uint8)], ["hat", "red shoe", None]
    for fused in (model, make(average=0.3)):
        found, embedded = fused.class_probabilities(pictures, names), fused.encode(pictures, names)
        whole = slice(0, 1)
        expected = [
            (fused.class_probabilities(pictures[whole], names[whole]), fused.encode(pictures[whole], names[whole])),
            (fused.class_probabilities(texts=names[1:2]), fused.encode(texts=names[1:2])),
            (fused.class_probabilities(images=pictures[2:]), fused.encode(images=pictures[2:])),
        ]
        np.testing.assert_allclose(found, np.concatenate([scores for scores, _ in expected]), atol=1e-6)
        np.testing.assert_allclose(embedded, np.concatenate([rows for _, rows in expected]), atol=1e-6)
    for empty in ("", " \n"):
        assert np.array_equal(model.encode(pictures, ["hat", "red shoe", empty]), model.encode(pictures, names))
        assert model.classify(pictures, ["hat", "red shoe", empty]) == model.classify(pictures, names)
    several = model.encode([None, [pictures[0], pictures[2]]], ["hat", "hat"])
    np.testing.assert_allclose(several[1:], model.encode([[pictures[0], pictures[2]]], ["hat"]), atol=1e-6)
    failing = model.classify([b"nothing", None], ["hat", "hat"], errors="report")
    assert failing[0] == []
    assert dict(failing[1]) == pytest.approx(dict(model.classify(texts=["hat"])[0]), abs=1e-6)
    with pytest.raises(InputError, match="text 1: expected a text, found int"):
        model.classify(texts=["hat", 3])
    for images, texts in (([None], [None]), (None, [None]), ([None], None), ([None], [""])):
        with pytest.raises(InputError, match="product 0: expected a picture or a name, found neither"):
            model.encode(images, texts)
        assert model.classify(images, texts, errors="report") == [[]]


def test_a_model_of_names_refuses_pictures(model):
    alone = make()
    alone.info = {**INFO, "learned_from": {"image": 0, "text": 9}}
    with pytest.raises(InputError, match=r"learned from no pictures, so these mean nothing to it\. Give names alone"):
        alone.classify(images=[np.zeros((8, 8, 3), np.uint8)], texts=["hat"])
    for images in (None, [None]):
        assert alone.classify(images, ["hat"]) == model.classify(texts=["hat"])


def test_decisions_say_what_classify_says(model, pictures):
    pictures, names = [*pictures[:2], None, pictures[3]], [*TEXTS[:3], None]
    found = model.decide(pictures, names)
    for product, ranked in zip(found, model.classify(pictures, names), strict=True):
        assert [(product.class_path, product.probability), (product.second, product.second_probability)] == ranked[:2]
        assert (product.node, product.node_probability) == ranked[0]
    by_picture, by_name = model.classify(pictures[:2]), model.classify(texts=names[:3])
    assert [one.by_picture for one in found] == [*(each[0].class_path for each in by_picture), "", found[3].class_path]
    assert [one.by_name for one in found] == [*(each[0].class_path for each in by_name), ""]
    agreeing = [by_picture[row][0].class_path == by_name[row][0].class_path for row in range(2)]
    assert [one.agree for one in found] == [*agreeing, None, None]
    assert {one.remarks for one in found} == {()}


def test_a_node_is_decided_by_the_thresholds_of_what_a_product_has(model, pictures):
    pictures, names = [pictures[0], pictures[1], None], [TEXTS[0], None, TEXTS[2]]
    probabilities = model.class_probabilities(pictures, names)

    def first_level(row):
        of = {"a": probabilities[row, :2].sum(), "d": probabilities[row, 2]}
        best = max(of, key=of.get)
        return best, pytest.approx(of[best], abs=1e-6)

    def nodes(precision):
        return [(one.node, one.node_probability) for one in model.decide(pictures, names, precision)]

    both, image, text = nodes(0.7)
    assert both == ("", None)  # nothing reaches 1.5, and without the first level there is no second
    assert image == first_level(1)  # the second level is never answered
    assert text == first_level(2)  # the first point of 0.7 or more
    both, image, text = nodes(0.5)
    assert text[0].startswith(f"{first_level(2)[0][0]}<") and text[0] in PATHS
    assert nodes(0.95) == [("", None)] * 3  # no point is so precise
    assert nodes(0.9) == [("", None), image, ("", None)]


def test_a_product_with_a_damaged_half_is_decided_by_the_other(model, pictures):
    found = model.decide([b"no picture", b"none", pictures[0], None], ["hat", None, "", None], errors="report")
    assert found[0] == replace(model.decide(texts=["hat"])[0], remarks=found[0].remarks)
    assert found[0].remarks[0].startswith("picture left out, file is not a picture")
    assert found[1] == Decision(remarks=found[1].remarks) and found[1].remarks[0].startswith(
        "picture left out, file is"
    )
    assert found[2] == model.decide(pictures[:1])[0]
    assert found[3] == Decision(remarks=("product left out, expected a picture or a name, found neither",))
    with pytest.raises(InputError, match="picture 0: file is not a picture"):
        model.decide([b"no picture"], ["hat"])
    assert model.decide(texts=[]) == []
