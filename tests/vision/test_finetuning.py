import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from huse.errors import InputError
from huse.vision import finetuning
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import Backbone, blocks, load_backbone
from huse.vision.finetuning import Finetuned, FinetuneSettings, Pictures, finetune
from huse.vision.preparing import Preparation

CPU = torch.device("cpu")
SETTINGS = FinetuneSettings(
    epochs=3,
    head_epochs=1,
    layers="all",
    learning_rate=0.01,
    layer_decay=0.8,
    weight_decay=0.01,
    label_smoothing=0.0,
    mixup=0.2,
    batch_size=8,
    patience=10,
    dtype="float32",
)
PREPARATION = Preparation("squash", 32, 10**6, Augmentation(rescale=1.15), seed=3)


class Memory:
    """A checkpoint in memory that can end a run after some saves."""

    def __init__(self, saves=math.inf):
        self.saved, self.saves = None, saves

    def load(self):
        return self.saved

    def save(self, tensors, state):
        self.saved = ({name: value.detach().clone() for name, value in tensors.items()}, copy.deepcopy(dict(state)))
        self.saves -= 1
        if self.saves <= 0:
            raise KeyboardInterrupt


def small_backbone(seed=0):
    """Two blocks, a norm and dropout, small enough to train in a test."""
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Sequential(nn.Conv2d(8, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.1)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    origin = {"weights": "random", "seed": seed}
    return Backbone("small", module.eval(), 16, origin, origin)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three classes of stripes that differ in direction and width."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(0)
    paths, split, classes = [], [], []
    for number in range(84):
        kind = number % 3
        waves = np.sin(np.arange(32) * (0.5 if kind < 2 else 1.6) + rng.uniform(0, 6))
        stripes = np.tile(waves, (32, 1)) if kind != 1 else np.tile(waves[:, None], (1, 32))
        pixels = np.clip(128 + 90 * stripes[..., None] + rng.normal(0, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        split.append("train" if number < 60 else "validation" if number < 78 else "test")
        classes.append(kind)
    return Pictures.of(paths, np.array(split), np.array(classes, np.int64))


def run(pictures, settings=SETTINGS, *, backbone=None, checkpoint=None, seed=5):
    backbone = backbone or small_backbone()
    result = finetune(
        backbone,
        pictures,
        PREPARATION,
        settings,
        device=CPU,
        workers=0,
        seed=seed,
        checkpoint=checkpoint or Memory(),
    )
    return result, {name: value.clone() for name, value in backbone.module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_pictures_are_those_of_training_and_validation(pictures):
    assert (len(pictures.train), len(pictures.validation), pictures.classes) == (60, 18, 3)
    assert pictures.train_classes.tolist() == [number % 3 for number in range(60)]
    assert pictures.validation_classes.tolist() == [number % 3 for number in range(60, 78)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns(pictures, dtype):
    result, _ = run(pictures, SETTINGS.changed(epochs=12, head_epochs=0, dtype=dtype))
    assert result.curves[0]["loss"] > 2 * result.curves[-1]["loss"]
    assert result.best()["validation_accuracy"] > 0.9
    assert [point["epoch"] for point in result.curves] == list(range(1, 13))


def test_the_backbone_is_left_in_its_best_state_in_evaluation_mode(pictures):
    backbone = small_backbone()
    result, state = run(pictures, SETTINGS.changed(epochs=6), backbone=backbone)
    best, again = result.best_epoch, Memory(saves=result.best_epoch)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, SETTINGS.changed(epochs=6), checkpoint=again)
    tensors, _ = again.saved
    body = {name.removeprefix("network.body."): value for name, value in tensors.items() if "network.body." in name}
    assert 1 <= best <= 6
    assert same(state, body)
    assert not any(module.training for module in backbone.module.modules())
    assert not any(parameter.requires_grad for parameter in backbone.module.parameters())


def test_same_seed_same_weights(pictures):
    first, same_again, other = (run(pictures, seed=seed)[1] for seed in (5, 5, 6))
    assert same(first, same_again)
    assert not same(first, other)


@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_run_that_was_interrupted_goes_on_bit_by_bit(pictures, saves):
    whole, expected = run(pictures)
    checkpoint = Memory(saves)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, checkpoint=checkpoint)
    torch.manual_seed(999)
    checkpoint.saves = math.inf
    result, state = run(pictures, backbone=small_backbone(seed=77), checkpoint=checkpoint)
    assert result == whole
    assert same(state, expected)


def test_it_goes_on_in_the_middle_of_an_epoch(pictures, monkeypatch):
    whole, expected = run(pictures)
    monkeypatch.setattr(finetuning, "CHECKPOINT_SECONDS", -1)  # after every step
    checkpoint = Memory(saves=11)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, checkpoint=checkpoint)
    assert checkpoint.saved[1]["step"] % 7 not in (0,)
    checkpoint.saves = math.inf
    result, state = run(pictures, checkpoint=checkpoint)
    assert result == whole
    assert same(state, expected)


def test_the_last_block_alone(pictures):
    before = small_backbone().module.state_dict()
    _, after = run(pictures, SETTINGS.changed(layers="last_block"))
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"1"}


def test_norms_that_know_nothing_stay_as_they_are(pictures):
    """Batch norms that were folded into the convolutions; of random weights they are to be learnt."""
    loaded = replace(small_backbone(), origin={"weights": "folded.pth"})
    before = {name: value.clone() for name, value in loaded.module.state_dict().items()}
    _, after = run(pictures, backbone=loaded)
    norms = [name for name in before if name.startswith(("0.1.", "1.1."))]
    assert all(torch.equal(before[name], after[name]) for name in norms)
    assert not torch.equal(before["0.0.weight"], after["0.0.weight"])
    _, learnt = run(pictures)
    assert not torch.equal(before["0.1.running_mean"], learnt["0.1.running_mean"])


def test_it_stops_early(pictures):
    """Only after the backbone has had its chance: the epochs of the head alone do not count."""
    still = SETTINGS.changed(epochs=50, head_epochs=0, learning_rate=1e-12, patience=2)
    result, _ = run(pictures, still)
    assert len(result.curves) < 6
    assert len(result.curves) - result.best_epoch == 2
    result, _ = run(pictures, still.changed(head_epochs=8))
    assert len(result.curves) >= 10


def test_a_loss_that_is_not_finite_stops_with_the_pictures(pictures):
    with pytest.raises(InputError, match=r"fine-tuning stopped .* is not finite"):
        run(pictures, SETTINGS.model_copy(update={"learning_rate": 1e30, "epochs": 30, "head_epochs": 0}))
    broken = small_backbone()
    with torch.no_grad():
        broken.module[0][0].weight.fill_(math.nan)
    with pytest.raises(InputError, match=r"stopped at step 1: the loss is not finite \(batch of .*\.png, "):
        run(pictures, backbone=broken)


def test_fewer_pictures_than_a_batch(pictures):
    few = replace(pictures, train=pictures.train[:5], train_classes=pictures.train_classes[:5])
    result, _ = run(few, SETTINGS.changed(batch_size=64, epochs=2))
    assert len(result.curves) == 2


def test_a_network_of_torchvision(pictures):
    """SqueezeNet has no norm, a ResNet has; both learn something from random weights, or at least move."""
    for name in ("squeezenet1_1", "resnet18"):
        backbone = load_backbone(name, "random", 1)
        before = blocks(backbone)[0][0].clone()
        result, _ = run(pictures, SETTINGS.changed(epochs=1, head_epochs=0), backbone=backbone)
        assert isinstance(result, Finetuned)
        assert not torch.equal(before, blocks(backbone)[0][0])
