"""A small world of three classes, and how a network of it is trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from huse.engine.devices import resolve_device
from huse.model.losses.contrastive import ContrastSettings
from huse.model.losses.graph import GraphSettings
from huse.model.methods import Classes, Losses, find_method
from huse.model.network import Architecture, Network, NetworkSettings
from huse.training import loop
from huse.training.data import TrainingData
from huse.training.loop import LoopSettings, train
from huse.training.targets import class_targets, class_vectors

LOSSES = Losses(graph=GraphSettings(zeta=0.5), contrast=ContrastSettings(weight=0.3))
SETTINGS = LoopSettings(learning_rate=0.003, batch_size=32, steps=120, validate_every=40)


class MemoryCheckpoint:
    """Keeps states in a list."""

    def __init__(self):
        self.saved = []

    def load(self):
        return self.saved[-1] if self.saved else None

    def save(self, tensors, state):
        self.saved.append(({name: value.clone() for name, value in tensors.items()}, dict(state)))


class KilledError(Exception):
    pass


class KilledAt(MemoryCheckpoint):
    """Ends the run at the n-th save."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def save(self, tensors, state):
        super().save(tensors, state)
        if len(self.saved) == self.number:
            raise KilledError


def assert_same(one, other):
    """Assert that the weights of two networks are the same bits."""
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def make_data():
    """Three classes as clouds around three points, in both modalities."""
    random = np.random.default_rng(0)
    products = np.arange(120) % 3
    images = random.normal(size=(3, 6))[products] * 2 + random.normal(size=(120, 6))
    texts = random.normal(size=(3, 5))[products] * 2 + random.normal(size=(120, 5))
    targets = class_targets([[0], [1], [2]], 3)
    return TrainingData.of(
        images.astype(np.float32)[None],
        texts.astype(np.float32),
        products=products,
        split=np.array(["train"] * 80 + ["validation"] * 40),
        classes=Classes(
            targets,
            torch.tensor([[0, 0.3, 0.9], [0.3, 0, 0.9], [0.9, 0.9, 0]]),
            class_vectors(torch.eye(3, 8), targets),
            torch.tensor([[0, 0, 1], [0, 1, 2]]),
        ),
        similarity=np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]),
        names=[f"{number}.jpg" for number in range(120)],
    )


def make_halves():
    """The same world, in which a third of each class has no picture, and a fifth of the others no name."""
    data = make_data()
    number = torch.arange(120) // 3  # of a product in its class
    pictured = number % 3 > 0
    present = torch.stack([pictured, ~pictured | (number % 5 > 0)])
    images, texts = data.images * present[0, :, None], data.texts * present[1, :, None]
    return replace(data, images=images, texts=texts, present=present)


@pytest.fixture
def data():
    return make_data()


@pytest.fixture
def halves():
    return make_halves()


def make_network(seed=1, labels=3, separate_heads=False, **settings):
    """Make a network of that world."""
    torch.manual_seed(seed)
    settings = NetworkSettings(**{"dimension": 8, "width": 16, "image_layers": 3, "dropout": 0.1} | settings)
    return Network(
        Architecture(image_features=6, text_features=5, labels=labels, separate_heads=separate_heads, settings=settings)
    )


@pytest.fixture
def run(data):
    """Train on a device and return the network and what training gives."""

    def run(of=data, settings=SETTINGS, *, method="huse", losses=LOSSES, seed=1, network=None, device="cpu", **more):
        about, on = find_method(method), resolve_device(device)
        head = "linear" if about.linear_head_only else "cosine"
        network = network or make_network(seed, head=head, separate_heads=about.head == "separate")
        if about.head in ("label_vectors", "class_means"):
            network.fix_head(of.classes.vectors)
        more = {"checkpoint": MemoryCheckpoint(), **more}
        trained = train(network.to(on), of.to(on), about, losses, settings, seed=seed, **more)
        return network.cpu(), trained

    return run


@pytest.fixture
def kill_and_resume(run, monkeypatch):
    """Assert that a run that is killed at its n-th save ends with the same bytes; `make` makes its network."""

    def check(killed_at, *, make=lambda: None, **about):
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
        whole, expected = run(network=make(), **about)
        checkpoint, points = KilledAt(killed_at), []
        with pytest.raises(KilledError):
            run(network=make(), checkpoint=checkpoint, **about)
        torch.manual_seed(99)
        other, trained = run(network=make(), checkpoint=checkpoint, report=points.append, **about)
        assert trained.resumed_at == killed_at
        assert trained.curves == expected.curves == points
        assert_same(whole, other)

    return check
