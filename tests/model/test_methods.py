import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from huse.errors import InputError
from huse.model.losses.contrastive import hierarchical_contrastive_loss
from huse.model.losses.triplets import triplet_loss
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


PRESENT = torch.tensor([[1, 1, 0, 1, 0], [1, 0, 1, 1, 1]], dtype=torch.bool)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("form", ["stress", "correlation"])
@pytest.mark.parametrize("present", [PRESENT, torch.tensor([[False] * 5, [True] * 5])], ids=["some", "texts"])
def test_what_is_missing_has_no_part_in_any_term(batch, name, form, present):
    """Whatever stands in the place of a missing half, the terms are the same, and finite; its gradient is 0."""
    about = LOSSES.changed(graph=LOSSES.graph.changed(form=form))
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        images, texts = (
            torch.where(there[:, None], value.detach(), unit(5, 4)).requires_grad_()
            for there, value in zip(present, (batch.images, batch.texts), strict=True)
        )
        logits = tuple(
            torch.where(there[:, None], value.detach(), torch.randn(5, 3)).requires_grad_()
            for there, value in zip(present, batch.logits, strict=True)
        )
        half = replace(batch, images=images, texts=texts, logits=logits, present=present, classified=present)
        torch.manual_seed(0)  # AdaMine draws
        terms = find_method(name).terms(half, about)
        found.append({term: float(value.detach()) for term, (_, value) in terms.items()})
        torch.stack([weight * value for weight, value in terms.values()]).sum().backward()
        for there, value in zip((*present, *present), (images, texts, *logits), strict=True):
            gradient = torch.zeros_like(value) if value.grad is None else value.grad
            assert gradient.isfinite().all()
            assert not gradient[~there].any()
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert all(map(math.isfinite, found[0].values()))


@pytest.mark.parametrize("name", METHODS)
def test_with_both_halves_of_all_nothing_changes(batch, name):
    whole = torch.ones(2, 5, dtype=torch.bool)
    values = []
    for of in (batch, replace(batch, present=whole, classified=whole)):
        torch.manual_seed(0)  # AdaMine draws
        values.append({term: float(value.detach()) for term, (_, value) in find_method(name).terms(of, LOSSES).items()})
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_means_are_over_what_is_there(batch):
    """By slow loops: classification over images and texts that are there, the gap over whole products."""
    half = replace(batch, present=PRESENT, classified=PRESENT)
    losses = [
        functional.cross_entropy(logits[row : row + 1], batch.products[row : row + 1]).item()
        for logits, there in zip(batch.logits, PRESENT, strict=True)
        for row in range(5)
        if there[row]
    ]
    assert float(find_method("separate").terms(half, LOSSES)["classification"][1]) == pytest.approx(np.mean(losses))
    rows = [row for row in range(5) if PRESENT[:, row].all()]
    gaps = [1 - float(batch.images[row] @ batch.texts[row]) for row in rows]
    assert float(find_method("huse").terms(half, LOSSES)["gap"][1]) == pytest.approx(np.mean(gaps))
    apart = [float((batch.images[row] - batch.texts[row]).norm()) for row in rows]
    assert float(find_method("dscmr").terms(half, LOSSES)["invariance"][1]) == pytest.approx(np.mean(apart), rel=1e-5)
    names = [float(1 - batch.images[m] @ batch.classes.vectors[batch.products[m]]) for m in range(5) if PRESENT[0, m]]
    names += [float(1 - batch.texts[m] @ batch.classes.vectors[batch.products[m]]) for m in range(5) if PRESENT[1, m]]
    assert float(find_method("huse_p").terms(half, LOSSES)["projection"][1]) == pytest.approx(2 * np.mean(names))
    pairs = [(m, n) for m in range(5) for n in range(5) if m != n and PRESENT[0, m] and PRESENT[1, n]]
    others = np.mean([max(0.0, float(batch.images[m] @ batch.texts[n]) - 0.1) for m, n in pairs])
    matching = float(find_method("cme").terms(half, LOSSES)["matching"][1])
    assert matching == pytest.approx(0.2 * np.mean(gaps) + 0.8 * others, rel=1e-5)


def test_contrast_and_triplets_are_those_of_the_rows_that_are_there(batch):
    half, there = replace(batch, present=PRESENT), PRESENT.flatten()
    rows, nodes = batch.embeddings[there], batch.classes.nodes[:, batch.products].repeat(1, 2)[:, there]
    about = LOSSES.contrast
    expected = hierarchical_contrastive_loss(rows, nodes, about.temperature, about.decay)
    assert float(find_method("huse_plus").terms(half, LOSSES)["contrast"][1]) == pytest.approx(
        float(expected), rel=1e-5
    )
    expected = triplet_loss(rows, batch.products.repeat(2)[there], LOSSES.triplet.margin)
    assert float(find_method("triplet").terms(half, LOSSES)["triplet"][1]) == pytest.approx(float(expected))


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
