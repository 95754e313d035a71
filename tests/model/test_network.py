import json

import pytest
import torch

from huse.errors import InputError
from huse.model.losses import gap_loss, graph_loss
from huse.model.network import Architecture, Network
from huse.model.towers import CosineHead, Tower

SMALL = Architecture(
    image_features=6, text_features=4, labels=3, dimension=5, width=7, image_layers=3, text_layers=2,
    dropout=0.15, head="cosine", scale=16,
)  # fmt: skip


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network(SMALL)


def test_towers_have_the_layers_of_the_paper(network):
    assert [tuple(linear.weight.shape) for linear in network.image_tower.linears] == [(7, 6), (7, 7), (5, 7)]
    assert [tuple(linear.weight.shape) for linear in network.text_tower.linears] == [(7, 4), (5, 7)]


def test_embeddings_have_unit_norm_and_both_signs(network):
    embeddings, scores = network.embed(network.image_tower, torch.randn(50, 6))
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(50), atol=1e-6)
    assert (embeddings < 0).any()
    assert torch.allclose(scores.sum(dim=1), torch.ones(50), atol=1e-6)


def test_an_item_does_not_depend_on_the_rest_of_its_batch(network):
    vectors = torch.randn(9, 6)
    together, _ = network.embed(network.image_tower, vectors)
    alone, _ = network.embed(network.image_tower, vectors[4:5])
    blocks, _ = network.embed(network.image_tower, vectors, block=2)
    assert torch.allclose(together[4:5], alone, atol=1e-6)
    assert torch.allclose(together, blocks, atol=1e-6)


def test_embed_leaves_the_mode_as_it_was(network):
    network.train()
    network.embed(network.image_tower, torch.randn(2, 6))
    assert network.training


def test_one_head_serves_both_towers_and_every_loss_reaches_both(network):
    network.train()
    images, texts = network.image_tower(torch.randn(4, 6)), network.text_tower(torch.randn(4, 4))
    both = torch.cat([images, texts])
    wanted = torch.full((8, 8), 0.5)
    for loss in (
        network.head(both).logsumexp(dim=1).sum(),
        graph_loss(both, wanted, sigma="or", zeta=0.7),
        gap_loss(images, texts),
    ):
        network.zero_grad()
        loss.backward(retain_graph=True)
        for tower in (network.image_tower, network.text_tower):
            assert tower.linears[0].weight.grad.abs().sum() > 0


def test_scaler_standardises_and_leaves_constants_alone():
    tower = Tower(3, 1, 1, 2, 0.0)
    vectors = torch.tensor([[1.0, 5.0, 7.0], [3.0, 9.0, 7.0]])
    tower.fit_scaler(vectors)
    assert tower.mean.tolist() == [2, 7, 7]
    assert tower.deviation.tolist() == [1, 2, 1]


def test_cosine_head_by_hand():
    head = CosineHead(2, 2, scale=10)
    head.weight.data = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    assert torch.allclose(head(torch.tensor([[1.0, 0.0]])), torch.tensor([[10.0, 10 / 2**0.5]]))


def test_a_saved_network_gives_the_same_embeddings(network, tmp_path):
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    network.image_tower.fit_scaler(torch.randn(20, 6))
    network.save(weights, config, {"labels": ["a", "b", "c"]})
    loaded = Network.load(weights, config)
    vectors = torch.randn(3, 6)
    for one, other in zip(
        network.embed(network.image_tower, vectors), loaded.embed(loaded.image_tower, vectors), strict=True
    ):
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
