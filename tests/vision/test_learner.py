import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from huse.vision.backbones import Backbone, load_backbone, restore_backbone
from huse.vision.learner import Learner
from huse.vision.network_input import normalise
from huse.vision.torchvision_networks import AUXILIARY_HEADS
from huse.weights import write_state_dict

CPU = torch.device("cpu")


def learner(**changes):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    backbone = Backbone("small", module, 6, {}, {"weights": "random"})
    arguments = {"learning_rate": 0.1, "layer_decay": 0.5, "weight_decay": 0.0, "device": CPU, "dtype": torch.float32}
    return Learner(backbone, 3, **(arguments | {"seed": 1} | changes))


def batch(count=4):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8), rng.integers(0, 3, count)


def test_the_loss_of_mixed_pictures_by_hand():
    of, (pixels, classes) = learner(), batch()
    partners = torch.tensor([2, 3, 0, 1])
    found = of.loss(pixels, classes, label_smoothing=0.1, mixture=(0.7, partners))
    inputs = normalise(torch.from_numpy(pixels))
    logits = of.network(torch.stack([0.7 * inputs[k] + 0.3 * inputs[partners[k]] for k in range(4)]))
    expected = 0
    for k in range(4):
        target = torch.full((3,), 0.1 / 3)
        target[classes[k]] += 0.9 * 0.7
        target[classes[partners[k]]] += 0.9 * 0.3
        expected -= (target * functional.log_softmax(logits[k], dim=0)).sum() / 4
    torch.testing.assert_close(found, expected)


def test_the_loss_without_a_mixture_is_cross_entropy():
    of, (pixels, classes) = learner(), batch()
    found = of.loss(pixels, classes, label_smoothing=0.0, mixture=None)
    expected = functional.cross_entropy(of.logits(pixels), torch.from_numpy(classes))
    torch.testing.assert_close(found, expected)
    whole = of.loss(pixels, classes, label_smoothing=0.0, mixture=(1.0, torch.tensor([1, 0, 3, 2])))
    torch.testing.assert_close(whole, expected)


def test_a_step_is_adamws_at_the_rate_of_the_block():
    """AdamW's first step moves every weight by its rate, whatever the gradient."""
    of, (pixels, classes) = learner(), batch()
    of.set_layers("all")
    before = {name: value.clone() for name, value in of.network.state_dict().items()}
    of.learn(of.loss(pixels, classes, label_smoothing=0.0, mixture=None), share=0.1)
    moved = {name: (value - before[name]).abs().max() for name, value in of.network.state_dict().items()}
    assert float(moved["head.weight"]) == pytest.approx(0.01, rel=1e-3)
    assert float(moved["body.0.weight"]) == pytest.approx(0.005, rel=1e-2)


def test_the_state_is_taken_up_again():
    one, (pixels, classes) = learner(), batch()
    one.set_layers("all")
    for _ in range(3):
        one.learn(one.loss(pixels, classes, label_smoothing=0.0, mixture=None), share=1.0)
    # As a file gives them back: in the order of their indices, whatever order the network works in.
    state = {name: value.clone(memory_format=torch.contiguous_format) for name, value in one.state().items()}
    other = learner(seed=9)
    other.set_layers("all")
    other.restore(state)
    for of in (one, other):
        of.learn(of.loss(pixels, classes, label_smoothing=0.0, mixture=None), share=1.0)
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name


def test_dropout_of_frozen_layers_is_off():
    """The last block's own dropout works, and so does that of all layers when all of them learn."""
    of = learner()
    for number in range(2):
        of.network.body.append(nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.BatchNorm1d(6, affine=False)))
        of._blocks.append(list(of.network.body[-1].parameters()))
        of._optimizer.add_param_group({"params": of._blocks[number + 1]})
    frozen, last = of.network.body[-2:]
    for layers, expected in (("head", (False, False)), ("last_block", (False, True)), ("all", (True, True))):
        of.set_layers(layers)
        assert tuple(part.training for part in (frozen[1], last[1])) == expected
        assert tuple(part.training for part in (frozen[2], last[2])) == expected


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_heads_for_training_alone_learn(name):
    """At sizes that these heads are too large for; what was written with them is read without."""
    backbone = load_backbone(name, "random", 1)
    assert not any(key.startswith(AUXILIARY_HEADS) for key in backbone.module.state_dict())
    of = Learner(backbone, 3, learning_rate=0.1, layer_decay=1, weight_decay=0, device=CPU, dtype=torch.float32, seed=1)
    of.set_layers("all")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    of.learn(of.loss(pixels, np.array([0, 1]), label_smoothing=0.1, mixture=None), share=1.0)


def test_what_was_written_with_heads_for_training_alone_is_read(tmp_path):
    backbone = load_backbone("googlenet", "random", 1)
    state = backbone.module.state_dict()
    write_state_dict({**state, "aux1.fc2.weight": torch.ones(2)}, tmp_path / "w.safetensors")
    again = restore_backbone("googlenet", tmp_path / "w.safetensors", {}, {})
    assert all(torch.equal(value, state[key]) for key, value in again.module.state_dict().items())
