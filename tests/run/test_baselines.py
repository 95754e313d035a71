"""What the baselines see of the artefacts."""

import numpy as np
import pandas as pd
import pytest

from huse.errors import InputError
from huse.evaluation.beside import Tried
from huse.run import paths
from huse.run.artifacts import Outputs, manifest_path
from huse.run.baselines import baseline_inputs, read_pair, read_tried
from huse.run.place import Run


@pytest.fixture
def products():
    split = ["train", "test", "train", "validation", "train", "unseen", "train", "test"]
    names = ["red shirt", "red shoe", "", "blue shoe", "red shoe", "red shoe", "blue shirt", ""]
    images = ["a.jpg", "", "c.jpg", "d.jpg", "", "f.jpg", "g.jpg", "h.jpg"]
    return pd.DataFrame({"name": names, "image": images, "class_index": [0, 1, 0, 1, 1, 1, 0, 0], "split": split})


def test_items_stand_split_by_split(products):
    images, texts = (np.arange(8 * width, dtype=np.float32).reshape(8, width) for width in (2, 3))
    found = baseline_inputs(products, images, texts, most=100)
    order = [0, 2, 4, 6, 3, 1, 7]  # training, validation, test; nothing of unseen classes
    np.testing.assert_array_equal(found.vectors["image"], images[order])
    np.testing.assert_array_equal(found.vectors["text"], texts[order])
    assert {name: places.tolist() for name, places in found.parts.items()} == {
        "train": [0, 1, 2, 3], "validation": [4], "test": [5, 6],
    }  # fmt: skip
    assert found.classes.tolist() == [0, 0, 1, 0, 1, 1, 0]
    assert found.there["text"].tolist() == [True, False, True, True, True, True, False]
    assert found.there["image"].tolist() == [True, True, False, True, True, False, True]


def test_ngrams_are_those_of_training_names_and_have_unit_norm(products):
    (words,), characters = baseline_inputs(products, np.zeros((8, 1)), np.zeros((8, 1)), most=100).ngrams
    assert words.shape == (7, 7)
    for rows in (words.toarray(), (characters[0] @ characters[1]).toarray()):
        norms = np.linalg.norm(rows, axis=1)
        np.testing.assert_allclose(norms, [1, 0, 1, 1, 1, 1, 0], atol=1e-6)
    assert np.count_nonzero(words.toarray()[4]) == 2  # blue, shoe; no training name has both


def test_at_most_so_many_training_items(products):
    found = baseline_inputs(products, np.zeros((8, 1)), np.zeros((8, 1)), most=2)
    assert {name: len(places) for name, places in found.parts.items()} == {"train": 2, "validation": 1, "test": 2}


def test_no_names_make_no_features(products):
    found = baseline_inputs(products.assign(name=""), np.zeros((8, 1)), np.zeros((8, 1)), most=100)
    ((features,),) = found.ngrams
    assert features.shape == (7, 1) and features.nnz == 0


def vectors(here, path, array, parameters):
    with Outputs() as outputs:
        outputs.vectors(here / path, array.astype(np.float32), rows="", parameters=parameters)


@pytest.fixture
def in_pair(here):
    """Pictures by a network of 2 values and then a pair of 3; names by n-grams of 4 and then the pair."""
    random = np.random.default_rng(0)
    images, texts, classes = random.random((8, 5)), random.random((8, 7)), random.random((2, 3)).astype(np.float32)
    blocks = {"1": {"dimension": 2, "finetuned": True}, "2": {"dimension": 3, "finetuned": False}}
    vectors(here, paths.IMAGE_VECTORS, images, {"blocks": blocks})
    vectors(here, paths.TEXT_VECTORS, texts, {"blocks": {"ngrams": {"dimension": 4}, "pair": {"dimension": 3}}})
    with Outputs() as outputs:
        outputs.described_array(here / paths.ZERO_SHOT, classes, {"network": "2"})
    return images.astype(np.float32), texts.astype(np.float32), classes


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_pairs_columns_are_found_among_those_of_other_encoders(here, in_pair):
    images, texts, classes = in_pair
    pair = read_pair(here, images, texts)
    np.testing.assert_allclose(pair.vectors["image"], unit(images[:, 2:]), rtol=1e-6)
    np.testing.assert_allclose(pair.vectors["text"], unit(texts[:, 4:]), rtol=1e-6)
    np.testing.assert_allclose(pair.classes, unit(classes), rtol=1e-6)


def test_one_encoder_of_names_is_the_pair_or_not(here, in_pair):
    images, texts, _ = in_pair
    vectors(here, paths.TEXT_VECTORS, texts[:, 4:], {"dimension": 3, "fingerprints": {"pair": "1"}})
    np.testing.assert_allclose(read_pair(here, images, texts[:, 4:]).vectors["text"], unit(texts[:, 4:]), rtol=1e-6)
    vectors(here, paths.TEXT_VECTORS, texts[:, 4:], {"dimension": 3, "fingerprints": {"sentences": "1"}})
    assert np.isnan(read_pair(here, images, texts[:, 4:]).vectors["text"]).all()


def test_without_a_pair_or_with_one_that_was_fine_tuned_there_is_none(here, in_pair, caplog):
    images, texts, classes = in_pair
    with Outputs() as outputs:
        outputs.described_array(here / paths.ZERO_SHOT, classes, {"network": "1"})
    assert read_pair(here, images, texts) is None
    assert "finetune_backbone has changed" in caplog.text
    with Outputs() as outputs:
        outputs.described_array(here / paths.ZERO_SHOT, np.zeros((0, 0), np.float32), {"network": None})
    assert read_pair(here, images, texts) is None


def test_vectors_that_were_not_made_with_the_sentences_are_refused(here, in_pair):
    images, texts, classes = in_pair
    for wrong, network in ((classes, "3"), (np.ones((2, 4), np.float32), "2")):
        with Outputs() as outputs:
            outputs.described_array(here / paths.ZERO_SHOT, wrong, {"network": network})
        with pytest.raises(InputError, match=r"zero_shot.npy: does not fit data/vectors .* Run `dvc repro`"):
            read_pair(here, images, texts)


def test_what_a_run_has_of_the_remedies_is_read_from_its_artefacts(tmp_path):
    here = Run(tmp_path)
    with Outputs() as outputs:
        outputs.json(here / paths.TOWERS_CONFIG, {"params": {"method": "huse_plus", "image_layers": 2, "steps": 5}})
        about = {"parameters": {"fingerprints": {"words": None, "ngrams": None}}}
        outputs.json(manifest_path(here / paths.TEXT_VECTORS), about)
    assert read_tried(here) == Tried("huse_plus", 2, ["words", "ngrams"])
