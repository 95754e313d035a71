import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from huse.errors import InputError
from huse.model.methods import METHODS, Batch, Classes, find_method
from tests.training.conftest import LOSSES

LOSSES = LOSSES.changed(alpha=2, beta=3, gamma=5, contrast=LOSSES.contrast.changed(weight=0.7))


def unit(rows, columns):
    return functional.normalize(torch.randn(rows, columns), dim=1)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    classes = Classes(
        targets=torch.eye(3),
        distances=torch.tensor([[0, 0.3, 0.9], [0.3, 0, 0.9], [0.9, 0.9, 0]]),
        vectors=unit(3, 4),
        nodes=torch.tensor([[0, 0, 1], [0, 1, 2]]),
    )
    products = torch.tensor([0, 1, 2, 0, 1])
    logits = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    images, texts = unit(5, 4).requires_grad_(), unit(5, 4).requires_grad_()
    return Batch(images, texts, logits, torch.eye(3)[products], products, classes)


WEIGHTS = {
    "separate": {"classification": 2},
    "triplet": {"triplet": 1},
    "cme": {"matching": 0.98, "classification": 0.02},
    "cme_shared": {"matching": 0.98, "classification": 0.02},
    "adamine": {"adamine": 1},
    "devise": {"ranking": 1},
    "hie": {"projection": 1, "classification": 0.2},
    "dscmr": {"classification": 1, "likelihood": 0.001, "invariance": 0.1},
    "huse_p": {"classification": 2, "projection": 3, "gap": 5},
    "huse": {"classification": 2, "graph": 3, "gap": 5},
    "huse_eq10": {"classification": 2, "graph": 3, "gap": 5},
    "huse_plus": {"classification": 2, "graph": 3, "gap": 5, "contrast": 0.7},
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_terms_and_their_weights(batch, name):
    terms = find_method(name).terms(batch, LOSSES)
    assert {term: weight for term, (weight, _) in terms.items()} == pytest.approx(WEIGHTS[name])
    assert all(value.dim() == 0 for _, value in terms.values())


@pytest.mark.parametrize("name", METHODS)
def test_every_term_has_a_gradient_in_both_modalities(batch, name):
    for term, (_, value) in find_method(name).terms(batch, LOSSES).items():
        found = torch.autograd.grad(
            value, [batch.images, batch.texts, *batch.logits], allow_unused=True, retain_graph=True
        )
        image, text = found[2:] if term == "classification" else found[:2]
        assert image.abs().sum() > 0, term
        assert text.abs().sum() > 0, term


def test_classification_is_the_mean_over_both_modalities(batch):
    _, found = find_method("separate").terms(batch, LOSSES)["classification"]
    image, text = (functional.cross_entropy(logits, batch.products) for logits in batch.logits)
    assert found.item() == pytest.approx((image + text).item() / 2, rel=1e-6)


def test_projection_sums_both_modalities(batch):
    _, found = find_method("huse_p").terms(batch, LOSSES)["projection"]
    vectors = batch.classes.vectors[batch.products]
    expected = sum((1 - (rows * vectors).sum(dim=1)).mean() for rows in (batch.images, batch.texts))
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_equation_10_differs_from_the_text(batch):
    as_text, as_printed = (find_method(name).terms(batch, LOSSES)["graph"][1] for name in ("huse", "huse_eq10"))
    assert as_printed.item() < as_text.item()


def test_the_graph_can_be_a_correlation(batch):
    about = LOSSES.changed(graph=LOSSES.graph.changed(form="correlation"))
    found = float(find_method("huse").terms(batch, about)["graph"][1])
    assert 0 <= found <= 2
    assert not math.isclose(found, float(find_method("huse").terms(batch, LOSSES)["graph"][1]))


def test_devise_by_cosine_is_a_projection(batch):
    about = LOSSES.changed(devise=LOSSES.devise.changed(loss="cosine"))
    terms = find_method("devise").terms(batch, about)
    assert float(terms["projection"][1]) == float(find_method("huse_p").terms(batch, LOSSES)["projection"][1])


def test_methods_that_say_so_need_class_vectors(batch):
    without = replace(batch, classes=replace(batch.classes, vectors=None))
    for name, method in METHODS.items():
        if method.class_vectors:
            with pytest.raises(ValueError, match="class vectors"):
                method.terms(without, LOSSES)
        else:
            assert method.terms(without, LOSSES), name


def test_unknown_method_names_those_there_are():
    with pytest.raises(InputError, match=r"train.method: expected one of separate, .*huse_plus; found 'nope'"):
        find_method("nope")
