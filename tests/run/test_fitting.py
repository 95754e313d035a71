from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from huse.errors import InputError
from huse.model.methods import METHODS
from huse.run.fitting import Artefacts, prepare_fitting
from huse.run.params.reader import parse_section, read_yaml
from huse.run.params.train import TrainParams
from tests.conftest import ROOT

CPU = torch.device("cpu")
CLASSES = ["a<b", "a<c", "d<e"]


def params(**changes):
    values = read_yaml(ROOT / "params.yaml")["train"]
    small = {"dimension": 8, "width": 8, "image_layers": 2}
    merged = values | small | changes
    return parse_section(TrainParams, merged, where="train", whole=True)


@pytest.fixture
def artefacts():
    random = np.random.default_rng(0)
    numbers = np.arange(12) % 3
    products = pd.DataFrame(
        {
            "row": range(12),
            "image": [f"{row}.jpg" for row in range(12)],
            "name": [f"thing {row}" for row in range(12)],
            "classes": [CLASSES[number] for number in numbers],
            "class_index": numbers,
            "split": ["train"] * 8 + ["validation"] * 2 + ["test"] * 2,
        }
    )
    return Artefacts(
        products,
        random.normal(size=(2, 12, 5)).astype(np.float32),
        random.normal(size=(12, 4)).astype(np.float32),
        {"scheme": "leaf", "labels": CLASSES, "class_labels": [[0], [1], [2]], "classes": CLASSES},
        np.array([[0, 0.2, 0.6], [0.2, 0, 0.7], [0.6, 0.7, 0]], np.float32),
        random.normal(size=(3, 20)).astype(np.float32),
    )


def levels(artefacts):
    return replace(
        artefacts,
        labels={
            "scheme": "levels",
            "labels": ["a", "b", "c", "d", "e"],
            "class_labels": [[0, 1], [0, 2], [3, 4]],
            "classes": CLASSES,
        },
        adjacency=np.ones((5, 5), np.float32) - np.eye(5, dtype=np.float32),
        label_vectors=np.random.default_rng(1).normal(size=(5, 20)).astype(np.float32),
    )


@pytest.mark.parametrize("scheme", ["leaf", "levels"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_a_step_in_both_schemes(artefacts, method, scheme):
    head = "linear" if METHODS[method].linear_head_only else "cosine"
    made = prepare_fitting(
        levels(artefacts) if scheme == "levels" else artefacts, params(method=method, head=head), 0, CPU
    )
    labels = 5 if scheme == "levels" else 3
    _, scores = made.network.embed("text", made.data.texts)
    assert scores.shape == (12, labels)
    assert len(made.network.heads) == (2 if METHODS[method].head == "separate" else 1)
    learning = {name for name, value in made.network.named_parameters() if value.requires_grad}
    assert any(name.startswith("heads") for name in learning) == (METHODS[method].head in ("shared", "separate"))


def test_scalers_are_of_the_training_split_and_all_its_views(artefacts):
    made = prepare_fitting(artefacts, params(), 0, CPU)
    tower = made.network.tower("image")
    assert tower.mean.numpy() == pytest.approx(artefacts.images[:, :8].mean(axis=(0, 1)), abs=1e-6)
    assert made.network.tower("text").mean.numpy() == pytest.approx(artefacts.texts[:8].mean(axis=0), abs=1e-6)


def test_class_vectors_are_of_names_or_of_the_tree(artefacts):
    def cosines(**changes):
        vectors = prepare_fitting(artefacts, params(method="hie", **changes), 0, CPU).data.classes.vectors
        return (vectors @ vectors.T).numpy()

    unit = artefacts.label_vectors / np.linalg.norm(artefacts.label_vectors, axis=1, keepdims=True)
    assert cosines() == pytest.approx(unit @ unit.T, abs=1e-5)
    assert cosines(class_vectors="tree") == pytest.approx(np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]), abs=1e-6)
    assert prepare_fitting(artefacts, params(), 0, CPU).data.classes.vectors is None


def test_class_vectors_that_do_not_fit_are_remarked_on(artefacts, caplog):
    prepare_fitting(artefacts, params(method="hie", dimension=2), 0, CPU)
    assert "3 class vectors do not fit into 2 dimensions" in caplog.text


@pytest.mark.parametrize(
    ("scheme", "changes", "said"),
    [
        ("leaf", {"method": "devise", "relu_last": True}, "negative numbers.*Set it to false"),
        ("leaf", {"method": "dscmr"}, "Set train.head to linear"),
        ("levels", {"method": "devise", "class_vectors": "tree"}, "vectors of classes alone"),
        ("leaf", {"method": "triplet", "mixup": 0.2}, "it classifies nothing"),
        ("leaf", {"method": "nope"}, "expected one of"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(artefacts, scheme, changes, said):
    with pytest.raises(InputError, match=said):
        prepare_fitting(levels(artefacts) if scheme == "levels" else artefacts, params(**changes), 0, CPU)


def test_training_knows_the_class_tree(artefacts):
    data = prepare_fitting(artefacts, params(), 0, CPU).data
    assert data.similarity.tolist() == [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    assert data.classes.nodes.tolist() == [[0, 0, 1], [0, 1, 2]]


def test_halves_are_masked_and_scaled_by_what_is_there(artefacts):
    """Without a picture, rows of zeros do not count in the mean; a name stands for the picture in messages."""
    products = artefacts.products.copy()
    products.loc[[1, 9], "image"] = ""
    products.loc[2, "name"] = ""
    half = replace(artefacts, products=products)
    made = prepare_fitting(half, params(), 0, CPU)
    assert made.data.present.sum(dim=1).tolist() == [10, 11]
    rows = [0, 2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(made.network.tower("image").mean, artefacts.images[:, rows].mean(axis=(0, 1)), atol=1e-6)
    assert made.data.names[:3] == ["0.jpg", "thing 1", "2.jpg"]
    assert prepare_fitting(artefacts, params(), 0, CPU).data.present is None


def test_a_method_of_pairs_needs_pairs(artefacts):
    alone = replace(artefacts, products=artefacts.products.assign(image=""))
    with pytest.raises(InputError, match="adamine: it learns from products with both a picture and a name"):
        prepare_fitting(alone, params(method="adamine"), 0, CPU)
    made = prepare_fitting(alone, params(), 0, CPU)
    assert torch.equal(made.network.tower("image").mean, torch.zeros(5))
