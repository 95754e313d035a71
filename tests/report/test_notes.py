import pytest
from scipy.stats import binomtest

from huse.report.notes import tree_settings, wilson
from huse.run.params.reader import read_yaml
from tests.conftest import ROOT

HUSE = {"method": "huse", "beta": 10, "graph": {"distances": "labels"}, "contrast": {"weight": 1}}
TREE = {"distances": "tree"}
BY_GRAPH, BY_LABELS, BY_METHOD = "train.graph.distances: tree", "label_graph.encoder: tree", "train.method: huse_plus"


@pytest.mark.parametrize(
    ("train", "encoder", "known"),
    [
        ({}, "infersent", []),
        ({"graph": TREE}, "infersent", [BY_GRAPH]),
        ({"graph": TREE, "beta": 0}, "infersent", []),
        ({"graph": TREE, "method": "separate"}, "infersent", []),
        ({}, "tree", [BY_LABELS]),
        ({"graph": TREE}, "tree", [BY_GRAPH]),
        ({"method": "huse_plus"}, "infersent", [BY_METHOD]),
        ({"method": "huse_plus", "graph": TREE}, "infersent", [BY_GRAPH, BY_METHOD]),
        ({"method": "huse_plus", "contrast": {"weight": 0}}, "infersent", []),
        ({"method": "hie", "class_vectors": "tree"}, "infersent", ["train.class_vectors: tree"]),
        ({"method": "hie", "class_vectors": "labels"}, "infersent", []),
        ({"method": "hie", "class_vectors": "labels"}, "tree", [BY_LABELS]),
        ({"method": "huse", "class_vectors": "tree"}, "infersent", []),
    ],
)
def test_the_settings_that_train_on_the_tree_are_named(train, encoder, known):
    assert tree_settings({"train": {**HUSE, **train}, "label_graph": {"encoder": encoder}}) == known


def test_presets_are_told_apart():
    params = read_yaml(ROOT / "params.yaml")
    assert tree_settings(params) == []
    products = read_yaml(ROOT / "huse/experiments/presets/products.yaml")
    assert tree_settings({**params, "train": {**params["train"], **products["train"]}}) == [BY_GRAPH, BY_METHOD]


@pytest.mark.parametrize(("right", "items"), [(0, 3), (3, 3), (2, 9), (9, 10), (500, 1000)])
def test_the_interval_of_a_share_is_wilsons(right, items):
    expected = binomtest(right, items).proportion_ci(0.95, method="wilson")
    assert wilson(right, items) == pytest.approx((expected.low, expected.high), abs=1e-4)
