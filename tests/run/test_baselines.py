"""What the baselines see of the artefacts."""

import numpy as np
import pandas as pd
import pytest

from huse.run.baselines import baseline_inputs


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
