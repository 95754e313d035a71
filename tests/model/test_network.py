import json

import pytest
import torch
from torch.nn import functional

from huse.errors import InputError
from huse.model.losses.graph import graph_loss
from huse.model.losses.pairs import gap_loss
from huse.model.network import Network
from huse.model.towers import CosineHead, Tower, drop, unit_rows
from tests.training.conftest import make_network


@pytest.fixture
def network():
    return make_network()


def test_towers_have_the_layers_of_the_paper(network):
    assert [tuple(linear.weight.shape) for linear in network.tower("image").linears] == [(16, 6), (16, 16), (8, 16)]
    assert [tuple(linear.weight.shape) for linear in network.tower("text").linears] == [(16, 5), (8, 16)]


def test_embeddings_have_unit_norm_and_both_signs(network):
    embeddings, scores = network.embed("image", torch.randn(50, 6))
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(50), atol=1e-6)
    assert (embeddings < 0).any()
    assert torch.allclose(scores.sum(dim=1), torch.ones(50), atol=1e-6)


def test_a_relu_on_the_last_layer_leaves_no_negative_number():
    embeddings, _ = make_network(relu_last=True).embed("text", torch.randn(50, 5))
    assert (embeddings >= 0).all()


def test_an_item_does_not_depend_on_the_rest_of_its_batch(network):
    vectors = torch.randn(9, 6)
    together, _ = network.embed("image", vectors)
    alone, _ = network.embed("image", vectors[4:5])
    blocks, _ = network.embed("image", vectors, block=2)
    assert torch.allclose(together[4:5], alone, atol=1e-6)
    assert torch.allclose(together, blocks, atol=1e-6)


def test_embed_leaves_the_mode_as_it_was(network):
    network.train()
    network.embed("image", torch.randn(2, 6))
    assert network.training


def test_one_head_serves_both_towers_and_every_loss_reaches_both(network):
    network.train()
    images, texts = network.tower("image")(torch.randn(4, 6)), network.tower("text")(torch.randn(4, 5))
    assert torch.equal(network.logits("image", images), network.logits("text", images))
    logits = torch.cat([network.logits("image", images), network.logits("text", texts)])
    for loss in (
        logits.logsumexp(dim=1).sum(),
        graph_loss(torch.cat([images, texts]), torch.tensor([0, 1, 2, 0]), torch.ones(3, 3), sigma="or", zeta=0.7),
        gap_loss(images, texts),
    ):
        network.zero_grad()
        loss.backward(retain_graph=True)
        for modality in ("image", "text"):
            assert network.tower(modality).linears[0].weight.grad.abs().sum() > 0


def test_separate_heads_differ():
    network, rows = make_network(separate_heads=True), functional.normalize(torch.randn(4, 8), dim=1)
    assert not torch.allclose(network.logits("image", rows), network.logits("text", rows))


def test_scaler_standardises_and_leaves_constants_alone():
    tower = Tower(3, 1, 1, 2, 0.0)
    vectors = torch.tensor([[1.0, 5.0, 7.0], [3.0, 9.0, 7.0]])
    tower.fit_scaler([vectors])
    assert tower.mean.tolist() == [2, 7, 7]
    assert tower.deviation.tolist() == [1, 2, 1]


def test_a_scaler_of_blocks_is_that_of_all_vectors():
    vectors = torch.randn(100, 6) * torch.tensor([1, 10, 0.1, 1, 1, 1]) + torch.tensor([1e4, 0, 0, 5, 0, 0])
    tower = Tower(6, 1, 1, 2, 0.0)
    tower.fit_scaler(vectors.split(7))
    assert torch.allclose(tower.mean, vectors.double().mean(dim=0).float(), rtol=1e-6)
    assert torch.allclose(tower.deviation, vectors.double().std(dim=0, correction=0).float(), rtol=1e-6)


def test_cosine_head_by_hand():
    head = CosineHead(2, 2, scale=10)
    head.weight.data = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    assert torch.allclose(head(torch.tensor([[1.0, 0.0]])), torch.tensor([[10.0, 10 / 2**0.5]]))
    assert {name for name, _ in head.named_parameters()} == {"weight"}


def test_unit_rows_by_hand():
    # (3, 4) has norm 5; of what pulls along the row nothing is left, of what pulls across it a fifth.
    rows = torch.tensor([[3.0, 4.0]], requires_grad=True)
    found = unit_rows(rows)
    assert torch.allclose(found, torch.tensor([[0.6, 0.8]]))
    found.backward(torch.tensor([[0.6 - 0.8, 0.8 + 0.6]]))
    assert torch.allclose(rows.grad, torch.tensor([[-0.16, 0.12]]))


def test_unit_rows_equal_those_of_torch():
    torch.manual_seed(0)
    values, upstream = torch.randn(5, 7), torch.randn(5, 7)
    values[1], values[2] = 0, values[2] * 1e-14  # no direction, and one that is too short to have it
    results = []
    for normalise in (unit_rows, lambda rows: functional.normalize(rows, dim=1)):
        rows = values.clone().requires_grad_()
        found = normalise(rows)
        found.backward(upstream)
        results.append((found.detach(), rows.grad))
    torch.testing.assert_close(*results)
    assert torch.autograd.gradcheck(unit_rows, torch.randn(3, 4, dtype=torch.float64, requires_grad=True))


def test_dropout_drops_and_scales():
    torch.manual_seed(0)
    values = torch.full((1000, 101), 3.0, requires_grad=True)  # no multiple of the four values of a random number
    found = drop(values, 0.25)
    kept = found != 0
    assert abs(float(kept.float().mean()) - 0.75) < 0.005
    assert torch.allclose(found[kept], torch.tensor(4.0))
    found.sum().backward()
    assert torch.equal(values.grad != 0, kept)
    assert torch.allclose(values.grad[kept], torch.tensor(4 / 3))
    spread = float(kept.float().mean(dim=0).std())
    assert abs(spread - (0.25 * 0.75 / 1000) ** 0.5) < 0.003  # columns do not hang together
    assert not torch.equal(drop(values, 0.25) != 0, kept)


def test_without_dropout_nothing_changes():
    values = torch.randn(3, 4)
    assert drop(values, 0.0) is values
    assert drop(values.bfloat16(), 0.5).dtype == torch.bfloat16


@pytest.mark.parametrize("dropout", [0, 0.5])
@pytest.mark.parametrize(("modality", "features"), [("image", 6), ("text", 5)])
def test_each_tower_has_the_dropout_of_the_settings(modality, features, dropout):
    tower = make_network(dropout=dropout).train().tower(modality)
    embeddings = tower(torch.randn(1, features).expand(20, features))
    assert (len(embeddings.unique(dim=0)) > 1) == (dropout > 0)


def test_dropout_of_the_input_is_for_training_alone():
    torch.manual_seed(0)
    tower = Tower(50, 1, 1, 2, 0.0, input_dropout=0.5)
    vectors = torch.randn(1, 50).expand(200, 50)
    assert len(tower(vectors).unique(dim=0)) > 100
    tower.eval()
    assert len(tower(vectors).unique(dim=0)) == 1
    plain = Tower(50, 1, 1, 2, 0.0)
    plain.load_state_dict(tower.state_dict())
    assert torch.equal(tower(vectors), plain(vectors))


def test_a_learned_scale_begins_at_16_learns_and_is_bounded():
    head = CosineHead(2, 2, scale="learned")
    assert float(head.scale) == pytest.approx(16)
    head(torch.tensor([[1.0, 0.0]])).sum().backward()
    assert head.log_scale.grad != 0
    head.log_scale.data.fill_(9)
    assert float(head.scale) == 100


def test_class_means_by_hand(network):
    images, texts = torch.randn(6, 6), torch.randn(6, 5)
    network.fit_class_means(images, texts, torch.eye(3)[[0, 0, 1, 1, 2, 2]], score=True)
    both = network.embed("image", images)[0] + network.embed("text", texts)[0]
    means = functional.normalize(torch.stack([both[0] + both[1], both[2] + both[3], both[4] + both[5]]), dim=1)
    assert torch.allclose(network.heads[0].weight, means, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in network.heads.parameters())
    _, scores = network.embed("text", texts)
    assert torch.allclose(scores, functional.softmax(16 * network.embed("text", texts)[0] @ means.T, dim=1), atol=1e-6)


def test_class_pull_by_hand():
    plain, network = make_network(separate_heads=True), make_network(separate_heads=True, class_pull=0.4)
    network.load_state_dict(plain.state_dict(), strict=False)
    images, texts, targets = torch.randn(6, 6), torch.randn(6, 5), torch.eye(3)[[0, 0, 1, 1, 2, 2]]
    before, scores = plain.embed("text", texts)
    assert torch.allclose(network.embed("text", texts)[0], before, atol=1e-6)  # no means yet
    network.fit_class_means(images, texts, targets, score=False)
    network.fit_class_means(images, texts, targets, score=False)  # of what is not pulled, so twice is as once
    after, same = network.embed("text", texts)
    assert torch.equal(scores, same)
    assert all(parameter.requires_grad for parameter in network.heads.parameters())
    both = plain.embed("image", images)[0] + before
    means = [functional.normalize(both[2 * k] + both[2 * k + 1], dim=0) for k in range(3)]
    centre = sum(means) / 3
    for row in range(6):
        expected = 0.6 * before[row] + 0.4 * sum(scores[row, k] * (means[k] - centre) for k in range(3))
        assert torch.allclose(after[row], expected / expected.norm(), atol=1e-6)


def test_the_centre_of_class_means_is_that_of_the_products():
    network = make_network(class_pull=0.5)
    targets = torch.eye(3)[[0, 0, 0, 0, 1, 2]]
    network.fit_class_means(torch.randn(6, 6), torch.randn(6, 5), targets, score=False)
    assert torch.allclose(targets.mean(dim=0) @ network.class_means, torch.zeros(network.dimension), atol=1e-6)
    assert network.class_means.mean(dim=0).abs().max() > 1e-3


def test_wholly_pulled_embeddings_lie_among_the_classes():
    network = make_network(class_pull=1.0)
    images, texts = torch.randn(20, 6) * 3, torch.randn(20, 5)
    network.fit_class_means(images, texts, torch.eye(3)[torch.arange(20) % 3], score=False)
    embeddings, scores = network.embed("image", images)
    assert torch.allclose(embeddings, functional.normalize(scores @ network.class_means, dim=1), atol=1e-6)


@pytest.mark.parametrize(
    "changes", [{}, {"separate_heads": True, "head": "linear"}, {"scale": "learned"}, {"class_pull": 0.5}]
)
def test_a_saved_network_gives_the_same_embeddings(tmp_path, changes):
    weights, config, network = tmp_path / "model.safetensors", tmp_path / "config.json", make_network(**changes)
    network.tower("image").fit_scaler([torch.randn(20, 6)])
    network.fit_class_means(torch.randn(3, 6), torch.randn(3, 5), torch.eye(3), score=False)
    network.save(weights, config, {"labels": ["a", "b", "c"]})
    loaded = Network.load(weights, config)
    vectors = torch.randn(3, 6)
    for one, other in zip(network.embed("image", vectors), loaded.embed("image", vectors), strict=True):
        assert torch.equal(one, other)
    assert json.loads(config.read_text())["labels"] == ["a", "b", "c"]


def test_a_damaged_model_is_named(network, tmp_path):
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    network.save(weights, config, {})
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.safetensors"):
        Network.load(weights, config)
    with pytest.raises(InputError, match="not found"):
        Network.load(tmp_path / "none.safetensors", tmp_path / "none.json")
