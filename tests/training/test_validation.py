from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from huse.training import validation
from huse.training.targets import class_targets
from huse.training.validation import score, validate
from tests.training.conftest import make_network


def test_retrieval_equals_the_definitions(data):
    network, rows = make_network(), data.validation.numpy()
    products = data.products.numpy()[rows]
    found = {
        modality: network.embed(modality, vectors)[0].numpy()[rows]
        for modality, vectors in (("image", data.images[0]), ("text", data.texts))
    }
    recalls, precisions, areas = [], [], []
    similarity = data.similarity.numpy()
    for one, queries in found.items():
        for other, candidates in found.items():
            hits, values, graded = [], [], []
            for query in range(len(rows)):
                kept = np.array([row for row in range(len(rows)) if one != other or row != query])
                cosines, relevant = candidates[kept] @ queries[query], products[kept] == products[query]
                hits.append(relevant[cosines.argmax()])
                values.append(average_precision_score(relevant, cosines))
                mine = similarity[products[query]][products[kept]]
                found_sums, best_sums = (np.cumsum(mine[order]) for order in (np.argsort(-cosines), np.argsort(-mine)))
                graded.append(np.mean(found_sums / best_sums))
            recalls.append(np.mean(hits))
            precisions.append(np.mean(values))
            areas.append(np.mean(graded))
    metrics = validate(network, data)
    assert metrics["recall_at_1"] == pytest.approx(np.mean(recalls))
    assert metrics["average_precision"] == pytest.approx(np.mean(precisions), abs=1e-6)
    assert metrics["ahp"] == pytest.approx(np.mean(areas), abs=1e-6)


def test_products_that_are_alone_in_their_class_are_no_queries_of_their_modality(data):
    products = data.products.clone()
    products[80:] = torch.arange(40) + 3
    classes = replace(data.classes, targets=torch.eye(43), nodes=torch.arange(43)[None])
    alone = replace(data, products=products, classes=classes, similarity=torch.eye(43))
    metrics = validate(make_network(labels=43), alone)
    assert 0 <= metrics["recall_at_1"] <= 0.5  # two of the four directions have no query
    assert all(np.isfinite(list(metrics.values())))


def test_many_products_are_ranked_in_part(data, monkeypatch):
    whole = validate(make_network(), data)
    monkeypatch.setattr(validation, "MOST_RANKED", 20)
    part = validate(make_network(), data)
    assert part["image_accuracy"] == whole["image_accuracy"]
    assert part["average_precision"] != whole["average_precision"]


def test_accuracy_in_levels_counts_the_share_of_labels(data):
    network = make_network(labels=4, head="linear")
    network.heads[0].weight.data.zero_()
    network.heads[0].bias.data = torch.tensor([4.0, 3.0, 2.0, 1.0])  # whatever the item: labels 0, 1, 2 in this order
    levels = replace(data, classes=replace(data.classes, targets=class_targets([[0, 1], [0, 2], [0, 3]], 4)))
    mine = data.products[data.validation]
    expected = float((1.0 * (mine == 0) + 0.5 * (mine != 0)).float().mean())
    metrics = validate(network, levels)
    assert (metrics["image_accuracy"], metrics["text_accuracy"]) == pytest.approx((expected, expected))


def test_criteria():
    metrics = {"image_accuracy": 0.5, "text_accuracy": 0.7, "recall_at_1": 0.9, "average_precision": 0.3, "ahp": 0.2}
    assert score(metrics, "accuracy") == pytest.approx(0.6)
    assert score(metrics, "recall_at_1") == 0.9
    assert score(metrics, "average_precision") == 0.3
    assert score(metrics, "ahp") == 0.2
    assert score(metrics, "all") == pytest.approx(0.5)


def test_products_count_where_they_have_a_picture_or_a_name(halves):
    """Accuracy by hand, and retrieval as of the definitions: any picture's name among all names that are there."""
    network, metrics = make_network(), validate(make_network(), halves)
    rows, directions = {}, []
    for modality, vectors in (("image", halves.images[0]), ("text", halves.texts)):
        there = halves.present[0 if modality == "image" else 1]
        rows[modality] = [row for row in halves.validation.tolist() if there[row]]
        _, scores = network.embed(modality, vectors)
        right = [int(scores[row].argmax()) == int(halves.products[row]) for row in rows[modality]]
        assert metrics[f"{modality}_accuracy"] == pytest.approx(np.mean(right))
    found = {"image": network.embed("image", halves.images[0])[0], "text": network.embed("text", halves.texts)[0]}
    for query, asked in rows.items():
        for candidate, offered in rows.items():
            hits = []
            for row in asked:
                others = [other for other in offered if query != candidate or other != row]
                nearest = others[int((found[candidate][others] @ found[query][row]).argmax())]
                hits.append(bool(halves.products[nearest] == halves.products[row]))
            directions.append(np.mean(hits))
    assert metrics["recall_at_1"] == pytest.approx(np.mean(directions))


def test_without_pictures_only_the_names_are_validated(data):
    present = torch.stack([torch.zeros(120, dtype=torch.bool), torch.ones(120, dtype=torch.bool)])
    metrics = validate(make_network(), replace(data, present=present))
    assert "image_accuracy" not in metrics
    assert score(metrics, "accuracy") == metrics["text_accuracy"]
    assert all(np.isfinite(list(metrics.values())))
